"""What other lists of checks for HIPAA ask for, and what answers to each: a rule of this pack, or why none does.

The lists' names stand in `checklists/`, as their makers publish them; `coverage.yaml` says what answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

import hipaa
from hipaa import own_yaml

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=15)]


class UnusableCoverage(Exception):
    """The coverage cannot be used: what is wrong with it."""


class Row(BaseModel):
    """What answers to one check of a list: exactly one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[str, ...] = Field(default=(), description="The rules of this pack that find what the check finds.")
    also_live: Reason | None = Field(
        default=None, description="What of it the rules cannot see, and the account shows."
    )
    leaves_out: Reason | None = Field(
        default=None, description="What of it the rules do not answer to, and why nothing has to."
    )
    live: Reason | None = Field(default=None, description="Why only a look at the live account can tell.")
    not_applicable: Reason | None = Field(default=None, description="Why nothing has to answer to it.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if [bool(self.rules), self.live is not None, self.not_applicable is not None].count(True) != 1:
            raise ValueError("a row has exactly one of rules, live and not_applicable")
        if self.also_live and not self.rules:
            raise ValueError("also_live goes beside rules")
        if self.leaves_out and not self.rules:
            raise ValueError("leaves_out goes beside rules")
        known = {rule.name for rule in hipaa.rules()}
        if unknown := [name for name in self.rules if name not in known]:
            raise ValueError(f"no rule of this pack is named {', '.join(unknown)}")
        return self


class Checklist(BaseModel):
    """A list of checks that others publish."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=5, description="What it is called, and by whom.")
    source: str = Field(min_length=10, description="Where it was read, in which version.")
    rows: dict[str, Row] = Field(description="What answers to each of its checks, by the check's name.")

    def counted(self) -> dict[str, int]:
        """How many rows have which answer."""
        return {
            "by rules": sum(1 for row in self.rows.values() if row.rules),
            "by a look at the account": sum(1 for row in self.rows.values() if row.live),
            "not applicable": sum(1 for row in self.rows.values() if row.not_applicable),
        }


@cache
def load() -> dict[str, Checklist]:
    """The lists by their keys.

    Raises:
        UnusableCoverage: when a row has no answer or two, a rule does not exist, or a list's names are not all there.
    """
    entries = own_yaml.read("coverage.yaml")
    try:
        lists = {key: Checklist.model_validate(entry) for key, entry in entries.items()}
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, detail['loc']))} {detail['msg']}".strip() for detail in error.errors())
        raise UnusableCoverage(f"coverage.yaml: {said}") from None
    for key, checklist in lists.items():
        wanted = list(names(key))
        if lacking := [name for name in wanted if name not in checklist.rows]:
            raise UnusableCoverage(f"coverage.yaml: {key} lacks {', '.join(lacking)}")
        if beside := [name for name in checklist.rows if name not in wanted]:
            raise UnusableCoverage(f"coverage.yaml: {key} has {', '.join(beside)}, which its list does not have")
    return lists


def names(key: str) -> Iterator[str]:
    """The names of a list's checks, as its maker has them."""
    for line in resources.files(hipaa).joinpath("checklists", f"{key}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line
