"""What the rules say of a stack in which one resource is another: asked anew only where the change can be seen.

A verdict depends on the resource judged, and on what the rule looked for around it. Both are noted once, on the sound
stack; a change of a resource is then shown to the rules about it, and to those that looked for resources of its type.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hipaa.mutation.graph import Planned
from hipaa.resource import Resource
from hipaa.rule import BrokenRule, Rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict


class _Watched(Stack):
    """A stack that notes of which types something was looked for."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        super().__init__(resources)
        self.looked_for: set[str] = set()
        self.made_from: dict[object, frozenset[str]] = {}

    def of(self, *types: str) -> list[Resource]:
        self.looked_for.update(types)
        return super().of(*types)

    def _namers_of(self, type_: str, by: str) -> Any:
        self.looked_for.add(type_)
        return super()._namers_of(type_, by)

    def _named_of(self, type_: str) -> Any:
        self.looked_for.add(type_)
        return super()._named_of(type_)

    def once(self, make: Callable[[Stack], Any]) -> Any:
        if make not in self.made_from:
            around, self.looked_for = self.looked_for, set()
            try:
                return super().once(make)
            finally:
                self.made_from[make] = frozenset(self.looked_for)
                self.looked_for |= around
        self.looked_for |= self.made_from[make]
        return super().once(make)


class _Changed(Stack):
    """A stack that is another but for one resource. What was found among others types is as it was."""

    def __init__(self, whole: _Watched, type_: str, resources: list[Resource]) -> None:
        # Not `Stack.__init__`, which would look at all resources again.
        self.resources = whole.resources  # told anew by `of` alone
        self._whole = whole
        self._type = type_
        self._by_type = {**whole._by_type, type_: resources}
        self._namers = {key: index for key, index in whole._namers.items() if key[0] != type_}
        self._named = {key: index for key, index in whole._named.items() if key != type_}
        self._made = {
            make: made for make, made in whole._made.items() if type_ not in whole.made_from.get(make, frozenset())
        }


class Judge:
    """The rules over a sound stack, and what they say where one resource is weaker."""

    def __init__(self, rules: Iterable[Rule], stack: Iterable[Planned]) -> None:
        self.rules = tuple(rules)
        self.planned = tuple(stack)
        self._stack = _Watched(one.as_made() for one in self.planned)
        self._places = {one.urn: place for place, one in enumerate(self._stack.resources)}
        self._about: dict[str, tuple[Rule, ...]] = {}
        self._lookers: defaultdict[str, list[tuple[Rule, Resource]]] = defaultdict(list)
        """By type: the verdicts of rules over the stack that looked for resources of it."""
        self.spoke: set[tuple[str, str]] = set()
        """Rules and URNs of what the sound stack has of violations already: accepted ones, and advice not taken."""
        for one, made in zip(self.planned, self._stack.resources, strict=True):
            for rule in self.about(one.type):
                if rule.scope == "resource":
                    self._note(rule, one.urn, _verdict(rule, one.as_written()))
                    continue
                self._stack.looked_for = set()
                self._note(rule, one.urn, _verdict(rule, made, self._stack))
                for type_ in self._stack.looked_for:
                    self._lookers[type_].append((rule, made))

    def about(self, type_: str) -> tuple[Rule, ...]:
        """The rules that judge resources of a type."""
        if type_ not in self._about:
            self._about[type_] = tuple(rule for rule in self.rules if rule.is_about(type_))
        return self._about[type_]

    def changed(self, old: Planned, new: Planned | None) -> list[tuple[Rule, Verdict]]:
        """The rules that speak anew where `new`, or nothing, is in the place of `old`: a rule once for each verdict."""
        return [(rule, verdict) for rule, urn, verdict in self._changed(old, new) if (rule.name, urn) not in self.spoke]

    def _changed(self, old: Planned, new: Planned | None) -> Iterator[tuple[Rule, str, Verdict]]:
        before = self._stack.resources[self._places[old.urn]]
        made = [new.as_made()] if new else []
        of_type = self._stack._by_type[old.type]
        place = next(place for place, one in enumerate(of_type) if one is before)
        stack = _Changed(self._stack, old.type, [*of_type[:place], *made, *of_type[place + 1 :]])
        for rule in self.about(old.type) if new else ():
            written = new.as_written() if new and rule.scope == "resource" else made[0]
            yield from _spoken(rule, old.urn, _verdict(rule, written, stack))
        for rule, resource in self._lookers[old.type]:
            if resource is not before:
                yield from _spoken(rule, resource.urn, _verdict(rule, resource, stack))

    def _note(self, rule: Rule, urn: str, verdict: Verdict) -> None:
        if verdict.violations:
            self.spoke.add((rule.name, urn))


def _spoken(rule: Rule, urn: str, verdict: Verdict) -> Iterator[tuple[Rule, str, Verdict]]:
    if verdict.violations:
        yield rule, urn, verdict


def _verdict(rule: Rule, resource: Resource, stack: Stack | None = None) -> Verdict:
    try:
        return rule.judge(resource, stack)
    except BrokenRule as error:
        return Verdict(violations=(f"the rule broke: {error}",), error=True)
