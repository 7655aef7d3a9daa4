"""An approval: a statement that a person signs with a key of their own."""

import stat
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import UNSET, Meta, Struct, UnsetType

from delivery.registry import signing
from delivery.registry.approvers import People, Through
from delivery.registry.documents import (
    Account,
    Bucket,
    Digest,
    Environment,
    Instant,
    Name,
    Reason,
    Word,
    canonical,
    digest_of,
    moment,
    read,
    reason,
    told,
    written,
)
from delivery.registry.gates import BEFORE, UNWATCHED, USUAL, Report
from delivery.registry.refused import Gone, Refused

FORM: Final = "parapet-approval/2"
LONGEST: Final = timedelta(days=7)
"""An approval is of what its approver has just seen."""


class Statement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed."""

    format: Literal["parapet-approval/1", "parapet-approval/2"]
    approver: Account
    model: Name
    digest: Digest
    """Of the bytes of `model.onnx`."""
    gates: Digest
    """Of the gate report that the approver read: it says what the version was made of and compared with."""
    came_from: Environment
    to: Environment
    override: Annotated[list[Word], Meta(max_length=200)]
    """The failed gates that the approver lets pass."""
    reason: Reason
    made: Instant
    expires: Instant
    through: Through | None = None
    """For who approved as a reviewer of a GitHub Environment, whose key signs: by what it knows them."""
    stack: Bucket | UnsetType = UNSET
    """The one whose ledger takes it, by its audit bucket: a name that no other has in all of AWS. Left out in those of
    before, whose bytes are what was signed."""
    contract: Digest | UnsetType = UNSET
    """Of the bytes of `contract.json`. Left out in those of before, as is the next."""
    author: Account | UnsetType = UNSET
    """Who registered the version, as the approver was told."""


class Approval(Struct, frozen=True, forbid_unknown_fields=True):
    """A statement, and its approver's signature of its canonical form: Ed25519, or ECDSA over P-256 with SHA-256."""

    statement: Statement
    signature: Annotated[str, Meta(max_length=200)]

    @property
    def digest(self) -> str:
        """Of the statement: who signs the same one again makes no second approval."""
        return digest_of(self.statement)


def stated(
    report: Report,
    *,
    approver: str,
    model: str,
    author: str,
    came_from: Environment,
    to: Environment,
    stack: str,
    why: str,
    override: Sequence[str],
    now: datetime,
    lasts: timedelta,
    through: Through | None = None,
) -> Statement:
    """Raises Refused. `override` must be the gates that failed, all of them: nothing passes unnoticed. It may have
    UNWATCHED besides, where the report does not name both profile and noise; whether it must, the decision says."""
    if report.format == BEFORE:
        raise Refused(
            f"The gate report is of the form {BEFORE}: of which contract and version it is, nobody can tell. Hold the "
            "model to its gates anew."
        )
    if not timedelta() < lasts <= LONGEST:
        raise Refused(f"An approval for {lasts} is not made; it lasts for some hours, {LONGEST.days} days at most.")
    failed = [gate.name for gate in report.failed]
    besides = (UNWATCHED,) if to is Environment.PROD and not report.watches([USUAL]) else ()
    if sorted(failed) != sorted(each for each in override if each not in besides):
        shown = "\n".join(f"    {gate}" for gate in report.failed) or "    none failed"
        raise Refused(
            f"The override names {', '.join(override) or 'no gate'}; failed have\n{shown}\n"
            "Name each failed gate with --override to let it pass, or leave the model where it is."
        )
    raw = {
        **{"format": FORM, "approver": approver, "model": model, "digest": report.model},
        **{"contract": report.contract, "author": author, "stack": stack},
        **{"gates": report.digest, "came_from": came_from, "to": to, "override": sorted(override)},
        **{"reason": reason(why), "made": written(now), "expires": written(now + lasts), "through": through},
    }
    try:
        return msgspec.convert(raw, Statement)
    except msgspec.ValidationError as error:
        raise Refused(f"The approval cannot be made: {told(error)}.") from None


def signed(statement: Statement, key: Path, passphrase: str | None) -> Approval:
    """Raises Refused where the file has no key that is the caller's alone."""
    private = _private(key, passphrase)
    message = canonical(statement)
    if isinstance(private, Ed25519PrivateKey):
        signature = private.sign(message)
    else:
        signature = private.sign(message, ECDSA(SHA256()))
    return Approval(statement, signing.text(signature))


def load(file: Path) -> Approval:
    try:
        return read(file.read_bytes(), Approval, f"The approval {file}")
    except OSError as error:
        raise Refused(f"The approval {file} cannot be read: {error.strerror}.") from None


def check(
    approval: Approval,
    people: People,
    wanted: Mapping[str, object],
    at: datetime,
    *,
    named_since: datetime | None = None,
) -> None:
    """Raises Refused where it is not for what is wanted or by nobody who counts, Gone where only its time is over.

    `named_since`: an approval that was made before then need not name its stack; None where each has to.
    """
    statement = approval.statement
    message, signature = canonical(statement), signing.raw(approval.signature)
    own = [
        each
        for each in people.keys_of(statement.approver, statement.through)
        if signing.verifies(each.public, message, signature)
    ]
    if not own:
        raise Refused(f"The approval by {statement.approver} is not signed by their key. Ask them for another.")
    for field, value in wanted.items():
        said = getattr(statement, field)
        if said is UNSET:
            if field == "stack" and "contract" not in wanted and named_since and moment(statement.made) < named_since:
                continue  # of a decision whose report is of before too
            raise Refused(f"The approval by {statement.approver} names no {field}. Ask them for one for {value}.")
        if said != value:
            raise Refused(
                f"The approval by {statement.approver} is for another {field.replace('_', ' ')}: {_plain(said)}, and "
                f"this is {_plain(value)}. Ask them for one of this."
            )
    if (
        at < moment(statement.made) - timedelta(minutes=5)
        or moment(statement.expires) - moment(statement.made) > LONGEST
    ):
        raise Refused(
            f"The approval by {statement.approver} was made at {statement.made} until {statement.expires}; it must not "
            f"be of the future nor last for more than {LONGEST.days} days. Ask them for another."
        )
    if at >= moment(statement.expires):
        raise Gone(f"The approval by {statement.approver} expired at {statement.expires}. Ask for another.")
    if not any(each.counts(at) for each in own):
        raise Gone(
            f"The approval by {statement.approver} is signed by a key that has ceased to count. Ask them for one by "
            "their key of now, or somebody else."
        )


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _private(file: Path, passphrase: str | None) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise Refused(f"The key file {file} cannot be read: {error.strerror}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise Refused(
            f"The key file {file} has mode {stat.S_IMODE(mode):o}; it must be 600, yours alone: chmod 600 {file}"
        )
    try:
        key = load_pem_private_key(content, passphrase.encode() if passphrase else None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise Refused(f"The key file {file} is no private key in PEM, or its passphrase is another.") from None
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise Refused(f"The key in {file} is none of Ed25519 or P-256. Make one: openssl genpkey -algorithm ed25519")
