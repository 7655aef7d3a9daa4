"""What a guardrail over pods is."""

import json
from collections.abc import Iterable, Set
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """What must hold, and, for whoever reads the refusal, what does not (CEL) and what to do about it."""

    holds: str
    found: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class PodRule:
    """A ValidatingAdmissionPolicy over pods."""

    name: str
    checks: tuple[Check, ...]
    exempt: tuple[str, ...] = ()
    """Namespaces that it leaves alone, besides those that EKS owns, for those who are meant to write there."""
    why_exempt: str = ""


def cel(value: str | Iterable[str]) -> str:
    """A string or a list of strings, as CEL writes them; a set in one order, so that no policy differs from itself."""
    if isinstance(value, str):
        return json.dumps(value)
    return json.dumps(sorted(value) if isinstance(value, Set) else list(value))


def names(containers: str) -> str:
    """CEL: the names of a list of containers."""
    return f'{containers}.map(c, c.name).join(", ")'
