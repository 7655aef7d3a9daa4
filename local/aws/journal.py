"""A journal of what was made, for the run that comes after one that was killed.

The engine writes a resource into its state only once the create has been answered. A plugin and an engine that are
killed in between leave a resource that nobody knows of; with the journal `pulumi refresh --import-pending-creates`
can be told its id.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

JOURNAL = "PARAPET_CREATED"
"""Environment variable naming the file that gets one JSON line, `{"urn": ..., "id": ...}`, for each create."""

_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.|\([^()]*\))*\)")
_HOLE = re.compile("\0(\\w+)\0")
_CHOICE = re.compile(r"\(\?:([^()]*)\)(\??)")


def note(urn: str, identifier: str) -> None:
    """Append a line, whole or not at all, if the environment asks for it."""
    target = os.environ.get(JOURNAL)
    if target:
        line = json.dumps({"urn": urn, "id": identifier}) + "\n"
        handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)


def import_id(form: str | None, values: Mapping[str, Any], identifier: str) -> str:
    """The id that imports a resource: its `form`, a regular expression, with the values of its groups.

    The resource's own id where the form is none, or leaves open what to write.
    """
    if form is None:
        return identifier

    def filled(text: str) -> str | None:
        if any(values.get(hole) in (None, "") for hole in _HOLE.findall(text)):
            return None
        return _HOLE.sub(lambda hole: str(values[hole[1]]), text)

    def chosen(choice: re.Match[str]) -> str:
        found = [filled(one) for one in choice[1].split("|")]
        return next((one for one in found if one is not None), "" if choice[2] else choice[0])

    plain = _CHOICE.sub(chosen, _GROUP.sub("\0\\1\0", form).replace("\\|", "\1"))
    text = None if re.search(r"[\[\]*+?]", _HOLE.sub("", plain)) else filled(plain)
    text = text.replace("\1", "|") if text is not None else None
    return text if text is not None and re.fullmatch(form, text) else identifier
