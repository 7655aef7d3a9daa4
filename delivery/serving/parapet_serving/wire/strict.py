"""JSON that means one thing: each name once, numbers that are numbers (RFC 8259; RFC 7493, 2.2 and 2.3)."""

import json
from collections.abc import Container, Iterable
from typing import Any, Final

from parapet_serving.refusal import malformed

DEEPEST: Final = 16
"""Levels of a document. A request has five at most."""


def loads(body: bytes, names: Container[str]) -> Any:
    """The slow and exact way to read a body, whose texts are all such as can be written again. `names` are ours, which
    an error may tell. Raises Wrong."""
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
    # Of bytes that are UTF-8 such a text is made by an escape alone.
    if "\\u" in text and (place := _no_unicode(document, names)):
        raise malformed(f"{place}: it has a text that is not Unicode (one half of a surrogate pair)")
    return document


def _no_unicode(document: Any, names: Container[str]) -> str | None:
    """Below which of these names a text stands that no encoding has, or that is the name of something there; the body,
    where it is below none."""
    waiting: list[tuple[Any, str]] = [(document, "the body")]
    while waiting:
        value, below = waiting.pop()
        if isinstance(value, str) and not _encodes(value):
            return below
        if isinstance(value, dict):
            if not all(map(_encodes, value)):
                return below
            waiting += [(inner, name if name in names else below) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(inner, below) for inner in value]
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
