"""What the gates say to people. Nothing of anybody's record is in it."""

from delivery.gates.report import Outcome, Report


def told(report: Report) -> str:
    """A line for each gate, and for what failed why the bound is so and where it failed."""
    lines = [line for gate in report.gates for line in _gate(gate)]
    failed = [gate.name for gate in report.failed]
    end = f"{len(failed)} of {len(report.gates)} gates stop it: {', '.join(failed)}" if failed else "All passed."
    if not failed and any(not gate.passed for gate in report.gates):
        end = "Nothing stops it; what is only told has failed."
    if given := report.override:
        end += f"\nLet pass by {given.asked_by} and {given.agreed_by}: {given.reason}"
    return "\n".join([*lines, f"Model {report.model}", end])


def _gate(gate: Outcome) -> list[str]:
    word = "passed" if gate.passed else "FAILED" if gate.severity == "stop" else "told"
    value = "not measured" if gate.value is None else f"{gate.value:.6g}"
    between = f" ({gate.low:.4g} to {gate.high:.4g})" if gate.low is not None else ""
    sign, bound = ("at least", gate.minimum) if gate.maximum is None else ("at most", gate.maximum)
    says = f"; {gate.says}" if gate.says else ""
    lines = [f"{word}  {gate.name}: {value}{between}, {sign} {bound:g}, {gate.rows:,} rows{says}"]
    if not gate.passed:
        lines.append(f"        why: {gate.why}")
        lines += [f"        records: {', '.join(gate.keys)}"] if gate.keys else []
    return lines
