"""Accepted risks: who accepts which violation, where, why and until when."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

import hipaa
from hipaa.own_yaml import NoKeyTwice

MOST_RESOURCES = 10
"""So many resources of one stack may one waiver be for: more are a decision about the rule, not about a resource."""

DO_NOT_HOLD = ("too broad", "expired")
_SOON = datetime.timedelta(days=30)

_NAMES = re.compile(r"[^\W_]{3}")
"""So many letters or digits in a row are a name, or a part of one."""

_ADDRESS = re.compile(r"([A-Za-z0-9._%-]+)(?:\+[A-Za-z0-9._%+-]*)?@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")
_PLACEHOLDERS = frozenset(
    (
        *("none", "na", "nil", "null", "nothing", "tbd", "tba", "tbc", "todo", "fixme", "pending", "later", "unknown"),
        *("any", "nobody", "noone", "someone", "test", "placeholder"),
    )
)


def _is_said(text: str) -> str:
    """What stands where words are asked for, and says nothing, is none."""
    letters = _letters(text)
    if letters in _PLACEHOLDERS or len(set(letters)) < 3:
        raise ValueError("it says nothing; write it out")
    return text


def _is_address(text: str) -> str:
    """One person has many names, and one address: who is who can be told of addresses alone."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError("it must be a plain e-mail address, name@example.com, and nothing beside it")
    return text


def _letters(text: str) -> str:
    """A text without case, spaces, signs and other forms of its letters."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3), AfterValidator(_is_said)]
Person = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_is_address)]


class Waiver(BaseModel):
    """One accepted risk. It holds from the day on which it is approved through that on which it expires (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(description="The rule whose violation is accepted.")
    urn: str = Field(min_length=1, description="The URN of the resource; * and ? stand for any characters.")
    reason: Words = Field(description="Why the risk is acceptable.")
    compensating_control: Words = Field(description="What keeps the risk small in the meantime.")
    owner: Words = Field(description="Who answers for the resource.")
    requested_by: Person = Field(description="Who asked for it.")
    approved_by: Person = Field(description="Who accepted the risk: somebody else than who asked.")
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
        if _mailbox(self.requested_by) == _mailbox(self.approved_by):
            raise ValueError(
                f"requested_by and approved_by are both {self.approved_by!r}; who accepts a risk must be somebody else"
            )
        if _letters(self.reason) == _letters(self.compensating_control):
            raise ValueError(
                "compensating_control is the reason again; write what keeps the risk small in the meantime"
            )
        latest = _a_year_on(self.approved)
        if not self.approved <= self.expires <= latest:
            raise ValueError(
                f"it is approved on {self.approved} and expires on {self.expires}; it must end within a year, "
                f"on {latest} at the latest"
            )
        return self

    @property
    def is_narrow(self) -> bool:
        """Whether it names what it is about: three letters or digits in a row are in its URN's last part."""
        _, parted, name = self.urn.rpartition("::")
        return bool(parted) and bool(_NAMES.search(name))

    def holds(self, today: datetime.date) -> bool:
        """Whether it is in force: approved, not expired, and narrow enough to be one resource's."""
        return self.approved <= today <= self.expires and self.is_narrow

    def has_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return today > self.expires

    def state(self, today: datetime.date) -> str:
        """Whether it holds, in words; `DO_NOT_HOLD` are those that somebody has to see to."""
        if not self.is_narrow:
            return "too broad"
        if self.has_expired(today):
            return "expired"
        if not self.holds(today):
            return "not in force yet"
        return "expires soon" if self.expires - today < _SOON else "in force"

    def matches(self, urn: str) -> bool:
        """Whether it is about this resource."""
        return fnmatchcase(urn, self.urn.replace("[", "[[]"))

    def names_stack_of(self, urn: str) -> bool:
        """Whether it is for this URN's stack alone: it names stack and project without a wildcard."""
        return self.urn.split("::")[:2] == urn.split("::")[:2]

    def __str__(self) -> str:
        return (
            f"waived until {self.expires} by {self.approved_by}: {self.reason} In the meantime: "
            f"{self.compensating_control} Owner: {self.owner}; asked for by {self.requested_by}."
        )


class UnusableWaivers(Exception):
    """The waivers file cannot be used: one line for each thing that is wrong with it."""


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers in a YAML file, a list of them; none when there is no such file.

    Raises:
        UnusableWaivers: when the file cannot be read, is no such list, or says something twice, or a waiver lacks
            something, is for longer than a year, was approved by who asked for it, or names no rule of this pack.
    """
    if not path.exists():
        if (other := path.with_suffix(".yml")).exists():
            raise UnusableWaivers(f"{other.name} is read by nobody; rename it to {path.name}")
        return ()
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), _Loader) or []  # noqa: S506 (a safe one)
    except OSError as error:
        raise UnusableWaivers(f"{path.name} cannot be read: {error.strerror}; it must be a file") from None
    except UnicodeDecodeError as error:
        raise UnusableWaivers(f"{path.name} is not UTF-8 from its byte {error.start} on; save it as UTF-8") from None
    except RecursionError:
        raise UnusableWaivers(f"{path.name} is nested too deep; it must be a list of waivers") from None
    except (yaml.YAMLError, ValueError) as error:  # a date that is none is a ValueError
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


class _Loader(NoKeyTwice, yaml.SafeLoader):
    """A waiver that says twice who approved it, or until when, says neither."""


def _mailbox(address: str) -> tuple[str, ...]:
    """An address without case and tag: mail to all its forms comes to one person."""
    found = _ADDRESS.fullmatch(address.casefold())
    return found.groups() if found else (address,)


def _a_year_on(day: datetime.date) -> datetime.date:
    """The same day of the next year; of a leap day the one before."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def _words(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"])) or "it"
    if detail["type"] == "missing":
        return f"{where} is missing; a waiver has {', '.join(Waiver.model_fields)}"
    said = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and not detail["loc"]:
        return said
    return f"{where} is {detail['input']!r}: {said}"


def waiver_of(waivers: Iterable[Waiver], rule: str, urn: str, today: datetime.date) -> Waiver | None:
    """The first waiver that holds today for this rule and resource."""
    return next(
        (w for w in waivers if w.rule == rule and w.holds(today) and w.matches(urn)),
        None,
    )
