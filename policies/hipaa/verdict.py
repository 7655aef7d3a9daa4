"""What a rule says of a resource, and the requirements that it says it with."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The one word for a verdict."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """The rule itself broke: nothing is known of the resource."""
    UNDECIDED = "not yet decided"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Verdict:
    """What a rule found: nothing wrong, unless it says otherwise.

    `violations` are messages for the reader; `unknown` are the paths of properties that must be known to decide;
    `not_applicable` is the reason why the rule has nothing to say.
    """

    violations: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    not_applicable: str | None = None
    error: bool = False
    """The violation is the rule's own: it broke."""

    @property
    def outcome(self) -> Outcome:
        """A violation counts even while something else is unknown; what is unknown never counts as passed."""
        if self.error:
            return Outcome.ERROR
        if self.violations:
            return Outcome.FAILED
        if self.unknown:
            return Outcome.UNDECIDED
        return Outcome.PASSED if self.not_applicable is None else Outcome.NOT_APPLICABLE


def violation(message: str) -> Verdict:
    """The resource breaks the rule."""
    return Verdict(violations=(message,))


def undecided(path: str) -> Verdict:
    """The rule cannot say before the property at `path` is known."""
    return Verdict(unknown=(path,))


def not_applicable(reason: str) -> Verdict:
    """The rule has nothing to say about this resource."""
    return Verdict(not_applicable=reason)


def all_of(*verdicts: Verdict) -> Verdict:
    """Every verdict must hold: violations add up, and what is not applicable counts only when all are."""
    reasons = [verdict.not_applicable for verdict in verdicts if verdict.not_applicable is not None]
    return Verdict(
        violations=tuple(dict.fromkeys(message for verdict in verdicts for message in verdict.violations)),
        unknown=tuple(dict.fromkeys(path for verdict in verdicts for path in verdict.unknown)),
        not_applicable="; ".join(dict.fromkeys(reasons)) if verdicts and len(reasons) == len(verdicts) else None,
    )


@dataclass(frozen=True)
class Requirement:
    """What a value must be: a test, and the words for it that follow "it must be"."""

    text: str
    met: Callable[[Any], bool]


def is_(expected: bool | int | str) -> Requirement:
    """Exactly this value."""
    text = str(expected).lower() if isinstance(expected, bool) else repr(expected)
    return Requirement(text, lambda value: type(value) is type(expected) and value == expected)


def one_of(*expected: str) -> Requirement:
    """One of these strings."""
    named = ", ".join(map(repr, expected))
    return Requirement(named if len(expected) == 1 else f"one of {named}", lambda value: value in expected)


def at_least(least: int, unit: str = "") -> Requirement:
    """A number that is not smaller."""
    return Requirement(f"at least {least} {unit}".rstrip(), lambda value: _is_number(value) and value >= least)


def at_most(most: int, unit: str = "") -> Requirement:
    """A number that is not greater."""
    return Requirement(f"at most {most} {unit}".rstrip(), lambda value: _is_number(value) and value <= most)


def has(item: str) -> Requirement:
    """A list with this item in it."""
    return Requirement(
        f"a list with {item!r}",
        lambda value: isinstance(value, Sequence) and not isinstance(value, str) and item in value,
    )


def is_set() -> Requirement:
    """Anything but nothing: an empty string, list or object does not count."""
    return Requirement("set", lambda value: not _is_nothing(value))


def is_empty() -> Requirement:
    """Nothing: not set, or an empty string, list or object."""
    return Requirement("empty", _is_nothing)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, Sized) and len(value) == 0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
