"""How much of the internet a set of address ranges lets in, or leads to.

"The internet" is measured: the public addresses that ranges cover are counted, whatever the ranges are cut into, IPv4
and IPv6 alike. Private and reserved ranges count nothing, since nobody comes from there over the internet.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

# What belongs to named parties has a size: the largest hospital groups and universities hold a few former class B
# networks (a /16 of IPv4 each), and what a local registry gives out as the least for IPv6 is a /32. Sixteen of either
# are more than any one set of callers has. Ranges beyond that (/11 and wider) are those of providers, who lend an
# address to whoever asks: they are the internet. The one limit of the whole pack, as shares of one.
LIMIT = 16 * 2 ** (32 - 16)
"""Public IPv4 addresses; an address of IPv6 counts by as much less as its /32 is larger than a /16."""

_IPV6_FOR_IPV4 = 2 ** (96 - 16)
_HELD_TO: ContextVar[tuple[int, tuple[str, ...]]] = ContextVar("held_to", default=(LIMIT, ()))

# IANA's special-purpose address registries, read on 2026-11-30: what is not "globally reachable" there, and multicast
# and reserved space. For IPv6 the reverse is shorter: only 2000::/3 is given out, but for the ranges below.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001:db8::/32", "3fff::/20")))


@lru_cache(maxsize=4096)
def network_of(block: str) -> Network | None:
    """The range that a text means, host bits or not, or None where it is no range (AWS then refuses it)."""
    try:
        return ip_network(block.strip(), strict=False)
    except ValueError:
        return None


def public_addresses(blocks: Iterable[object]) -> dict[int, int]:
    """How many public addresses the ranges cover together, by IP version. What is no range covers none."""
    given = [network for block in blocks if isinstance(block, str) and (network := network_of(block))]
    four = collapse_addresses(network for network in given if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in given if isinstance(network, IPv6Network))
    return {4: sum(map(_public_4, four)), 6: sum(map(_public_6, six))}


@contextmanager
def held_to(addresses: int, allowed: tuple[str, ...]) -> Generator[None, None, None]:
    """Another limit inside, and ranges that are not counted: those of parties that a stack's owner knows."""
    token = _HELD_TO.set((addresses, allowed))
    try:
        yield
    finally:
        _HELD_TO.reset(token)


def is_the_internet(blocks: Iterable[object]) -> bool:
    """Whether the ranges together let in more than any named set of callers: see the limit of this module."""
    limit, allowed = _HELD_TO.get()
    found = public_addresses(block for block in blocks if not _lies_within(block, allowed))
    return found[4] + found[6] / _IPV6_FOR_IPV4 > limit


def _lies_within(block: object, allowed: tuple[str, ...]) -> bool:
    network = network_of(block) if allowed and isinstance(block, str) else None
    if network is None:
        return False
    wider = (network_of(other) for other in allowed)
    return any(_holds(other, network) for other in wider if other)


def _holds(outer: Network, inner: Network) -> bool:
    if outer.version != inner.version:
        return False
    first, last = int(outer.network_address), int(outer.broadcast_address)
    return first <= int(inner.network_address) and int(inner.broadcast_address) <= last


def measure(blocks: Iterable[object]) -> str:
    """How much of the internet the ranges are, for a message."""
    found = public_addresses(blocks)
    words = []
    if found[4]:
        words.append(f"{found[4]:,} public IPv4 addresses")
    if found[6]:
        words.append("all of IPv6" if found[6] > 2**124 else "a provider's part of IPv6")
    return " and ".join(words) or "no public address"


def _public_4(network: IPv4Network) -> int:
    return _less(network, _NOT_PUBLIC_4)


def _public_6(network: IPv6Network) -> int:
    if not network.overlaps(_PUBLIC_6):
        return 0
    return _less(network if network.subnet_of(_PUBLIC_6) else _PUBLIC_6, _NOT_PUBLIC_6)


def _less(network: Network, reserved: tuple[Network, ...]) -> int:
    """A range's addresses without those of the reserved ranges, which lie apart from each other."""
    count = network.num_addresses
    for other in reserved:
        if network.overlaps(other):
            count -= min(network.num_addresses, other.num_addresses)
    return count


# Ports of protocols that are plain by their own definition (IANA's service names, read on 2026-11-30): what passes a
# TCP listener there is readable. On other ports a load balancer of TCP may well pass TLS on to its targets.
PLAIN_PORTS = {21: "FTP", 23: "Telnet", 80: "HTTP", 110: "POP3", 143: "IMAP", 389: "LDAP", 8080: "HTTP"}
