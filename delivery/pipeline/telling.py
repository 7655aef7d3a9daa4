"""What the pipeline says to people and to programs. Nothing of anybody's record is in it."""

import json
from typing import Any

import msgspec

from delivery.pipeline.lineage import Compared, Difference, Record
from delivery.pipeline.running import Ran


def ran(told: Ran) -> dict[str, Any]:
    """For programs."""
    return {
        "out": str(told.out),
        "stopped": told.stopped or None,
        "registered": dict(told.registered) or None,
        "run": msgspec.to_builtins(told.record) if told.record else None,
    }


def ran_lines(told: Ran) -> list[str]:
    lines = _record(told.record) if told.record else []
    counts = told.out / "split.json"
    if counts.exists():
        found = json.loads(counts.read_text())
        lines.insert(
            0,
            f"Trained on {found['train']:,} stays, tried on {found['test']:,} of other patients from "
            f"{found['first_year_held_out']} on; {found['unused']:,} unused, {found['without_outcome']:,} unknown",
        )
    if told.stopped:
        return [*lines, told.stopped, f"Look in {told.out}: {', '.join(_names(told))}"]
    version = f"{told.registered['name']} version {told.registered['version']}, by {told.registered['author']}"
    return [*lines, f"Registered {version}", f"In {told.out}: {', '.join(_names(told))}"]


def _names(told: Ran) -> list[str]:
    return sorted(f"{each.name}/" if each.is_dir() else each.name for each in told.out.iterdir())


def _record(record: Record) -> list[str]:
    told = msgspec.to_builtins(record.inputs)
    judged = record.judged
    first = judged.reference == "none"
    against = "the rate by earlier stays, there being none in production" if first else judged.reference
    return [
        f"Model {record.outputs.model}",
        *(f"    {name:<11} {value}" for name, value in told.items()),
        f"Compared with {against}",
        *_let_pass(record),
    ]


def _let_pass(record: Record) -> list[str]:
    passes = record.judged.override
    if passes is None:
        return []
    gates, people = ", ".join(passes.gates), f"{passes.asked_by} and {passes.agreed_by}"
    return [f"FAILED, and let pass by {people}: {gates}", f"    {passes.reason}"]


def compared(told: Compared) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(told)
    return made | {"same": told.same, "explained": told.explained}


def compared_lines(told: Compared) -> list[str]:
    if told.same:
        return ["The same inputs gave the same model, byte for byte."]
    lines = [line for each in told.inputs for line in _difference("input", each)]
    lines += [line for each in told.outputs for line in _difference("output", each)]
    if not told.inputs:
        return [*lines, "The same inputs gave something else. That must not be: look at the machine, and at what ran."]
    names = ", ".join(each.name for each in told.inputs)
    model = "the same model" if told.same_model else "another model"
    return [*lines, f"Other inputs ({names}), {model}."]


def _difference(what: str, found: Difference) -> list[str]:
    return [f"{what} {found.name}", f"    {found.first}", f"    {found.second}"]
