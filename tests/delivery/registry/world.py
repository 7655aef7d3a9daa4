"""A registry with its buckets, its key and its people, for tests."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import msgspec
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from delivery.registry import approval, gates, promotion
from delivery.registry.approval import Approval
from delivery.registry.approvers import approvers
from delivery.registry.desk import Desk
from delivery.registry.documents import Environment, digest, written
from delivery.registry.held import digest_of_declared, held
from delivery.registry.promotion import Outcome
from delivery.registry.rules import Rules
from delivery.registry.state import state

AUDIT, ARTIFACTS, MODEL = "audit-records", "models-of-the-hospital", "readmission"
AUTHOR, ALICE, BOB = "author", "alice", "bob"
HOURS = timedelta(hours=8)
WHY = "Better calibrated for the cardiology ward."
FACTS = {
    "parapet.dataset": digest(b"dataset"),
    "parapet.code": "3f2a9c1e",
    "parapet.image": digest(b"image"),
    "parapet.environment": digest(b"lock"),
}
GOOD: Mapping[str, Any] = {"name": "auroc", "value": 0.81, "minimum": 0.75, "rows": 12000, "passed": True}
BAD: Mapping[str, Any] = {"name": "recall", "value": 0.5, "minimum": 0.6, "rows": 900, "passed": False}


@dataclass
class World:
    """Where tests decide. `variables` are those of a person's shell."""

    folder: Path
    variables: dict[str, str]
    people: dict[str, Path] = field(default_factory=dict)
    """The files of the approvers' private keys."""
    name: str = MODEL
    """The model's."""
    author: str = AUTHOR
    """Who registers its versions."""
    contract: bytes = b"{}"
    """Of the models that reports are of, unless they are given another."""
    own: Desk | None = None
    """Made once: clients of AWS take their time."""
    hours: Iterator[timedelta] = field(default_factory=lambda: (HOURS - timedelta(seconds=each) for each in count()))
    """How long each approval lasts, of which no two are the same: none is one of before, though both be of one second
    and for the same."""

    @property
    def s3(self) -> Any:
        return self.desk().s3

    @property
    def declared(self) -> Path:
        return self.folder / "gates.yaml"

    @property
    def approvers(self) -> Path:
        return self.folder / "approvers.yaml"

    def desk(self, account: str = "mia", after: timedelta = timedelta()) -> Desk:
        """Of this account, so long after now."""
        if self.own is None:
            self.own = Desk.of(self.rules, {**self.variables, "MLFLOW_TRACKING_USERNAME": account})
        own = {"mlflow": replace(self.own.mlflow, account=(account, self.own.mlflow.account[1])), "rules": self.rules}
        return replace(self.own, account=account, now=lambda: datetime.now(UTC) + after, **own)

    @property
    def rules(self) -> Rules:
        """As the files say now."""
        return Rules(approvers(self.approvers), held(self.declared), self.variables["PARAPET_AUDIT_BUCKET"])

    def hold_to(self, *listed: Mapping[str, Any], **more: str) -> None:
        """Declares these gates, which stop a model."""
        told = [{**each, "severity": "stop"} for each in _told(listed)]
        self.declared.write_text(yaml.safe_dump({"gates": told, **more}))

    def report(self, model: bytes, *listed: Mapping[str, Any], contract: bytes | None = None, **changed: Any) -> Path:
        """Compared with what serves in production by now."""
        file = self.folder / f"gates-{digest(model)[7:17]}.json"
        told = {"format": "parapet-gates/2", "model": digest(model), "declared": digest_of_declared(self.declared)}
        contract = self.contract if contract is None else contract
        told |= {"contract": digest(contract), "reference": self.reference(), "gates": list(listed or self.passing())}
        facts = {name.removeprefix("parapet."): value for name, value in FACTS.items()}
        file.write_text(json.dumps({**told, "facts": facts, **changed}))
        return file

    def reference(self) -> dict[str, str] | None:
        now = state(each.entry for each in self.desk().ledger(self.name).kept() if each.entry)
        served = now.serving(Environment.PROD)
        return {each: served.begun.digests[each] for each in ("model", "contract")} if served else None

    def passing(self) -> list[dict[str, Any]]:
        """The declared gates, passed by a little."""
        declared = yaml.safe_load(self.declared.read_text())["gates"]
        return [{**GOOD, **each, "value": round(each["minimum"] + 0.06, 6)} for each in _told(declared)]

    def approve(self, report: Path, who: str = ALICE, **changed: Any) -> Approval:
        asked: dict[str, Any] = {
            **{
                "approver": who,
                "model": self.name,
                "came_from": Environment.STAGING,
                "to": Environment.PROD,
                "stack": AUDIT,
                "why": WHY,
            },
            "author": self.author,
            **{"override": (), "now": datetime.now(UTC), "lasts": next(self.hours), **changed},
        }
        key, passphrase = asked.pop("key", self.people.get(who)), asked.pop("passphrase", None)
        return approval.signed(approval.stated(gates.load(report), **asked), key, passphrase)

    def approve_as_before(self, report: Path, now: datetime) -> Approval:
        """Of the days when an approval named neither stack nor contract, and its report no version."""
        told, reads = gates.load(report), {"approver": ALICE, "model": self.name, "override": [], "reason": WHY}
        reads |= {"format": "parapet-approval/1", "digest": told.model, "gates": told.digest}
        reads |= {"came_from": "staging", "to": "prod", "made": written(now), "expires": written(now + HOURS)}
        return approval.signed(msgspec.convert(reads, approval.Statement), self.people[ALICE], None)

    def promote(
        self,
        model: bytes,
        to: Environment,
        *approvals: Approval,
        desk: Desk | None = None,
        report: Path | None = None,
        version: str | None = None,
    ) -> Outcome:
        """To production by Alice's approval, unless others are given."""
        file = report or self.report(model)
        given: Sequence[Approval] = approvals or ([self.approve(file)] if to is Environment.PROD else [])
        return promotion.promote(
            desk or self.desk(),
            self.name,
            to,
            report=gates.load(file),
            why=WHY,
            version=version,
            approvals=given,
        )

    def through(self, model: bytes, version: str) -> Outcome:
        """All the way to production."""
        self.promote(model, Environment.STAGING, version=version)
        return self.promote(model, Environment.PROD)


def _told(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": each["name"], "minimum": each["minimum"]} for each in listed]


def locked() -> Any:
    """A client of S3, with the audit bucket as the platform makes it."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=AUDIT, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 6}}
    s3.put_object_lock_configuration(
        Bucket=AUDIT, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    return s3


def founded(folder: Path, variables: dict[str, str]) -> World:
    """The buckets as the platform makes them, the key, and three people with keys of their own."""
    s3 = locked()
    s3.create_bucket(Bucket=ARTIFACTS)
    s3.put_bucket_versioning(Bucket=ARTIFACTS, VersioningConfiguration={"Status": "Enabled"})
    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    places = {"PARAPET_AUDIT_BUCKET": AUDIT, "PARAPET_ARTIFACTS_BUCKET": ARTIFACTS, "PARAPET_SIGNING_KEY": key}
    world = World(folder, {"MLFLOW_TRACKING_PASSWORD": "the-password-of-tests", **places, **variables})
    listed = []
    for who in (AUTHOR, ALICE, BOB):
        private = Ed25519PrivateKey.generate()
        world.people[who] = folder / f"{who}.pem"
        world.people[who].write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        world.people[who].chmod(0o600)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        listed.append({"account": who, "key": public.decode()})
    world.approvers.write_text(yaml.safe_dump(listed))
    world.hold_to(GOOD)
    return world
