"""Texts with wildcards and policy variables, as IAM compares them.

Source: IAM User Guide, "IAM policy elements: Variables and tags", "IAM JSON policy elements: Resource" and
"IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

Lookup: TypeAlias = Callable[[str], "str | None"]
"""The value of a policy variable in a request, if it has one."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULTED = re.compile(r"([^,]+?)\s*,\s*'(.*)'")
# A wildcard that is only a letter, inside an expanded pattern: letters that no policy has.
_PROTECTED = {"*": "\ue000", "?": "\ue001"}
_PLAIN = str.maketrans({letter: char for char, letter in _PROTECTED.items()})
_ARN_COLONS = 5


def matches(pattern: str, action: str) -> bool:
    """Whether an action matches a pattern, in whatever case."""
    return bool(_glob(pattern, True).fullmatch(action))


def like(pattern: str, value: str) -> bool:
    """Whether a value matches a pattern that was expanded; `*` and `?` are its only wildcards."""
    return bool(_glob(pattern, False).fullmatch(value))


def like_arn(pattern: str, value: str) -> bool:
    """The same of an ARN in a condition: each of its six parts is compared by itself."""
    if pattern == "*":
        return True
    parts, values = pattern.split(":", _ARN_COLONS), value.split(":", _ARN_COLONS)
    return len(parts) == len(values) and all(map(like, parts, values))


def like_resource(pattern: str, value: str) -> bool:
    """The same of a statement's resource: what is wild at the end of a part goes on beyond it."""
    parts = pattern.split(":", _ARN_COLONS)
    if len(parts) > _ARN_COLONS and not any(part.endswith("*") for part in parts[:_ARN_COLONS]):
        return like_arn(pattern, value)
    return like(pattern, value)


def expanded(text: str, lookup: Lookup | None) -> str | None:
    """A pattern with its variables filled in, whose values have no wildcards; None where one has no value."""
    if lookup is None or "${" not in text:
        return text
    missing = False

    def filled(found: re.Match[str]) -> str:
        nonlocal missing
        value = _value(found[1], lookup)
        missing = missing or value is None
        return "".join(_PROTECTED.get(char, char) for char in value or "")

    written = _VARIABLE.sub(filled, text)
    return None if missing else written


def plain(pattern: str) -> str:
    """An expanded pattern as the text that it is where wildcards mean nothing."""
    return pattern.translate(_PLAIN)


def variables(text: str) -> list[str]:
    """The names of the variables in a text."""
    names = [found.partition(",")[0].strip() for found in _VARIABLE.findall(text)] if "${" in text else []
    return [name for name in names if name not in ("*", "?", "$")]


def is_wild(text: str) -> bool:
    """Whether a part of a pattern names nothing: wildcards alone, or with so few letters that anyone can match them."""
    return ("*" in text or "?" in text) and len(text.replace("*", "").replace("?", "")) < _NAMING_LETTERS


_NAMING_LETTERS = 3  # whoever chooses a name of their own can have any that begins, ends or goes on with two letters


def _value(name: str, lookup: Lookup) -> str | None:
    if name in ("*", "?", "$"):
        return name
    if defaulted := _DEFAULTED.fullmatch(name):
        found = lookup(defaulted[1])
        return defaulted[2] if found is None else found
    return lookup(name)


@lru_cache(maxsize=8192)
def _glob(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """In atomic groups: the first place that fits is as good as any other, so that nothing is tried twice."""
    first, *rest = [re.escape(plain(part.replace("?", "\ue002"))).replace("\ue002", ".") for part in pattern.split("*")]
    written = first
    if rest:
        written += "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + f".*{rest[-1]}"
    return re.compile(written, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
