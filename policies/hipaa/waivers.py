"""Accepted risks: who accepts which violation, where, why and until when."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import ErrorDetails

import hipaa

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Waiver(BaseModel):
    """One accepted risk. It holds through the day on which it expires (UTC), and not a day longer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(description="The rule whose violation is accepted.")
    urn: str = Field(min_length=1, description="The URN of the resource; * and ? stand for any characters.")
    reason: Words = Field(description="Why the risk is acceptable.")
    owner: Words = Field(description="Who answers for it.")
    expires: datetime.date = Field(description="The last day on which it holds.")

    @field_validator("rule")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in {rule.name for rule in hipaa.rules()}:
            raise ValueError("no rule of this pack has this name")
        return name

    def holds(self, today: datetime.date) -> bool:
        """Whether it has not expired."""
        return today <= self.expires

    def __str__(self) -> str:
        return f"waived until {self.expires} by {self.owner}: {self.reason}"


class UnusableWaivers(Exception):
    """The waivers file cannot be used: one line for each thing that is wrong with it."""


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers in a YAML file, a list of them; none when there is no such file.

    Raises:
        UnusableWaivers: when the file is no such list, or a waiver lacks a reason, an owner, a date or a known rule.
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
        return f"{where} is missing; a waiver has rule, urn, reason, owner and expires"
    return f"{where} is {detail['input']!r}: {detail['msg']}"


def waiver_of(waivers: Iterable[Waiver], rule: str, urn: str, today: datetime.date) -> Waiver | None:
    """The first waiver that holds today for this rule and resource."""
    return next(
        (w for w in waivers if w.rule == rule and w.holds(today) and fnmatchcase(urn, w.urn)),
        None,
    )
