"""What a policy configuration takes from the pack: which rules it weakens, and which names in it are nobody's."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from hipaa import signals
from hipaa.rule import Level, Rule

DISABLED = "disabled"
_WHERE = "in the file that --policy-pack-config names"
_SHOWN = 20


def strangers(names: Iterable[str], rules: Collection[str]) -> Iterator[str]:
    """What to say of each name that is no rule's and no policy's of the pack: it would set nothing."""
    known = {*rules, *signals.OWN_LEVELS, "all"}
    for name in names:
        if name not in known:
            near = ", ".join(difflib.get_close_matches(name, known, n=3))
            which = f"; near it: {near}" if near else ""
            yield f"{name!r} is no rule of this pack, and nothing is set by it{which}. Correct it {_WHERE}"


def lowered(levels: Mapping[str, str]) -> Iterator[str]:
    """The pack's own policies that are set below the level that they have by themselves."""
    order = (DISABLED, Level.ADVISORY.value, Level.MANDATORY.value)
    for name, own in signals.OWN_LEVELS.items():
        if name in levels and order.index(levels[name]) < order.index(own):
            yield name


def without_watch(levels: Mapping[str, str], waived: Collection[str]) -> Iterator[str]:
    """What to say where waivers are in use, of the rules `waived`, and what holds them to their terms is not."""
    for name in lowered(levels):
        if waived and name in signals.OF_WAIVERS:
            yield (
                f"{name} is {levels[name]}, while there are waivers of {_some(waived)}; it must be "
                f"{signals.OWN_LEVELS[name]}. Set that {_WHERE}, or take the waivers away"
            )


def weakened(
    rules: Iterable[Rule], levels: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """What a configuration makes of the rules: which mandatory ones it lowers, and what it sets otherwise."""
    rules = tuple(rules)
    told = []
    for level in (DISABLED, Level.ADVISORY.value):
        if found := [rule.name for rule in rules if rule.level() is Level.MANDATORY and levels.get(rule.name) == level]:
            told.append(f"the configuration makes {len(found)} mandatory rules {level}: {_some(found)}")
    for rule in rules:
        default = rule.settings({})
        for name, value in settings.get(rule.name, {}).items():
            if value != default[name] and levels.get(rule.name) != DISABLED:
                told.append(f"the configuration sets {name} of {rule.name} to {value}; it is {default[name]} by itself")
    return tuple(told)


def _some(names: Iterable[str]) -> str:
    told = sorted(set(names))
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more
