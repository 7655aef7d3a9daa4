"""What a model's gates came to: all of it for people, and the part that a promotion reads, in the registry's form."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, ValidationError, convert, structs

from delivery.gates.declared import AtMost, Gate
from delivery.gates.measured import Measured
from delivery.registry import gates as registry
from delivery.registry.documents import Digest, Fact, Word, digest_of, reason, told
from delivery.registry.refused import Refused


class Outcome(Struct, frozen=True, forbid_unknown_fields=True):
    """What one gate came to."""

    name: Word
    kind: str
    severity: Literal["stop", "warn"]
    passed: bool
    value: float | None
    """What was held against the bound: the worse end of the interval, if there is one. None: not measured, failed."""
    minimum: float | None
    maximum: float | None
    point: float | None
    low: float | None
    high: float | None
    rows: int
    """Rows that it looked at, or that failed it."""
    keys: list[str]
    """Keyed hashes of the first records that failed."""
    says: str
    why: str


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """What all gates came to."""

    format: Literal["parapet-gates-full/2"]
    model: Digest
    declared: Digest
    """Of what gates.yaml says (`delivery/registry/held.py`)."""
    inputs: dict[str, Digest]
    facts: dict[Word, Fact]
    """Of the version: its data set, code, image and environment."""
    reference: registry.Reference | None
    """What it was compared with; None where nothing served."""
    gates: Annotated[list[Outcome], Meta(min_length=1)]
    override: registry.Override | None = None

    @property
    def digest(self) -> str:
        return digest_of(self)

    @property
    def failed(self) -> list[Outcome]:
        """Those that stop the model."""
        return [gate for gate in self.gates if not gate.passed and gate.severity == "stop"]

    @property
    def passed(self) -> bool:
        """Whether the model may go on: nothing failed that stops, or two people let it pass."""
        return not self.failed or self.override is not None


def outcome(gate: Gate, found: Measured) -> Outcome:
    """The gate held against its bound; what is no finite number fails."""
    maximum = gate.maximum if isinstance(gate, AtMost) else None
    minimum = None if isinstance(gate, AtMost) else gate.minimum
    value = found.value if abs(found.value) < float("inf") else None
    low = value is not None and (minimum is None or value >= minimum)
    passed = low and value is not None and (maximum is None or value <= maximum)
    return Outcome(
        **{"name": gate.name, "kind": gate.kind, "severity": gate.severity, "passed": passed, "value": value},
        **{"minimum": minimum, "maximum": maximum, "point": found.point, "low": found.low, "high": found.high},
        **{"rows": found.rows, "keys": list(found.keys), "says": found.says, "why": gate.why},
    )


def overridden(report: Report, given: registry.Override) -> Report:
    """Raises Refused unless it names all gates that failed, and no other."""
    failed = sorted(gate.name for gate in report.failed)
    if not failed or failed != given.gates:
        raise Refused(
            f"The override names {', '.join(given.gates) or 'no gate'}; failed have: {', '.join(failed) or 'none'}. "
            "Name each failed gate, and only those."
        )
    return structs.replace(report, override=given)


def agreed(gates: Sequence[str], why: str, asked_by: str, agreed_by: str) -> registry.Override:
    """Raises Refused unless two different people let gates pass, with a reason."""
    if asked_by.strip().casefold() == agreed_by.strip().casefold():
        raise Refused("An override needs two people: who asks for it cannot agree to it too.")
    fields = {"gates": sorted(gates), "reason": reason(why), "asked_by": asked_by, "agreed_by": agreed_by}
    try:
        return convert(fields, registry.Override)
    except ValidationError as error:
        raise Refused(f"The override cannot be recorded: {told(error)}.") from None


def for_promotion(report: Report) -> registry.Report:
    """The gates that stop a model, as a promotion reads them. What was not measured is a failed gate of its own."""
    gates = [_gate(each) for each in report.gates if _stops(each)]
    told = {"contract": report.inputs.get("contract"), "facts": report.facts, "reference": report.reference}
    return registry.Report("parapet-gates/2", report.model, report.declared, gates, **told)


def _stops(gate: Outcome) -> bool:
    return gate.severity == "stop"


def _gate(gate: Outcome) -> registry.Gate:
    if gate.value is None:
        return registry.Gate(f"{gate.name}{registry.UNMEASURED}", 0.0, gate.rows, passed=False, minimum=1.0)
    return registry.Gate(gate.name, gate.value, gate.rows, gate.passed, gate.minimum, gate.maximum)
