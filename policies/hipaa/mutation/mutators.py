"""Every weakening of one property that the catalogue in `mutators.yaml` knows, of any resource.

A mutator sees a property's name, its value and what stands beside it, and never the type of the resource. A text that
is a JSON document (a policy, a template, an add-on's configuration) is gone through like any other block.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias

import yaml

import hipaa.mutation
from hipaa.mutation.graph import Planned
from hipaa.resource import UNKNOWN, Secret

Path: TypeAlias = tuple[str | int, ...]
IsNeeded: TypeAlias = Callable[[str, str], bool]
"""Whether the provider takes no resource of a type without the property at a path."""

_NUMBER = re.compile(r"\d+")
_ARN = re.compile(r"arn:(aws[\w-]*):([\w-]+):([\w-]*):(\d{12}|aws)?:.+")
_ACCOUNT = re.compile(r"\d{12}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MUTATORS: Final = (
    "add-principal",
    "delete",
    "detach",
    "downgrade",
    "fewer",
    "lengthen",
    "open",
    "shorten",
    "swap-key",
    "turn-off",
    "turn-on",
    "widen",
)
"""The names of all of them."""
_MARK: Final = "·"
"""Ends the part of a path that leads to a text, where what follows is in the document that it is."""


class _Gone:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "not there"


GONE: Final = _Gone()


@dataclass(frozen=True)
class Mutant:
    """A resource, weaker in one property; `weaker` is None where the whole resource is not there."""

    resource: Planned
    mutator: str
    path: str
    before: Any
    after: Any
    weaker: Planned | None

    @property
    def property(self) -> str:
        """The path, with `*` in the place of each number of an item."""
        return ".".join("*" if part.isdigit() else part for part in self.path.split("."))


@dataclass(frozen=True)
class _Site:
    """A value, where it is, and what it is in."""

    path: Path
    value: Any
    holder: Any
    """The object or the list that it is in."""
    effect: str = ""
    """`Allow` or `Deny` inside a statement of a policy."""
    element: str = ""
    """The element of the statement that it is in: `Condition`, `Action`."""

    @property
    def name(self) -> str:
        """Its own name, or that of the list that it is in."""
        names = [part for part in self.path if isinstance(part, str) and part != _MARK]
        return names[-1] if names else ""

    @property
    def dotted(self) -> str:
        return ".".join(str(part) for part in self.path if part != _MARK)

    def below(self, part: str | int, value: Any) -> _Site:
        effect, element = self.effect, self.element
        if found := _effect_of(self.value):
            effect, element = found, str(part)
        return _Site((*self.path, part), value, self.value, effect, element)


Change: TypeAlias = tuple[str, Any]
"""A mutator's name, and the value that it puts there."""


def mutants(resource: Planned, is_needed: IsNeeded, *, is_free: bool) -> Iterator[Mutant]:
    """All weakenings of a resource; `is_free` where nothing else in the stack is made from it: it may be gone."""
    root = _opened(resource.inputs)
    seen: set[tuple[str, str]] = set()
    for site in _sites(_Site((), root, None)):
        if not site.path:
            continue
        for mutator, path, value in _changes(site, resource.type, is_needed):
            if path == site.path and value == site.value:
                continue
            weaker = _closed(_edited(root, path, value))
            dotted = ".".join(str(part) for part in path if part != _MARK)
            key = dotted, json.dumps(_shown_whole(weaker), sort_keys=True, default=str)
            if key in seen:
                continue
            seen.add(key)
            before = site.value if path == site.path else GONE
            yield Mutant(resource, mutator, dotted, _said(before), _said(value), replace(resource, inputs=weaker))
    if is_free:
        yield Mutant(resource, "detach", "", "the resource", GONE, None)


def _changes(site: _Site, type_: str, is_needed: IsNeeded) -> Iterator[tuple[str, Path, Any]]:
    for mutator in _MUTATORS:
        for name, value in mutator(site):
            yield name, site.path, value
    if _may_go(site) and not is_needed(type_, site.dotted):
        yield "delete", site.path, GONE
    if isinstance(site.value, Mapping):
        for path, value in _added(site):
            yield "open", path, value


# What each does.


def _turn(site: _Site) -> Iterator[Change]:
    value = site.value
    if isinstance(value, bool):
        yield ("turn-off" if value else "turn-on"), not value
    elif isinstance(value, str):
        for safe, off in _catalogue().switches:
            if value == safe:
                yield "turn-off", off
            elif value == off:
                yield "turn-on", safe
        if value in ("0", "1") and _named(_catalogue().numbers_of_switches, site) and "parameters" in site.path:
            yield ("turn-off", "0") if value == "1" else ("turn-on", "1")


def _downgrade(site: _Site) -> Iterator[Change]:
    value, words = site.value, _catalogue()
    if isinstance(value, str):
        for each in words.downgrades:
            if each.value.fullmatch(value) and (each.named is None or each.named.fullmatch(str(site.path[-1]))):
                for weaker in each.to:
                    yield "downgrade", weaker
        for pattern, weaker in words.within:
            if pattern.search(value):
                yield "downgrade", pattern.sub(weaker, value, count=1)
        if _named(words.versions, site) and not _in_document(site) and (older := _older(value, words.versions_back)):
            yield "downgrade", older
        if value == "Deny" and site.path[-1] == "Effect":
            yield "downgrade", "Allow"
    elif _is_number(value) and _named(words.users, site) and value != 0:
        yield "downgrade", 0


def _older(version: str, by: int) -> str:
    """A version some minor ones before it: major ones where it has no other; nothing where it is none."""
    found = re.fullmatch(r"([a-z]*)(\d+)(?:\.(\d+))?(.*)", version)
    if found is None or "/" in version or len(version) > 40:
        return ""
    word, major, minor, rest = found.groups()
    if minor is None or int(minor) == 0:
        return f"{word}{int(major) - by}{rest}" if int(major) > by else ""
    return f"{word}{major}.{max(int(minor) - by, 0)}{rest}"


def _shorten(site: _Site) -> Iterator[Change]:
    value, words = site.value, _catalogue()
    if _is_number(value) and _named(words.longer, site):
        if value > 0:
            yield "lengthen", value * words.times
    elif _is_number(value) and _named(words.shorter, site):
        shortest = words.a_week if words.week.fullmatch(site.name) else (1,)
        for least in (0, 1) if words.none.fullmatch(site.name) else shortest:
            if least < value:
                yield "shorten", least
    elif isinstance(value, str) and _named(words.longer_texts, site):
        if found := re.fullmatch(r"(\d+)([smhd])", value):
            yield "lengthen", f"{int(found[1]) * words.times}{found[2]}"
        elif found := re.fullmatch(r"rate\((\d+) (\w+?)s?\)", value):
            yield "lengthen", f"rate({int(found[1]) * words.times} {found[2]}s)"


def _fewer(site: _Site) -> Iterator[Change]:
    if _is_number(site.value) and _named(_catalogue().fewer, site) and site.value > 1:
        yield "fewer", 1


def _widen(site: _Site) -> Iterator[Change]:
    value, words, name = site.value, _catalogue(), str(site.path[-1])
    if isinstance(value, str) and (version := _version_of_range(value)):
        yield "widen", words.everywhere[version]
    if _is_number(value) and name in words.ports and value != words.ports[name]:
        yield "widen", words.ports[name]
    if isinstance(value, str) and _named(words.protocols, site) and words.protocol_values.fullmatch(value):
        yield "widen", words.every_protocol
    if site.effect == "Deny":
        return
    if site.element in ("Action", "Resource") if site.effect else _named(words.stars, site):
        if isinstance(value, list) and all(isinstance(item, str) for item in value) and "*" not in value:
            yield "widen", ["*"]
        elif isinstance(value, str) and value != "*" and isinstance(site.holder, Mapping):
            yield "widen", "*"
    if site.element == "Action" and isinstance(value, str) and ":" in value and not value.endswith(":*"):
        yield "widen", f"{value.partition(':')[0]}:*"
    if isinstance(value, Mapping) and value and _named(words.selectors, site) and not site.element:
        # Beside a template it must choose what the template makes: the API server takes no other.
        beside_template = isinstance(site.holder, Mapping) and "template" in site.holder
        if not beside_template and "selector.matchLabels" not in site.dotted:
            yield "widen", {}


def _add_principal(site: _Site) -> Iterator[Change]:
    value, words = site.value, _catalogue()
    stranger = f"arn:aws:iam::{words.stranger}:root"
    if site.path[-1] == "Principal" and site.effect == "Allow":
        yield "add-principal", "*"
        if isinstance(value, Mapping):
            held = _as_list(value.get("AWS", []))
            yield "add-principal", {**value, "AWS": [*held, stranger]}
            yield "add-principal", {**value, "AWS": [*held, "*"]}
        return
    if site.element == "Principal" or (site.effect == "Deny" and site.element != "Condition"):
        return
    if isinstance(value, list):
        if value and all(isinstance(item, Mapping) and {"kind", "name"} <= item.keys() for item in value):
            if site.path[-1] == "subjects":
                for group in words.groups:
                    yield "add-principal", [*value, group]
        elif value and all(isinstance(item, str) for item in value):
            if any(_names_somebody(item) for item in value):
                first = next(item for item in value if _names_somebody(item))
                yield "add-principal", [*value, words.stranger if _ACCOUNT.fullmatch(first) else stranger]
            elif (another := words.strangers_by_name.get(str(site.path[-1]))) and not site.effect:
                yield "add-principal", [*value, another]
    elif isinstance(value, str) and _names_somebody(value) and isinstance(site.holder, Mapping):
        yield "add-principal", _ACCOUNT.sub(words.stranger, value, count=1)


def _swap_key(site: _Site) -> Iterator[Change]:
    value, words = site.value, _catalogue()
    if site.effect or not isinstance(value, str):
        return
    if found := _ARN.fullmatch(value):
        if found[2] == "kms" and found[4]:
            yield "swap-key", f"arn:{found[1]}:kms:{found[3]}:{found[4]}:alias/aws/ebs"
            yield "swap-key", value.replace(f":{found[4]}:", f":{words.stranger}:", 1)
    elif _named(words.keys, site) and value.startswith(("alias/", "key/")):
        yield "swap-key", "alias/aws/ebs"


_MUTATORS: Final = (_turn, _downgrade, _shorten, _fewer, _widen, _add_principal, _swap_key)


def _may_go(site: _Site) -> bool:
    """Whether something may be weaker without it, as far as its kin tell."""
    words, part = _catalogue(), site.path[-1]
    if any(pattern.fullmatch(site.dotted) for pattern in (*words.needed, *words.inert)):
        return False
    if _effect_of(site.value) == "Allow" or part in (
        "Effect",
        "Sid",
        "Version",
        "Id",
        "Statement",
        "Action",
        "Principal",
    ):
        # Without a statement that allows, less is allowed; without an element that each has, it is no policy.
        return site.effect == "" and part in ("Action", "Principal", "Version", "Id") and not _in_document(site)
    if site.effect == "Allow":
        # A condition goes as a whole, or a key of it; a value less is a narrower condition.
        return site.element == "Condition" and isinstance(site.holder, Mapping)
    if site.effect == "Deny":
        # A Deny with a condition less denies more; with an action, a resource or a value less it denies less.
        return isinstance(part, int)
    if isinstance(part, int) and isinstance(site.holder, Sequence) and _named(words.allowances, site):
        return len(site.holder) == 1
    return True


def _added(site: _Site) -> Iterator[tuple[Path, Any]]:
    names = [str(part) for part in site.path if isinstance(part, str)]
    for each in _catalogue().open:
        if not each.beside <= site.value.keys() or (each.within and not (names and each.within.fullmatch(names[-1]))):
            continue
        for name, value in each.set.items():
            *blocks, last = name.split(".")
            held: Any = site.value
            for block in blocks:
                held = held.get(block) or {}
            if last not in held:
                yield (*site.path, *blocks, last), value


# The tree that a resource's inputs are, its documents opened.


@dataclass(frozen=True)
class _Document:
    """A text that is JSON, and what it says."""

    said: Any


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        # What files hold is a program's own language, and no property.
        return {
            str(name): _whole(item) if _catalogue().files.fullmatch(str(name)) else _opened(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            said: Any = json.loads(value)
        except ValueError:
            return value
        return _Document(_opened(said)) if said else value  # of these two marks it is an object or a list
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _whole(value: Any) -> Any:
    return {str(name): item for name, item in value.items()} if isinstance(value, Mapping) else value


def _closed(value: Any) -> Any:
    if isinstance(value, _Document):
        return json.dumps(_closed(value.said))
    if isinstance(value, Mapping):
        return {name: _closed(item) for name, item in value.items()}
    return [_closed(item) for item in value] if isinstance(value, list) else value


def _said(value: Any) -> Any:
    """A tree with what its documents say in their place."""
    if isinstance(value, _Document):
        return _said(value.said)
    if isinstance(value, Mapping):
        return {name: _said(item) for name, item in value.items()}
    return [_said(item) for item in value] if isinstance(value, list) else value


def _sites(site: _Site) -> Iterator[_Site]:
    """Everything in a tree, what holds before what is held."""
    yield site
    value = site.value
    if isinstance(value, _Document):
        within = _Site((*site.path, _MARK), value.said, value)
        for below in _sites(within):
            if below is not within:
                yield below
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _sites(site.below(name, item))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _sites(site.below(place, item))


def _edited(tree: Any, path: Path, value: Any) -> Any:
    """A copy of a tree with another value at a path; what is not on the way is shared."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    if part == _MARK:
        return _Document(_edited(tree.said, rest, value))
    if isinstance(tree, list):
        assert isinstance(part, int)
        item = _edited(tree[part], rest, value)
        return [*tree[:part], *([] if item is GONE else [item]), *tree[part + 1 :]]
    item = _edited(tree.get(part, {} if rest else GONE), rest, value)
    if item is GONE:
        return {name: held for name, held in tree.items() if name != part}
    return {**tree, part: item}


def _shown_whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shown_whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown_whole(item) for item in value]
    return repr(value) if value is UNKNOWN or isinstance(value, Secret) else value


def _effect_of(value: Any) -> str:
    found = value.get("Effect") if isinstance(value, Mapping) else None
    return found if found in ("Allow", "Deny") else ""


def _in_document(site: _Site) -> bool:
    return _MARK in site.path


def _named(pattern: re.Pattern[str], site: _Site) -> bool:
    return pattern.fullmatch(site.name) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _names_somebody(text: str) -> bool:
    found = _ARN.fullmatch(text)
    return _ACCOUNT.fullmatch(text) is not None or (
        found is not None and found[2] in ("iam", "sts") and found[4] not in (None, "", "aws")
    )


def _version_of_range(text: str) -> int:
    """4 or 6 for a range of addresses that is not all of them, else 0."""
    if "/" not in text or len(text) > 50 or not text[0].isalnum():
        return 0
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return 0
    return network.version if network.prefixlen else 0


# The words.


@dataclass(frozen=True)
class _Downgrade:
    value: re.Pattern[str]
    to: tuple[str, ...]
    named: re.Pattern[str] | None


@dataclass(frozen=True)
class _Opening:
    beside: frozenset[str]
    set: Mapping[str, Any]
    within: re.Pattern[str] | None


@dataclass(frozen=True)
class _Catalogue:
    switches: tuple[tuple[str, str], ...]
    numbers_of_switches: re.Pattern[str]
    downgrades: tuple[_Downgrade, ...]
    within: tuple[tuple[re.Pattern[str], str], ...]
    versions: re.Pattern[str]
    versions_back: int
    users: re.Pattern[str]
    shorter: re.Pattern[str]
    week: re.Pattern[str]
    a_week: tuple[int, ...]
    none: re.Pattern[str]
    longer: re.Pattern[str]
    times: int
    longer_texts: re.Pattern[str]
    fewer: re.Pattern[str]
    everywhere: Mapping[int, str]
    ports: Mapping[str, int]
    protocols: re.Pattern[str]
    protocol_values: re.Pattern[str]
    every_protocol: str
    stars: re.Pattern[str]
    selectors: re.Pattern[str]
    stranger: str
    groups: tuple[Mapping[str, str], ...]
    strangers_by_name: Mapping[str, str]
    keys: re.Pattern[str]
    needed: tuple[re.Pattern[str], ...]
    allowances: re.Pattern[str]
    open: tuple[_Opening, ...]
    files: re.Pattern[str]
    inert: tuple[re.Pattern[str], ...]


@cache
def _catalogue() -> _Catalogue:
    said = yaml.safe_load(resources.files(hipaa.mutation).joinpath("mutators.yaml").read_text(encoding="utf-8"))
    return _Catalogue(
        switches=tuple((safe, off) for safe, off in said["switches"]),
        numbers_of_switches=_names(said["numbers_of_switches"]),
        downgrades=tuple(
            _Downgrade(re.compile(each["from"]), tuple(each["to"]), _names(each["named"]) if "named" in each else None)
            for each in said["downgrades"]
        ),
        within=tuple((re.compile(each["from"]), each["to"]) for each in said["downgrades_within"]),
        versions=_names(said["versions"]["names"]),
        versions_back=said["versions"]["back"],
        users=_names(said["users"]),
        shorter=_names(said["shorter"]["names"]),
        week=_names(said["shorter"]["at_least_a_week"]),
        a_week=(7,),
        none=_names(said["shorter"]["none"]),
        longer=_names(said["longer"]["names"]),
        times=said["longer"]["times"],
        longer_texts=_names(said["longer_texts"]),
        fewer=_names(said["fewer"]),
        everywhere=said["everywhere"],
        ports=said["ports"],
        protocols=_names(said["protocols"]["names"]),
        protocol_values=re.compile(said["protocols"]["values"]),
        every_protocol=said["protocols"]["to"],
        stars=_names(said["stars"]),
        selectors=_names(said["selectors"]),
        stranger=said["stranger"],
        groups=tuple(said["groups"]),
        strangers_by_name=said["strangers_by_name"],
        keys=_names(said["keys"]),
        needed=tuple(re.compile(each) for each in said["needed"]),
        allowances=_names(said["allowances"]),
        open=tuple(
            _Opening(frozenset(each["beside"]), each["set"], re.compile(each["within"]) if "within" in each else None)
            for each in said["open"]
        ),
        files=_names(said["files"]),
        inert=tuple(re.compile(each) for each in said["inert"]),
    )


def _names(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
