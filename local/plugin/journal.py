"""A journal of what a run makes, for the run that comes after one that was killed.

The engine writes its state at the end of a run. A run that is killed before leaves resources that nobody knows of,
unless they stand here: each is noted when it is begun, with the name that was made up for it, and again with its id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

JOURNAL = "PARAPET_CREATED"
"""Environment variable naming the file that gets a JSON line for each step of a create."""
LEFT = "PARAPET_UNFINISHED"
"""Environment variable naming the journal of what runs before this one have left."""


@dataclass(frozen=True)
class Left:
    """What a run left of a resource that is in no state."""

    name: str = ""
    """The name that was made up for it; empty where the program gives one."""
    id: str = ""
    """Empty where the run was killed before it was told."""


def begun(urn: str, name: str = "") -> None:
    """The create of a resource is about to be asked for, under the name that was made up for it, if one was."""
    _note({"urn": urn, "name": name})


def made(urn: str, identifier: str) -> None:
    """The resource exists."""
    _note({"urn": urn, "id": identifier})


def refused(urn: str) -> None:
    """Nothing was made after all, and the engine is told so."""
    _note({"urn": urn, "refused": True})


def _note(entry: Mapping[str, Any]) -> None:
    """Append a line, whole or not at all, if the environment asks for it."""
    target = os.environ.get(JOURNAL)
    if target:
        handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{json.dumps(entry)}\n".encode())
        finally:
            os.close(handle)


def left(environment: Mapping[str, str]) -> dict[str, Left]:
    """What runs before this one have left, by URN."""
    return read(Path(environment[LEFT])) if environment.get(LEFT) else {}


def read(*files: Path) -> dict[str, Left]:
    """What journals tell, the oldest first; a file that is missing tells nothing."""
    found: dict[str, Left] = {}
    for entry in (json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()):
        if entry.get("refused"):
            found.pop(entry["urn"], None)
        elif "id" in entry:
            found[entry["urn"]] = replace(found.get(entry["urn"], Left()), id=entry["id"])
        else:
            found[entry["urn"]] = replace(found.get(entry["urn"], Left()), name=entry["name"])
    return found


def write(file: Path, entries: Mapping[str, Left]) -> None:
    """A journal that tells these."""
    lines = [{"urn": urn, **part} for urn, one in entries.items() for part in _lines(one)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _lines(one: Left) -> list[dict[str, str]]:
    return [{"name": one.name}, *([{"id": one.id}] if one.id else [])]
