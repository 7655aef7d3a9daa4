"""The report of the gates that a model was held to. Whoever holds it to them writes this document."""

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, json, structs

from delivery.registry.documents import Account, Digest, Fact, Reason, Word, digest_of, read
from delivery.registry.refused import Refused

UNMEASURED: Final = ".measured"
"""Behind a gate's name: it is 0, and must be 1, where the gate could not be measured."""

FACTS: Final = ("dataset", "code", "image", "environment")
"""What a version says of where it comes from: in dev as tags `parapet.dataset` and so on."""
WATCHED: Final = "profile"
"""The fact of a version that came with what its drift is checked by: beside FACTS, in reports of the pipeline since it
makes one."""
USUAL: Final = "noise"
"""The fact of a version that came with what its days are like by that profile, likewise."""
UNWATCHED: Final = "drift-profile"
"""What is let pass, as a gate that failed is, where a report for production does not name all that its version's drift
is checked by."""
REFERENCE: Final = ("reference", "reference.contract")
"""What a ledger says of the model that another was compared with."""
NONE: Final = "none"
"""Of the reference, where nothing served."""
BEFORE: Final = "parapet-gates/1"
"""The form of reports that said nothing of contract, version and reference. Old entries of a ledger have it."""


class Gate(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that was measured, and between which bounds it must be."""

    name: Word
    value: float
    rows: Annotated[int, Meta(ge=0)]
    """How many rows it was measured on, or failed; 0 where it is no matter of rows."""
    passed: bool
    minimum: float | None = None
    maximum: float | None = None

    @property
    def holds(self) -> bool:
        low = self.minimum is None or self.value >= self.minimum
        return low and (self.maximum is None or self.value <= self.maximum)

    def __str__(self) -> str:
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in (("at least", self.minimum), ("at most", self.maximum))
            if bound is not None
        ]
        return f"{self.name} is {self.value:.6g}, must be {' and '.join(bounds)} ({self.rows:,} rows)"


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """What a model was compared with, by the digests of its two files."""

    model: Digest
    contract: Digest


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """All gates of one model, and of which version it is: what an approval of the report is an approval of."""

    format: Literal["parapet-gates/1", "parapet-gates/2"]
    model: Digest
    """Of the bytes of `model.onnx`."""
    declared: Digest
    """Of what the gates were declared to be (`held.py`)."""
    gates: Annotated[list[Gate], Meta(min_length=1, max_length=200)]
    contract: Digest | UnsetType | None = UNSET
    """Of the bytes of `contract.json`; None where it was not given. The former form says nothing of it, nor of what
    follows."""
    facts: dict[Word, Fact] | UnsetType = UNSET
    """Of the version, by the names that are in `FACTS`, and WATCHED and USUAL where it has them."""
    reference: Reference | UnsetType | None = UNSET
    """What served in production when the model was held to its gates; None where nothing did."""

    @property
    def digest(self) -> str:
        return digest_of(self)

    @property
    def digests(self) -> dict[str, str]:
        """What a ledger says of it, beside its gates and the version that it is of."""
        told = {"gates": self.digest, "declared": self.declared}
        if self.reference is UNSET:
            return told
        compared = (self.reference.model, self.reference.contract) if self.reference else (NONE, NONE)
        return told | dict(zip(REFERENCE, compared, strict=True))

    @property
    def failed(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.passed]

    def watches(self, parts: Iterable[str]) -> bool:
        """Whether it names the profile, and the noise where that is among the version's parts: so that who signs for
        the report signs for both."""
        return {WATCHED, *({USUAL} & set(parts))} <= set(self.facts or {})


class Override(Struct, frozen=True, forbid_unknown_fields=True):
    """Two people let a model pass that failed, for a pipeline to go on. A promotion asks for signatures of its own."""

    gates: list[Word]
    reason: Reason
    asked_by: Account
    agreed_by: Account


def load(file: Path) -> Report:
    """Raises Refused where it is no report, or says of a gate what its own numbers do not."""
    try:
        report = read(file.read_bytes(), Report, f"The gate report {file}")
    except OSError as error:
        raise Refused(f"The gate report {file} cannot be read: {error.strerror}.") from None
    check(report, f"The gate report {file}")
    return report


def of_a_ledger(digests: Mapping[str, str], listed: list[Gate]) -> Report:
    """The report as an entry tells of it. The digest of the one that was given is another where the entry lies. Raises
    Refused."""
    told = Report(BEFORE, digests["model"], digests["declared"], listed)
    if REFERENCE[0] in digests:
        model, contract = (digests[name] for name in REFERENCE)
        told = structs.replace(
            told,
            format="parapet-gates/2",
            contract=digests["contract"],
            facts={name: digests[name] for name in FACTS},
            reference=None if NONE in (model, contract) else Reference(model, contract),
        )
        # Which reports of before did not name, though their versions had them.
        there = [name for name in (WATCHED, USUAL) if name in digests]
        for names in (there[:many] for many in range(len(there), 0, -1)):
            also = {name: digests[name] for name in names}
            named = _read(structs.replace(told, facts={**(told.facts or {}), **also}))
            if named.digest == digests.get("gates"):
                return named
    return _read(told)


def _read(told: Report) -> Report:
    return read(json.encode(told), Report, "The gate report, as the decision tells of it,")


def check(report: Report, what: str) -> None:
    """Raises Refused where it says of a gate what its own numbers do not, of none anything that could fail, or not of
    which version it is."""
    if report.format != BEFORE and (lacking := _lacking(report)):
        raise Refused(
            f"{what} does not say {', '.join(lacking)}: it could be another version's. Hold the model to its gates "
            "with its contract and what it was made of; the pipeline does."
        )
    if not report.gates:
        raise Refused(f"{what} has no gate: nothing was looked at. Hold the model to its gates.")
    names = [gate.name for gate in report.gates]
    for gate in report.gates:
        if names.count(gate.name) > 1:
            raise Refused(f"{what} has {gate.name} twice; each gate is told once. Make it anew.")
        if gate.minimum is None and gate.maximum is None:
            raise Refused(f"{what} has {gate.name} without a bound: it could not fail. Give it one.")
        if not all(isfinite(each) for each in (gate.value, gate.minimum, gate.maximum) if each is not None):
            raise Refused(f"{what} has {gate.name} with a number that is none. Measure it anew.")
        if gate.passed != gate.holds:
            said = "passed" if gate.passed else "failed"
            raise Refused(f"{what} contradicts itself: {gate}, and is said to have {said}. Make it anew.")


def _lacking(report: Report) -> list[str]:
    given = {"contract": report.contract, **(report.facts or {}), "reference": report.reference is not UNSET}
    return [f"its {name}" for name in ("contract", *FACTS, "reference") if not given.get(name)]
