"""JSON that means one thing: each name once, numbers that are numbers (RFC 8259; RFC 7493, 2.2 and 2.3)."""

import json
from collections.abc import Iterable
from typing import Any, Final

from parapet_serving.refusal import malformed

DEEPEST: Final = 16
"""Levels of a document. A request has five at most."""


def loads(body: bytes) -> Any:
    """The slow and exact way to read a body. Raises Wrong."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("the body is not UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise malformed("the body is nested too deeply") from None
    except ValueError:  # and a number of thousands of digits
        raise malformed("the body is not JSON") from None
    if _deep(document):
        raise malformed("the body is nested too deeply")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise malformed("an object of the body has the same name twice")
    return found


def _no_constant(_name: str) -> None:
    raise malformed("NaN and Infinity are not JSON; a value that is missing is null, where its field allows that")


def _deep(document: Any) -> bool:
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return False
    return True


def _within(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
