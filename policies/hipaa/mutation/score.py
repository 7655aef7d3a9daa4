"""The mutation score: how many weakenings of a sound stack some rule speaks of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import hipaa
from hipaa.mutation import survivors
from hipaa.mutation.graph import Planned
from hipaa.mutation.judging import Judge
from hipaa.mutation.mutators import GONE, IsNeeded, Mutant, mutants
from hipaa.mutation.survivors import Kind, Survivor, Survivors
from hipaa.resource import UNKNOWN, Secret
from hipaa.rule import Level, Rule
from hipaa.secrets import is_secret

LONGEST: Final = 80
"""Characters of a value that are shown."""
MARK: Final = 95.0
"""Per cent that the pack is held to."""


@dataclass(frozen=True)
class Judged:
    """A weakening, and what became of it."""

    mutant: Mutant
    rules: tuple[Rule, ...]
    """Those that speak of it and did not before."""
    broke: bool
    """Whether one of them broke: that is no judgement."""
    reason: Survivor | None
    """Why none speaks."""

    @property
    def level(self) -> str:
        """`mandatory` where one of the rules is, `advisory` where some rule speaks, else nothing."""
        levels = {rule.level() for rule in self.rules}
        return str(Level.MANDATORY if Level.MANDATORY in levels else Level.ADVISORY) if levels else ""

    @property
    def outcome(self) -> str:
        """`caught`, or the kind of the reason why not; `hole` where none is given."""
        return "caught" if self.rules else str(self.reason.kind if self.reason else Kind.HOLE)


@dataclass(frozen=True)
class Score:
    """All weakenings of a stack."""

    judged: tuple[Judged, ...]
    unused: tuple[Survivor, ...]
    """Entries of survivors.yaml that nothing needed."""

    def count(self, outcome: str) -> int:
        """How many there are of an outcome."""
        return sum(one.outcome == outcome for one in self.judged)

    @property
    def score(self) -> float:
        """Per cent that a rule speaks of, of those of which one should."""
        return self._share((Level.MANDATORY, Level.ADVISORY), without=(Kind.NO_WEAKER, Kind.NOT_ASKED))

    @property
    def mandatory(self) -> float:
        """Per cent that a mandatory rule speaks of, of the same."""
        return self._share((Level.MANDATORY,), without=(Kind.NO_WEAKER, Kind.NOT_ASKED))

    @property
    def strict(self) -> float:
        """Per cent that a rule speaks of, of all that make anything weaker, asked for or not."""
        return self._share((Level.MANDATORY, Level.ADVISORY), without=(Kind.NO_WEAKER,))

    def _share(self, levels: tuple[Level, ...], without: tuple[Kind, ...]) -> float:
        of = [one for one in self.judged if one.outcome not in without]
        return 100 * sum(one.level in levels for one in of) / len(of) if of else 0.0

    def by(self, key: str) -> dict[str, dict[str, int]]:
        """Counts of outcomes by `type` or by `mutator`."""
        counted: dict[str, Counter[str]] = {}
        for one in self.judged:
            name = one.mutant.mutator if key == "mutator" else one.mutant.resource.type
            counted.setdefault(name, Counter())[one.outcome] += 1
        return {name: dict(sorted(counted[name].items())) for name in sorted(counted)}

    def told(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "score": round(self.score, 2),
            "score_mandatory": round(self.mandatory, 2),
            "score_of_all_that_is_weaker": round(self.strict, 2),
            "caught": self.count("caught"),
            **{str(kind).replace("-", "_"): self.count(kind) for kind in Kind},
            "by_mutator": self.by("mutator"),
            "by_type": self.by("type"),
            "mutants": [entry(one) for one in self.judged],
        }


def measure(stack: Iterable[Planned], is_needed: IsNeeded, *, every: int = 1) -> Score:
    """Every weakening of a stack that meets the rules, judged; of each resource's only one in so many with `every`."""
    judge = Judge(hipaa.rules(), stack)
    reasons = Survivors(survivors.entries())
    made_from = {urn for one in judge.planned for urns in one.sources.values() for urn in urns}
    judged: list[Judged] = []
    number = 0
    for resource in judge.planned:
        for mutant in mutants(resource, is_needed, is_free=resource.urn not in made_from):
            number += 1
            if number % every:
                continue
            spoken = judge.changed(resource, mutant.weaker)
            rules = tuple({rule.name: rule for rule, verdict in spoken if not verdict.error}.values())
            broke = any(verdict.error for _, verdict in spoken)
            # A reason is for what no rule speaks of, however wide its patterns are.
            judged.append(Judged(mutant, rules, broke, None if rules else reasons.of(mutant)))
    return Score(tuple(judged), tuple(reasons.unused()))


def entry(one: Judged) -> dict[str, Any]:
    """One weakening, for programs."""
    mutant = one.mutant
    told: dict[str, Any] = {
        "type": mutant.resource.type,
        "name": mutant.resource.name,
        "property": mutant.path,
        "mutator": mutant.mutator,
        "before": shown(mutant.before, mutant.path),
        "after": shown(mutant.after, mutant.path),
        "outcome": one.outcome,
        "rules": {rule.name: str(rule.level()) for rule in one.rules},
    }
    if one.broke:
        told["broke"] = True
    if one.reason:
        told["reason"] = one.reason.reason
    return told


def shown(value: Any, path: str) -> str:
    """A value as it may be told: cut where it is long, and never what a secret holds."""
    if value is GONE:
        return "not there"
    plain = _without_secrets(value, path.rpartition(".")[2])
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _without_secrets(value: Any, name: str) -> Any:
    if isinstance(value, Secret):
        return "a secret"
    if value is UNKNOWN:
        return "not known yet"
    if isinstance(value, Mapping):
        own = value.get("name")
        return {
            key: _without_secrets(item, str(own) if key == "value" and isinstance(own, str) else key)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item, name) for item in value]
    if isinstance(value, str) and is_secret(name, value):
        return "a secret"
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
