"""A pretended database of who owns what, and the judgement of one request over it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from parapet_mlflow.gate import places
from parapet_mlflow.gate.caller import Asking, Caller, Grant
from parapet_mlflow.gate.loading import Numbered, Version
from parapet_mlflow.gate.permissions import Permissions
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import load

RUN, OTHERS, UNKNOWN = "a" * 32, "b" * 32, "c" * 32
MODEL, TRACE = f"m-{'a' * 32}", f"tr-{'a' * 32}"


@dataclass
class Pretended:
    """A database of two experiments, 1 of alice's and 2 of bob's."""

    grants: dict[str, list[Grant]] = field(default_factory=dict)
    administrators: tuple[str, ...] = ("root",)
    of: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "run": {RUN: "1", OTHERS: "2"},
            "trace": {TRACE: "1"},
            "logged-model": {MODEL: "1"},
        }
    )
    registered: list[Version] = field(default_factory=list)
    datasets: dict[str, list[str]] = field(default_factory=lambda: {"d-1": ["1"], "d-2": ["1", "2"], "d-3": []})
    prompts: tuple[str, ...] = ()
    promoters: tuple[str, ...] = ()
    questions: int = 0
    """About versions and those who made them."""

    def caller(self, name: str, types: frozenset[str]) -> Caller | None:
        if name not in (*self.grants, *self.administrators):
            return None
        return Caller(name, hash(name), name in self.administrators, types, tuple(self.grants.get(name, ())))

    def experiments(self, kind: str, names: Iterable[str]) -> dict[str, str]:
        return {name: self.of[kind][name] for name in names if name in self.of[kind]}

    def experiment_named(self, name: str) -> str | None:
        return {"alices": "1", "bobs": "2"}.get(name)

    def experiments_of_dataset(self, dataset: str) -> list[str]:
        return self.datasets.get(dataset, [])

    def family(self, name: str) -> str:
        return "prompt" if name in self.prompts else "registered_model"

    def traces_of_assessments(self, names: Iterable[str]) -> dict[str, str]:
        return {name: TRACE for name in names if name == "a-1"}

    def callers(self, names: Iterable[str], types: frozenset[str]) -> dict[str, Caller]:
        self.questions += 1
        return {name: caller for name in names if (caller := self.caller(name, types))}

    def versions(self, numbered: Iterable[Numbered]) -> dict[Numbered, Version]:
        self.questions += 1
        there = {(each.name, each.version): each for each in self.registered}
        return {each: there[each] for each in numbered if each in there}

    def versions_at(self, places: list[str], names: list[str] | None) -> list[Version]:
        self.questions += 1
        where = {f"mlflow-artifacts:/{place}" for place in places}
        return [each for each in self.registered if each.location in where and (names is None or each.name in names)]


def experiment(level: str, name: str = "1") -> Grant:
    return Grant("experiment", name, level)


def ask(world: Pretended, who: str | None, name: str, about: Asking | None = None, /, **given: Any) -> Refusal | None:
    """The judgement of one request, without the gate's other checks."""
    route = next(each for each in load() if each.name == name)
    asked = Asked(route, route.paths[0], given)
    if route.place and route.group == "files":
        asked = places.check(asked)
    if about is not None:
        assert who
        return Permissions(world, world.promoters).decide(who, asked, about)
    return asyncio.run(Permissions(world, world.promoters).allowed(who, asked))


def refused(world: Pretended, who: str, name: str, /, **given: Any) -> bool:
    told = ask(world, who, name, **given)
    assert told is None or told.status == 403, told
    return told is not None
