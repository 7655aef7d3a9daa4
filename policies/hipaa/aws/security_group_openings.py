"""What security group rules open, in whichever of the provider's forms they are written, and whether it is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from hipaa import networks
from hipaa.resource import Properties, UnknownValue
from hipaa.verdict import Verdict, all_of, undecided, violation

HTTP = 80
HTTPS = 443

_LAST_PORT = 65535
_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_WITH_PORTS = ("tcp", "udp")
# Of a group that is open everywhere the first few places are enough to find the mistake.
_MOST_SAID = 5
_RANGES = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")

# Path MTU discovery, without which connections hang: "Security group rules for path MTU discovery" in the Amazon EC2
# User Guide. Nobody can do anything with them. ICMP's type stands for the first port, its code for the second.
_HARMLESS = {("icmp", 3, 4), ("icmpv6", 2, 0), ("icmpv6", 2, -1)}


@dataclass(frozen=True)
class Opening:
    """One rule: a protocol (`-1` for all), its first and last port, and the ranges that it lets in."""

    protocol: str
    first: int
    last: int
    blocks: tuple[str, ...]


def opening(rule_: Properties, listed: Sequence[str] = ()) -> Opening:
    """What a rule opens: inline, of its own, of the older or the newer type. `listed` are ranges of prefix lists.

    Raises:
        UnknownValue: when the ports are not known; ranges that are not yet known are left out (see `unknown_ranges`).
    """
    text = str(rule_.at("protocol") or rule_.at("ipProtocol") or "-1").lower()
    protocol = _NAMES.get(text, text)
    first, last = _port(rule_, "fromPort", 0), _port(rule_, "toPort", _LAST_PORT)
    if protocol == "-1" or (protocol in _WITH_PORTS and first == -1):
        first, last = 0, _LAST_PORT
    return Opening(protocol, first, last, (*_ranges(rule_), *listed))


def _port(rule_: Properties, name: str, default: int) -> int:
    value = rule_.at(name)
    return int(value) if isinstance(value, int | float) and isfinite(value) else default


def _ranges(rule_: Properties) -> Iterator[str]:
    for name in _RANGES:
        found: list[str] = []

        def keep(block: object, found: list[str] = found) -> Verdict:
            found.append(str(block))
            return Verdict()

        rule_.each(name, keep)
        yield from found


def unknown_ranges(rule_: Properties) -> Verdict:
    """Which of a rule's ranges are not known yet."""
    return all_of(*(rule_.each(name, lambda _: Verdict()) for name in _RANGES))


def known_objects(resource: Properties, path: str) -> tuple[list[Properties], Verdict]:
    """The objects of a list that are known, and what is not, or is none."""
    found: list[Properties] = []

    def keep(item: Properties) -> Verdict:
        found.append(item)
        return Verdict()

    return found, resource.each_object(path, keep)


def judge_inline(resource: Properties, path: str, allowed: Callable[[str, int], bool]) -> Verdict:
    """As `judge`, for the rules that stand in a resource's own list."""
    rules, rest = known_objects(resource, path)
    return all_of(judge(rules, allowed), rest)


def judge(rules: Iterable[Properties], allowed: Callable[[str, int], bool]) -> Verdict:
    """Whether the rules together let the internet in on no port but those allowed."""
    openings: list[Opening] = []
    unknown: list[Verdict] = []
    for rule_ in rules:
        unknown.append(unknown_ranges(rule_))
        try:
            openings.append(opening(rule_))
        except UnknownValue as value:
            unknown.append(undecided(value.path))
    return all_of(too_wide(openings, allowed), *unknown)


def too_wide(openings: Iterable[Opening], allowed: Callable[[str, int], bool]) -> Verdict:
    """A violation for what the openings together let the internet reach, unless it is allowed there."""
    given = [item for item in openings if item.blocks and (item.protocol, item.first, item.last) not in _HARMLESS]
    if not networks.is_the_internet(block for item in given for block in item.blocks):
        return Verdict()
    found: list[Verdict] = []
    said: set[tuple[int, ...]] = set()
    measured: dict[frozenset[str], bool] = {}
    for protocol, port in _points(given):
        if len(found) == _MOST_SAID:
            break
        if allowed(protocol, port):
            continue
        there = tuple(
            index
            for index, item in enumerate(given)
            if item.first <= port <= item.last and item.protocol in ("-1", protocol)
        )
        if there in said:
            continue
        said.add(there)
        blocks = frozenset(block for index in there for block in given[index].blocks)
        if blocks not in measured:
            measured[blocks] = networks.is_the_internet(blocks)
        if measured[blocks]:
            found.append(violation(_message(given[there[0]], [b for index in there for b in given[index].blocks])))
    return all_of(*found)


def _points(openings: Sequence[Opening]) -> list[tuple[str, int]]:
    """Where openings begin and end: what they let in together is greatest at one of these."""
    protocols = {item.protocol for item in openings} - {"-1"} or {"tcp"}
    ports = sorted({port for item in openings for port in (item.first, min(item.first + 1, item.last), item.last)})
    return [(protocol, port) for protocol in sorted(protocols) for port in ports]


def _message(item: Opening, blocks: Sequence[str]) -> str:
    shown = ", ".join(dict.fromkeys(block[:43] for block in blocks[:3])) + (" and more" if len(blocks) > 3 else "")
    what = "every protocol and port" if item.protocol == "-1" else f"protocol {item.protocol[:20]}"
    if item.protocol in _WITH_PORTS:
        what += f", port {item.first}" if item.first == item.last else f", ports {item.first} to {item.last}"
    return (
        f"{shown} ({networks.measure(blocks)}) may reach {what}; it must be TCP port {HTTPS}, or the ranges of the "
        "callers"
    )


def is_https(protocol: str, port: int) -> bool:
    """The one port that the internet may reach: what is spoken there is encrypted."""
    return protocol == "tcp" and port == HTTPS


def is_web(protocol: str, port: int) -> bool:
    """Port 443, or port 80, of which another rule asks that it only redirects."""
    return protocol == "tcp" and port in (HTTP, HTTPS)
