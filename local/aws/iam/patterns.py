"""Texts with wildcards and policy variables.

Source: IAM User Guide, "IAM policy elements: Variables and tags" and "IAM JSON policy elements: Resource".
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

Lookup: TypeAlias = Callable[[str], str | None]
"""The value of a variable in a request, if it has one."""

_SPECIAL: Final = re.compile(r"\$\{([^}]*)\}|([*?])")
_DEFAULTED: Final = re.compile(r"([^,]+?)\s*,\s*'(.*)'")
ARN_COLONS: Final = 5
"""How many an ARN has before its last part, which may hold more of them."""


def matches(value: str, pattern: str, lookup: Lookup | None, *, ignore_case: bool = False) -> bool:
    """Whether a pattern, in which `*` and `?` are wild, is of this value."""
    found = _expression(pattern, lookup, lambda colons, ends: True)
    return found is not None and bool(_compiled(found, ignore_case).fullmatch(value))


def matches_arn(value: str, pattern: str, lookup: Lookup | None) -> bool:
    """The same of an ARN in a condition: each of its six parts is compared by itself."""
    found = _expression(pattern, lookup, lambda colons, ends: colons >= ARN_COLONS)
    return pattern == "*" or (found is not None and bool(_compiled(found, False).fullmatch(value)))


def matches_resource(value: str, pattern: str, lookup: Lookup | None) -> bool:
    """The same of a statement's resource: what is wild at the end of a part goes on beyond it."""
    found = _expression(pattern, lookup, lambda colons, ends: ends or colons >= ARN_COLONS)
    return found is not None and bool(_compiled(found, False).fullmatch(value))


def literal(text: str, lookup: Lookup | None) -> str | None:
    """The text with its variables filled in, and no wildcards; None where one has no value."""
    filled = [piece for piece, _ in _pieces(text, lookup)]
    return None if None in filled else "".join(piece or "" for piece in filled)


def _expression(pattern: str, lookup: Lookup | None, crosses: Callable[[int, bool], bool]) -> str | None:
    """`crosses`: whether a wildcard stands for colons too, by how many come before it and whether it ends its part."""
    written, colons = "", 0
    pieces = list(_pieces(pattern, lookup))
    for place, (piece, wild) in enumerate(pieces):
        if piece is None:
            return None
        if not wild:
            colons += piece.count(":")
            written += re.escape(piece)
            continue
        following = pieces[place + 1][0] if place + 1 < len(pieces) else ":"
        ends = piece == "*" and (following or "").startswith(":")
        any_one = "." if crosses(colons, ends) else "[^:]"
        written += f"{any_one}*" if piece == "*" else any_one
    return written


def _pieces(text: str, lookup: Lookup | None) -> Iterator[tuple[str | None, bool]]:
    """Its parts, and whether each is a wildcard; None for a variable without a value."""
    last = 0
    for found in _SPECIAL.finditer(text):
        if found.start() > last:
            yield text[last : found.start()], False
        name, wild = found.groups()
        if wild:
            yield wild, True
        elif lookup is None:
            yield found[0], False
        else:
            yield _value(name, lookup), False
        last = found.end()
    if last < len(text):
        yield text[last:], False


def _value(name: str, lookup: Lookup) -> str | None:
    if name in ("*", "?", "$"):
        return name
    defaulted = _DEFAULTED.fullmatch(name)
    if defaulted:
        found = lookup(defaulted[1])
        return defaulted[2] if found is None else found
    return lookup(name)


@lru_cache(maxsize=8192)
def _compiled(expression: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
