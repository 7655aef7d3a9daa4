"""What gates.yaml may say. What is not known, lacks its bound or is of another type is refused by its name."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from delivery.data.contract import contract
from delivery.data.injections import KINDS
from delivery.data.safe_harbor import safe_harbor
from delivery.registry.gates import UNMEASURED
from delivery.registry.refused import Refused

GATES: Final = Path(__file__).with_name("gates.yaml")
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
MeasureName = Literal["auroc", "brier", "ece", "recall", "fpr"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bootstrap(Strict):
    """How intervals are made."""

    times: Annotated[int, Field(ge=100, le=100_000, strict=True)]
    seed: Annotated[int, Field(ge=0, strict=True)]
    level: Annotated[float, Field(gt=0.5, lt=1)]


class Declaration(Strict):
    """What every gate says."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,52}$")]
    severity: Literal["stop", "warn"]
    """Whether it stops the model, or is told only."""
    why: Annotated[str, Field(min_length=10)]
    """Why the bound is this one: its source, or `assumption`."""


class AtMost(Declaration):
    maximum: Finite


class AtLeast(Declaration):
    minimum: Finite


class Nulls(AtMost):
    kind: Literal["nulls"]
    columns: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("columns")
    @classmethod
    def _are_features(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [feature.name for feature in safe_harbor().features]
        if unknown := sorted(set(names) - set(known)):
            raise ValueError(f"no features: {', '.join(unknown)}")
        return names


class Whole(AtMost):
    """Of the two tables of features, without more to say."""

    kind: Literal["ranges", "duplicates", "leakage", "patients_in_both", "freshness"]


class Volume(AtLeast):
    kind: Literal["volume"]
    table: Literal["train", "test"]
    of: Literal["rows", "people", "cases"]


class Good(AtLeast):
    """A figure of which more is better: its interval's lower end counts."""

    kind: Literal["auroc", "recall"]


class Bad(AtMost):
    """A figure of which less is better: its interval's upper end counts."""

    kind: Literal["brier", "ece", "fpr"]


class Worse(AtMost):
    """By how much the model is worse than the one in production: the upper end of the paired interval counts."""

    kind: Literal["worse_than_production"]
    measure: MeasureName


class Grouped(Strict):
    by: str
    fewest: Annotated[int, Field(ge=11, strict=True)]
    """People with the outcome, and without, below which a group is too small to judge; a small cell always is."""

    @field_validator("by")
    @classmethod
    def _of_closed_list(cls, name: str) -> str:
        closed = [each.name for each in contract().columns.values() if len(each.one_of) > 1]
        if name not in closed:
            raise ValueError(f"must be one of {', '.join(closed)}")
        return name


class Fairness(AtMost, Grouped):
    """The largest difference between two groups: its interval's upper end counts."""

    kind: Literal["fairness"]
    measure: MeasureName


class GroupsJudged(AtLeast, Grouped):
    """Share of people who are in a group that can be judged."""

    kind: Literal["groups_judged"]


class Robustness(AtMost):
    """By how much the model is worse where a fault is injected: the upper end of the paired interval counts."""

    kind: Literal["robustness"]
    injection: str
    measure: MeasureName

    @field_validator("injection")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return name


class Artefact(AtMost):
    """Bytes of the model; seconds of the slowest request but one in a hundred; inputs at odds with the features."""

    kind: Literal["size", "latency", "signature"]


class Licence(AtMost):
    """Components whose licence is not allowed, or not known."""

    kind: Literal["licence"]
    allowed: Annotated[tuple[str, ...], Field(min_length=1)]


Gate = Nulls | Whole | Volume | Good | Bad | Worse | Fairness | GroupsJudged | Robustness | Artefact | Licence


class Declared(Strict):
    """gates.yaml."""

    format: Literal["parapet-gates-declared/1"]
    operating_point: Annotated[float, Field(gt=0, lt=1)]
    """The score from which on a patient is flagged."""
    bootstrap: Bootstrap
    gates: Annotated[tuple[Annotated[Gate, Field(discriminator="kind")], ...], Field(min_length=1, max_length=200)]


def declared(path: Path = GATES) -> Declared:
    """Raises Refused, with the gate's name and the field."""
    try:
        told = yaml.load(path.read_text(), Loader=Unambiguous)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"The gates in {path} cannot be read: {error}") from None
    try:
        found = Declared.model_validate(told)
    except ValidationError as error:
        raise Refused(f"{path} is not as it must be:\n" + "\n".join(_said(told, error))) from None
    names = Counter(gate.name for gate in found.gates)
    if twice := sorted(name for name, times in names.items() if times > 1):
        raise Refused(f"{path} has {', '.join(twice)} more than once: give each gate its own name.")
    if taken := [gate.name for gate in found.gates if gate.name.endswith(UNMEASURED)]:
        raise Refused(f"{path}: {taken[0]} ends in {UNMEASURED}, which says that a gate was not measured. Rename it.")
    if all(gate.severity == "warn" for gate in found.gates):
        raise Refused(f"{path} has no gate that stops a model: each is told only. Let one have the severity `stop`.")
    return found


def _said(told: Any, error: ValidationError) -> list[str]:
    lines = []
    for each in error.errors(include_url=False):
        where, *rest = each["loc"] or ("the file",)
        if where == "gates" and rest and isinstance(rest[0], int):
            given = told["gates"][rest[0]]
            name = given.get("name") if isinstance(given, dict) else None
            where, rest = f"gate {name or f'number {rest[0] + 1}'}", [x for x in rest[1:] if x not in ALL_KINDS]
        lines.append(f"    {'.'.join(map(str, (where, *rest)))}: {each['msg']}")
    return lines


ALL_KINDS: Final = {kind for each in get_args(Gate) for kind in get_args(each.model_fields["kind"].annotation)}


class Unambiguous(yaml.SafeLoader):
    """A key twice is an error: of two bounds the last would count, unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)
