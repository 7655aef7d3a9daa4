"""What is said of a bad setting: its name and value, what is allowed, and what to do."""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails, PydanticCustomError

REFUSED: Final = "refused"


def refusal(part: str, value: object, allowed: str) -> PydanticCustomError:
    """A refusal that names a part of a value, such as `[1].name`: once parts are looked at together, pydantic names
    the whole alone."""
    return PydanticCustomError(REFUSED, "{allowed}", {"part": part, "value": value, "allowed": allowed})


def line(problem: ErrorDetails, namespace: str, schema: Mapping[str, Any], secrets: frozenset[str]) -> str:
    """One line on one problem. `schema` is the JSON schema of the settings; the values of `secrets` are never shown."""
    name, *rest = problem["loc"]
    setting = f"{namespace}:{name}"
    where = setting + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    if problem["type"] == "extra_forbidden":
        return _unknown(where, namespace, schema, problem["loc"])
    told = problem.get("ctx", {}) if problem["type"] == REFUSED else {}
    value = told.get("value", problem["input"])
    allowed = told.get("allowed") or _at(schema, problem["loc"])["description"]
    if problem["type"] == "missing" or (value == "" and not rest):
        how = "." if rest else f". Set it: pulumi config set {setting} VALUE"
        return f"{where} is not set; it must be {allowed}{how}"
    shown = "a secret" if name in secrets else json.dumps(value, default=str)
    return f"{where}{told.get('part', '')} is {shown}; it must be {allowed}."


def _unknown(where: str, namespace: str, schema: Mapping[str, Any], loc: tuple[int | str, ...]) -> str:
    siblings = _at(schema, loc[:-1])["properties"]
    prefix = f"{namespace}:" if len(loc) == 1 else ""
    nearest = difflib.get_close_matches(str(loc[-1]), siblings, n=1)
    known = f"the settings are {', '.join(sorted(siblings))}."
    return f"{where} is not a setting; {f'did you mean {prefix}{nearest[0]}?' if nearest else known}"


def _at(schema: Mapping[str, Any], loc: tuple[int | str, ...]) -> Mapping[str, Any]:
    """The part of a JSON schema that speaks of a place in a value."""
    found = schema
    for part in loc:
        found = found["items"] if isinstance(part, int) else found["properties"][part]
        # Of what may be left out, what it is where it is there.
        found = {**found["anyOf"][0], **found} if "anyOf" in found else found
        # What is said beside a reference, such as a list's item, is nearer than what the referenced class says.
        found = {**schema["$defs"][found["$ref"].rpartition("/")[2]], **found} if "$ref" in found else found
    return found
