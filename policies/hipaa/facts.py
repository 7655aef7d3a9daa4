"""What services do by themselves and cannot do: facts of their makers, with source and the day on which they were read.

They stand in `facts.yaml`, since they change while a rule does not.
"""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hipaa import own_yaml

_FRESH = datetime.timedelta(days=365)


class Fact(BaseModel):
    """One fact, with what it stands on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(min_length=10, description="The page or the API's reference that says so.")
    seen: datetime.date = Field(description="The day on which it was read there.")
    value: Any = Field(description="What it says.")


@cache
def facts() -> dict[str, Fact]:
    """All facts by name.

    Raises:
        pydantic.ValidationError: when one lacks its source, its day or its value.
    """
    entries = own_yaml.read("facts.yaml")
    return {name: Fact.model_validate(entry) for name, entry in entries.items()}


def fact(name: str) -> Any:
    """What the fact of this name says.

    Raises:
        KeyError: when there is no such fact.
    """
    return facts()[name].value


def stale(today: datetime.date) -> list[str]:
    """The names of the facts that were read a year before this day, or longer ago."""
    return [name for name, one in facts().items() if today - one.seen >= _FRESH]


def today() -> datetime.date:
    """This day, in UTC. A rule over what ends some day asks here, so that a test can tell it another one."""
    return datetime.datetime.now(datetime.UTC).date()


def version(text: object) -> tuple[int, ...]:
    """The numbers that a version begins with, for comparison: `17.4` is (17, 4), `8.0.mysql_aurora.3` is (8, 0)."""
    numbers: list[int] = []
    for part in str(text).split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
