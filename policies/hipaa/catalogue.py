"""The law: the standards and implementation specifications of HIPAA's Security Rule, and what satisfies each.

`catalogue.yaml` is the one place that ties a rule to a citation.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import hipaa
from hipaa.own_yaml import Loader, NoKeyTwice

_CITATION = re.compile(r"164\.(308|310|312|314|316)(\([a-z]\)(\([0-9]+\)(\([ivx]+\)(\([A-Z]\))?)?)?)")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}


class UnusableCatalogue(Exception):
    """The catalogue cannot be used: what is wrong with it."""


class Specification(BaseModel):
    """One standard or implementation specification of 45 CFR part 164, subpart C."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    citation: str = Field(description="Where it stands in 45 CFR: 164.312(a)(2)(iv).")
    title: str = Field(description="Its heading in the regulation.")
    kind: Literal["standard", "required", "addressable"] = Field(
        description="A standard, or a specification that is required or addressable (45 CFR 164.306(d))."
    )
    standard: str | None = Field(default=None, description="The citation of the standard that it belongs to.")
    rules: tuple[str, ...] = Field(default=(), description="The rules of this pack that serve it.")
    live: tuple[str, ...] = Field(default=(), description="The checks of a live account that serve it.")
    documents: tuple[str, ...] = Field(default=(), description="The documents that serve it.")
    uncovered: str | None = Field(default=None, description="Why nothing here can satisfy it.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not _CITATION.fullmatch(self.citation):
            raise ValueError(f"{self.citation!r} is no citation; write it like 164.312(a)(2)(iv)")
        if (self.kind == "standard") != (self.standard is None):
            raise ValueError(f"{self.citation}: a specification names its standard, a standard names none")
        if self.uncovered and (self.rules or self.live or self.documents):
            raise ValueError(f"{self.citation}: it says why nothing can satisfy it, and names what does")
        for kind in (self.rules, self.live, self.documents):
            if twice := [name for name, count in Counter(kind).items() if count > 1]:
                raise ValueError(f"{self.citation}: {', '.join(twice)} is named twice")
        return self


class Catalogue(BaseModel):
    """All specifications by citation, in the regulation's order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specifications: dict[str, Specification]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        known = {rule.name for rule in hipaa.rules()}
        cited = {name for specification in self.specifications.values() for name in specification.rules}
        if cited - known:
            raise ValueError(f"the catalogue names rules that do not exist: {', '.join(sorted(cited - known))}")
        if known - cited:
            raise ValueError(f"no specification cites the rules {', '.join(sorted(known - cited))}")
        standards = {citation for citation, item in self.specifications.items() if item.kind == "standard"}
        for citation, item in self.specifications.items():
            if item.standard is not None and item.standard not in standards:
                raise ValueError(f"{citation} belongs to {item.standard}, which is no standard of this catalogue")
        if list(self.specifications) != sorted(self.specifications, key=_order):
            raise ValueError("the specifications are not in the regulation's order")
        return self

    def citations(self, rule: str) -> tuple[str, ...]:
        """The citations of the specifications that a rule serves, in the regulation's order."""
        return tuple(citation for citation, item in self.specifications.items() if rule in item.rules)


@cache
def load() -> Catalogue:
    """The catalogue of this package.

    Raises:
        UnusableCatalogue: when it names a rule that does not exist, leaves one out or breaks the regulation's order.
    """
    try:
        entries = parse(resources.files(hipaa).joinpath("catalogue.yaml").read_text(encoding="utf-8"))
        specifications = {citation: {"citation": citation} | entry for citation, entry in entries.items()}
        return Catalogue.model_validate({"specifications": specifications})
    except yaml.YAMLError as error:
        raise UnusableCatalogue(f"catalogue.yaml is not YAML: {error}") from None
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, detail['loc']))} {detail['msg']}".strip() for detail in error.errors())
        raise UnusableCatalogue(f"catalogue.yaml: {said}") from None


def parse(text: str) -> dict[str, dict[str, object]]:
    """The entries of a catalogue in YAML, by citation.

    Raises:
        yaml.YAMLError: when it is no YAML, or a key is there twice.
    """
    entries: dict[str, dict[str, object]] = _StrictLoader(text).get_single_data()
    return entries


class _StrictLoader(NoKeyTwice, Loader):
    """YAML whose mappings repeat no key."""


def _order(citation: str) -> tuple[int | str, ...]:
    section, *parts = re.findall(r"[^().]+(?=[()]|$)", citation)
    levels = (str, int, _ROMAN.__getitem__, str)
    return (section, *(level(part) for level, part in zip(levels, parts, strict=False)))
