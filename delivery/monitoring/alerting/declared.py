"""What alerting.yaml may say. What is not known, lacks a value or is of another type is refused by its name."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from delivery.gates.declared import Unambiguous
from delivery.monitoring import runs
from delivery.registry.refused import Refused

ALERTING: Final = Path(__file__).parents[1] / "alerting.yaml"

Kind = Literal["schema", "data", "prediction", "quality"]
KINDS: Final[tuple[Kind, ...]] = ("schema", "data", "prediction", "quality")
"""From what explains to what is explained: a broken schema moves data, data move predictions, and those the quality."""
Weight = Literal["critical", "usual", "minor"]
WEIGHTS: Final[tuple[Weight, ...]] = ("critical", "usual", "minor")
"""The gravest first."""
Severity = Literal["page", "ticket", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("page", "ticket", "note")
"""The gravest first."""
LONGEST: Final = 180
"""Days for which a finding may be accepted at once."""
Boundary = Literal["data", "model", "platform", "security", "clinical"]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,62}$")]
Windows = Annotated[int, Field(ge=1, le=1000, strict=True)]
GATHERED: Final = 31
"""Days that a window is made of at most, where rows are few."""
Days = Annotated[int, Field(ge=1, le=GATHERED, strict=True)]
Hours = Annotated[int, Field(ge=1, le=7 * 24, strict=True)]
Silence = Annotated[int, Field(ge=0, le=366, strict=True)]
"""In days; 0 for ever."""
Late = Annotated[int, Field(ge=0, le=runs.LONGEST, strict=True)]
"""In hours; 0 never."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Season(Strict):
    """How far another year's season may be from the reference's."""

    stronger: Annotated[float, Field(ge=0, le=3, strict=True)]
    """Times the reference's, as a standard deviation."""
    days: Annotated[int, Field(ge=0, le=90, strict=True)]
    """Earlier or later."""


Bound = Annotated[float, Field(gt=0, le=100, strict=True)]


class Bounds(Strict):
    """What the noise of a reference may say of a statistic, in cube roots; and what is never usual."""

    spread: Bound
    level: Bound
    """Without the calendar."""
    calendar: Bound
    """Of a weekday, and of each wave of the year."""
    times: Annotated[float, Field(ge=1, le=100, strict=True)]
    """Times the check's own threshold."""
    distance: Annotated[float, Field(gt=0, le=1, strict=True)]


class Severities(Strict):
    """How grave it is, by the weight of what has moved."""

    critical: Severity
    usual: Severity
    minor: Severity

    @model_validator(mode="after")
    def _in_order(self) -> "Severities":
        places = [SEVERITIES.index(each) for each in (self.critical, self.usual, self.minor)]
        if places != sorted(places):
            raise ValueError("what weighs less is graver: critical comes first, then usual, then minor")
        return self


class Handled(Strict):
    """A kind of alert."""

    weight: Weight
    boundary: Boundary
    runbook: Word


class Schema(Handled):
    layout: Weight
    """Of columns that came or stand in another place."""


class Accepted(Strict):
    """One finding that nobody is told of, from its first day to its last (UTC)."""

    model: Word
    kind: Kind
    column: str
    """As an alert names it, also `*` and `(not of the reference)`."""
    begins: date
    expires: date
    reason: Annotated[str, Field(min_length=10, max_length=300)]
    owner: Annotated[str, Field(min_length=3)]

    @model_validator(mode="after")
    def _ends(self) -> "Accepted":
        if not 0 <= (self.expires - self.begins).days <= LONGEST:
            raise ValueError(f"it must expire on the day that it begins, or up to {LONGEST} days later")
        return self

    def holds(self, model: str, kind: Kind, column: str, day: date) -> bool:
        same = (self.model, self.kind, self.column) == (model.partition("@")[0], kind, column)
        return same and self.begins <= day <= self.expires


class Kinds(Strict):
    schema_: Annotated[Schema, Field(alias="schema")]
    data: Handled
    prediction: Handled
    quality: Handled

    def of(self, kind: Kind) -> Handled:
        return self.schema_ if kind == "schema" else getattr(self, kind)


class Declared(Strict):
    """alerting.yaml."""

    format: Literal["parapet-alerting/1"]
    windows_until_false: Annotated[int, Field(ge=30, le=1_000_000, strict=True)]
    fewest_rows: Annotated[int, Field(ge=11, strict=True)]
    gathers: Days
    gathers_of: dict[Word, Days]
    empty_of: dict[Word, Hours]
    fewest_windows: Annotated[int, Field(ge=14, strict=True)]
    confirm: Windows
    calm: Windows
    together: Windows
    again: Windows
    unheard: Windows
    season: Season
    noise: Bounds
    uses: Annotated[dict[Word, Severities], Field(min_length=1)]
    models: dict[Word, Word]
    other_models: Word
    outcomes: dict[Word, Silence]
    other_outcomes: Silence
    late_after: dict[Word, Late]
    kinds: Kinds
    sources: dict[Word, dict[str, Weight]]
    other_columns: Weight
    accepted: tuple[Accepted, ...]

    @model_validator(mode="after")
    def _hold(self) -> "Declared":
        used = {**self.models, "other_models": self.other_models}
        if unknown := sorted(name for name, use in used.items() if use not in self.uses):
            raise ValueError(f"{unknown[0]} has the use {used[unknown[0]]!r}, which is none of {', '.join(self.uses)}")
        columns = [name for each in self.sources.values() for name in each]
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ValueError(f"of two sources: {', '.join(twice)}. Give each column one")
        return self

    def source(self, column: str) -> str | None:
        return next((name for name, columns in self.sources.items() if column in columns), None)

    def weight(self, column: str) -> Weight:
        source = self.source(column)
        return self.sources[source][column] if source else self.other_columns

    def quiet(self, model: str) -> timedelta:
        """For how long rows that are too few to judge are gathered before somebody is told."""
        return timedelta(days=self.gathers_of.get(model.partition("@")[0], self.gathers))

    def idle(self, model: str) -> timedelta:
        """For how long nobody need ask it before somebody is told."""
        return timedelta(hours=self.empty_of.get(model.partition("@")[0], 0))

    def outcomes_within(self, model: str) -> int:
        """Days without any after which somebody is asked; 0 never."""
        return self.outcomes.get(model, self.other_outcomes)

    def severities(self, model: str) -> Severities:
        return self.uses[self.models.get(model, self.other_models)]


def declared(path: Path = ALERTING) -> Declared:
    """Raises Refused, with the field and what is allowed there."""
    try:
        told = yaml.load(path.read_text(), Loader=Unambiguous)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    try:
        return Declared.model_validate(told)
    except ValidationError as error:
        lines = [_said(each) for each in error.errors(include_url=False)]
        raise Refused(f"{path} is not as it must be:\n" + "\n".join(lines)) from None


def _said(error: Any) -> str:
    return f"    {'.'.join(map(str, error['loc'])) or 'the file'}: {error['msg']}"
