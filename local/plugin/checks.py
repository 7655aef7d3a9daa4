"""What any stand-in finds wrong with inputs, and how it is told to name what has no name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Failure:
    """What is wrong with a setting or an input, for the program's author; `property` may be empty."""

    property: str
    reason: str


class Proposal(NamedTuple):
    """What the project's `pulumi:autonaming` says: `propose`, `enforce` or `disable`, and the name it has in mind."""

    mode: str
    name: str


class NamingError(Exception):
    """No automatic name can be made: the project's settings forbid it, or there is no room for one."""


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
