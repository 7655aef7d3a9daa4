"""What a user may set of a rule: a number of days, the ranges that are allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hipaa.networks import public_addresses

_FOR_THE_ENGINE = {"number": {"type": "number"}, "ranges": {"type": "array", "items": {"type": "string"}}}

WIDEST = {4: 2**24, 6: 2 ** (128 - 20)}
"""Public addresses, by IP version: the largest that IANA and the registries gave to one who uses them himself."""


class UnusableSetting(Exception):
    """A value that a parameter cannot have; the text says which rule, which value and what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """One value of a rule that the policy configuration may set. `check` takes it as an argument of this name.

    A whole number lies within `least` and `most`, both included. Ranges are CIDR blocks.
    """

    name: str
    text: str
    """What it is, with its unit."""
    default: int | tuple[str, ...]
    least: int = 0
    most: int = 2**53

    @property
    def kind(self) -> str:
        """`number` or `ranges`."""
        return "number" if isinstance(self.default, int) else "ranges"

    @property
    def allowed(self) -> str:
        """What a value must be, in words that follow "it must be"."""
        if self.kind == "ranges":
            return "a list of CIDR blocks (198.51.100.0/24), together no wider than a /8 of IPv4 or a /20 of IPv6"
        return f"a whole number from {self.least} to {self.most}"

    @property
    def schema(self) -> dict[str, Any]:
        """For the engine, which fills in the default. It gets no bounds: its own refusal would not tell the value."""
        default = self.default if isinstance(self.default, int) else list(self.default)
        return {"description": f"{self.text}: {self.allowed}.", "default": default} | _FOR_THE_ENGINE[self.kind]

    def read(self, value: Any) -> int | tuple[str, ...] | None:
        """The value as a check takes it; None where it is none that is allowed."""
        if self.kind == "ranges":
            return tuple(value) if _are_ranges(value) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
            return None
        return int(value) if self.least <= value <= self.most else None


def _are_ranges(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    try:
        for item in value:
            ipaddress.ip_network(item)
    except ValueError:
        return False
    covered = public_addresses(value)
    return all(isinstance(item, str) for item in value) and all(covered[ip] <= most for ip, most in WIDEST.items())
