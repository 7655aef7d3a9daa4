"""Who is told of what: the boundaries of `runbooks/owners.yaml`, and the hours of `quiet-hours.yaml` beside it.

`delivery/incidents` reads the first file too, and says more about it.
"""

from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import pulumi
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlops.monitoring.words import RUNBOOKS, Boundary

FOLDER: Final = Path(__file__).resolve().parents[3] / RUNBOOKS
OWNERS: Final = "owners.yaml"
QUIET: Final = "quiet-hours.yaml"

Receiver = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Hour = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Owner(BaseModel):
    """Who answers for a boundary."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    boundary: Boundary
    team: str
    page: Receiver
    ticket: Receiver
    again_after: Annotated[str, Field(pattern=r"^[1-9]\d{0,2}[smh]$")]
    """How often a page that nobody ended is told again, to the same receiver; a duration of Prometheus'."""


class Owners(BaseModel):
    """Each boundary with its one owner."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    read_at: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9._~:/@%+=-]+/$")]
    """What comes before `runbooks/NAME.md` where people read it in a browser."""
    owners: tuple[Owner, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Owners":
        if sorted(each.boundary for each in self.owners) != sorted(Boundary):
            raise ValueError(f"each of {', '.join(Boundary)} has one owner")
        receivers = [name for each in self.owners for name in (each.page, each.ticket)]
        if len(set(receivers)) < len(receivers):
            raise ValueError("each receiver is of one boundary, and for pages or for tickets")
        return self

    def of(self, boundary: Boundary) -> Owner:
        return next(each for each in self.owners if each.boundary is boundary)


class Quiet(BaseModel):
    """When nothing but a page is told, in UTC: from `begins` over midnight to `ends`, and on `days`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begins: Hour
    ends: Hour
    days: tuple[Annotated[str, Field(pattern="^(mon|tues|wednes|thurs|fri|satur|sun)day$")], ...]

    @model_validator(mode="after")
    def _night(self) -> "Quiet":
        if not self.ends < self.begins:
            raise ValueError(f"quiet hours are over midnight: ends ({self.ends}) before begins ({self.begins})")
        return self


Read = TypeVar("Read", bound=BaseModel)


def owners(folder: Path = FOLDER) -> Owners:
    """Who answers for each boundary. Raises `pulumi.RunError`."""
    return _read(folder / OWNERS, Owners)


def quiet(folder: Path = FOLDER) -> Quiet:
    """When tickets wait. Raises `pulumi.RunError`."""
    return _read(folder / QUIET, Quiet)


def _read(file: Path, kind: type[Read]) -> Read:
    named = f"{RUNBOOKS}/{file.name}"
    try:
        found: Any = yaml.load(file.read_text(), yaml.CSafeLoader)
        return kind.model_validate(found)
    except (OSError, yaml.YAMLError) as error:
        raise pulumi.RunError(f"{named} cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise pulumi.RunError(f"{named}{f', {where}' if where else ''}: {problem['msg']}") from None
