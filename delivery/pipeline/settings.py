"""settings.yaml, read once and strictly."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

HERE: Final = Path(__file__).parent
Share = Annotated[float, Field(ge=0, lt=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quarantined(Strict):
    maximum: Share
    why: str


class Split(Strict):
    years_held_out: Annotated[int, Field(ge=1)]
    patients_held_out: Annotated[float, Field(gt=0, lt=1)]


class Own(Strict):
    """What the contract of intake records does not say of an input, since we make it."""

    within: tuple[float, float] | None = None
    unit: str = ""
    nullable: bool = False


class Trees(Strict):
    rounds: Annotated[int, Field(ge=1)]
    parameters: dict[str, Any]


class Card(Strict):
    title: str
    purpose: str
    limits: tuple[str, ...]


class Settings(Strict):
    """How a model is made."""

    format: Literal["parapet-pipeline/1"]
    quarantined: Quarantined
    split: Split
    inputs: dict[str, Own]
    trees: Trees
    injected: dict[str, float]
    requests: Annotated[int, Field(ge=1000)]
    card: Card


@cache
def settings() -> Settings:
    return Settings.model_validate(yaml.safe_load((HERE / "settings.yaml").read_text()))
