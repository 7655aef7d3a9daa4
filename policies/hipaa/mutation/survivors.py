"""Why no rule speaks of a change: `survivors.yaml`, by type, property and mutator."""

from __future__ import annotations

import re
from collections import defaultdict
from enum import StrEnum
from fnmatch import translate
from functools import cache
from importlib import resources
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError

import hipaa.mutation
from hipaa.mutation.mutators import MUTATORS, Mutant


class Kind(StrEnum):
    """What a change is that no rule speaks of."""

    NO_WEAKER = "no-weaker"
    """Nothing is weaker by it: the default is the same, the service refuses it, less is allowed, another lock holds."""
    NOT_ASKED = "not-asked"
    """Something is weaker, and neither the Security Rule nor a list of checks asks for it: a rule would cry wolf."""
    HOLE = "hole"
    """Something is weaker, a rule should say so and none can, or none does yet. It counts against the score."""


class Survivor(BaseModel):
    """Changes of one sort, and why no rule speaks of them. Types and properties are patterns: `*` is any characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: tuple[str, ...] = Field(default=("*",), min_length=1)
    properties: tuple[str, ...] = Field(default=("*",), min_length=1)
    mutators: tuple[str, ...] = Field(min_length=1)
    kind: Kind
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]

    _patterns: tuple[re.Pattern[str], re.Pattern[str]] = PrivateAttr()

    def model_post_init(self, _context: object) -> None:
        """Translates the patterns once."""
        self._patterns = (_any(self.types), _any(self.properties))

    def is_of(self, mutant: Mutant) -> bool:
        """Whether it is about this change."""
        types, properties = self._patterns
        return (
            mutant.mutator in self.mutators
            and types.match(mutant.resource.type) is not None
            and properties.match(mutant.property) is not None
        )


class UnusableSurvivors(Exception):
    """The file cannot be used: one line for each thing that is wrong with it."""


class Survivors:
    """All entries, and how many changes each was the reason of."""

    def __init__(self, entries: tuple[Survivor, ...]) -> None:
        self.entries = entries
        self.uses: defaultdict[int, int] = defaultdict(int)
        self._found: dict[tuple[str, str, str], int | None] = {}

    def of(self, mutant: Mutant) -> Survivor | None:
        """The first entry that is about a change; it counts as used."""
        key = mutant.resource.type, mutant.property, mutant.mutator
        if key not in self._found:
            self._found[key] = next((place for place, one in enumerate(self.entries) if one.is_of(mutant)), None)
        place = self._found[key]
        if place is None:
            return None
        self.uses[place] += 1
        return self.entries[place]

    def unused(self) -> list[Survivor]:
        """The entries that no change needed."""
        return [one for place, one in enumerate(self.entries) if not self.uses[place]]


@cache
def entries() -> tuple[Survivor, ...]:
    """What `survivors.yaml` says.

    Raises:
        UnusableSurvivors: when an entry lacks something, or names a mutator that there is not.
    """
    said = yaml.safe_load(resources.files(hipaa.mutation).joinpath("survivors.yaml").read_text(encoding="utf-8"))
    found: list[Survivor] = []
    wrong: list[str] = []
    for number, each in enumerate(said, start=1):
        try:
            found.append(Survivor.model_validate(each))
        except ValidationError as error:
            wrong += [f"survivors.yaml, entry {number}: {one['loc']}: {one['msg']}" for one in error.errors()]
            continue
        wrong += [
            f"survivors.yaml, entry {number}: there is no mutator {name!r}; there are {', '.join(MUTATORS)}"
            for name in found[-1].mutators
            if name not in MUTATORS
        ]
    if wrong:
        raise UnusableSurvivors("\n".join(wrong))
    return tuple(found)


def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # A bracket stands for itself: names of properties have some, and no pattern needs a set of characters.
    return re.compile("|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns))
