"""The report of the gates that a model was held to. Whoever holds it to them writes this document."""

from math import isfinite
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from delivery.registry.documents import Account, Digest, Reason, Word, digest_of, read
from delivery.registry.refused import Refused

UNMEASURED: Final = ".measured"
"""Behind a gate's name: it is 0, and must be 1, where the gate could not be measured."""


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


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """All gates of one model."""

    format: Literal["parapet-gates/1"]
    model: Digest
    """Of the bytes of `model.onnx`."""
    declared: Digest
    """Of what the gates were declared to be (`held.py`)."""
    gates: Annotated[list[Gate], Meta(min_length=1, max_length=200)]

    @property
    def digest(self) -> str:
        return digest_of(self)

    @property
    def failed(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.passed]


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


def check(report: Report, what: str) -> None:
    """Raises Refused where it says of a gate what its own numbers do not, or of none anything that could fail."""
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
