"""Accepted risks: who accepts which violation, where, why and until when."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

import hipaa

LONGEST = datetime.timedelta(days=366)
"""A year, whichever it is."""

MOST_RESOURCES = 10
"""So many resources of one stack may one waiver be for: more are a decision about the rule, not about a resource."""

_WILDCARDS = re.compile(r"[*?]")
_LEAST_OF_A_NAME = 3

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Waiver(BaseModel):
    """One accepted risk. It holds from the day on which it is approved through that on which it expires (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(description="The rule whose violation is accepted.")
    urn: str = Field(min_length=1, description="The URN of the resource; * and ? stand for any characters.")
    reason: Words = Field(description="Why the risk is acceptable.")
    compensating_control: Words = Field(description="What keeps the risk small in the meantime.")
    owner: Words = Field(description="Who answers for the resource.")
    requested_by: Words = Field(description="Who asked for it.")
    approved_by: Words = Field(description="Who accepted the risk: somebody else than who asked.")
    approved: datetime.date = Field(description="The day on which it was accepted.")
    expires: datetime.date = Field(description="The last day on which it holds, at most a year after it was accepted.")

    @field_validator("rule")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in {rule.name for rule in hipaa.rules()}:
            raise ValueError("no rule of this pack has this name")
        return name

    @model_validator(mode="after")
    def _is_sober(self) -> Self:
        if self.requested_by.casefold() == self.approved_by.casefold():
            raise ValueError(
                f"requested_by and approved_by are both {self.approved_by!r}; who accepts a risk must be somebody else"
            )
        if not self.approved <= self.expires <= self.approved + LONGEST:
            raise ValueError(
                f"it is approved on {self.approved} and expires on {self.expires}; it must end within a year, "
                f"on {self.approved + LONGEST} at the latest"
            )
        return self

    @property
    def is_narrow(self) -> bool:
        """Whether it names what it is about: the last part of its URN, the name, has letters and not only wildcards."""
        _, parted, name = self.urn.rpartition("::")
        return bool(parted) and len(_WILDCARDS.sub("", name)) >= _LEAST_OF_A_NAME

    def holds(self, today: datetime.date) -> bool:
        """Whether it is in force: approved, not expired, and narrow enough to be one resource's."""
        return self.approved <= today <= self.expires and self.is_narrow

    def has_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return today > self.expires

    def matches(self, urn: str) -> bool:
        """Whether it is about this resource."""
        return fnmatchcase(urn, self.urn.replace("[", "[[]"))

    def names_stack_of(self, urn: str) -> bool:
        """Whether it is for this URN's stack alone: it names stack and project without a wildcard."""
        return self.urn.split("::")[:2] == urn.split("::")[:2]

    def __str__(self) -> str:
        return f"waived until {self.expires} by {self.approved_by}: {self.reason}"


class UnusableWaivers(Exception):
    """The waivers file cannot be used: one line for each thing that is wrong with it."""


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers in a YAML file, a list of them; none when there is no such file.

    Raises:
        UnusableWaivers: when the file is no such list, or a waiver lacks something, is for longer than a year, was
            approved by who asked for it, or names no rule of this pack.
    """
    if not path.exists():
        return ()
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except yaml.YAMLError as error:
        raise UnusableWaivers(f"{path.name} is not YAML: {error}") from None
    if not isinstance(entries, list):
        raise UnusableWaivers(f"{path.name} must be a list of waivers")
    waivers: list[Waiver] = []
    wrong: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            waivers.append(Waiver.model_validate(entry))
        except ValidationError as error:
            wrong += [f"{path.name}, waiver {number}: {_words(detail)}" for detail in error.errors()]
    if wrong:
        raise UnusableWaivers("\n".join(wrong))
    return tuple(waivers)


def _words(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"])) or "it"
    if detail["type"] == "missing":
        return f"{where} is missing; a waiver has {', '.join(Waiver.model_fields)}"
    if detail["type"] == "value_error" and not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    return f"{where} is {detail['input']!r}: {detail['msg']}"


def waiver_of(waivers: Iterable[Waiver], rule: str, urn: str, today: datetime.date) -> Waiver | None:
    """The first waiver that holds today for this rule and resource."""
    return next(
        (w for w in waivers if w.rule == rule and w.holds(today) and w.matches(urn)),
        None,
    )
