"""Whether what a model's drift is checked by is of that model: its profile has the fields of its contract, each judged
as the contract has it, and says how the model's answers went with what came.

Who registers a model brings all three files. A profile of other columns, of columns that nothing is compared with, of
bins in which nothing is other (`hearing.py`), of scores that none is below (`scored.py`), or whose own noise explains
everything, would find no drift for as long as the version serves. The profile's form is
`delivery/monitoring/profile.py`, the contract's `delivery/serving/README.md`; of both no more is read here than that.
"""

from collections.abc import Iterator, Sequence
from math import inf
from statistics import median
from typing import Final

from msgspec import Struct

from delivery.registry import hearing, scored
from delivery.registry.deaf import Signal, deaf
from delivery.registry.documents import digest, read
from delivery.registry.gates import Gate
from delivery.registry.refused import Refused
from delivery.registry.scored import FEWEST, Scores

OUTPUT: Final = "output."
"""Before an answer's name in a profile, as the prediction log has it."""
LABEL: Final = "label."
NOISIEST: Final = 10.0
"""How much more parts of the reference may differ than chance has them: ten rows of a patient, one after the other. The
rows of a pipeline are in no order: theirs are below 3. By 50, a quarter of a thousand rows elsewhere is chance."""
NOISY: Final = 3.0
"""What no more than half of the columns may have: all of them at NOISIEST, and half a deviation's drift of each is
chance."""
UNSURE: Final = 30.0
"""The middle variance of correlations, times their rows: of normal scores it is 1, and 3 of two that are the same; of
values that few rows have more."""
PAIRED: Final = 40
"""Numbers of which a profile has the correlations, where it has so many (`delivery/monitoring/profiling.py`)."""
OUTSIDE: Final = 0.1
"""The share of a field's rows that may lie outside of its contract: servers refuse such a call, a gate counts them."""
NUMBERS: Final = ("number", "integer")
ANEW: Final = (
    "Register the model by the pipeline, which makes both, and promote what it registers; a profile that an earlier "
    "version of Parapet made is mended in no other way, and until then nobody looks at the model."
)


class Field(Struct, frozen=True):
    """Of the contract."""

    name: str
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] = []
    nullable: bool = False


class Output(Struct, frozen=True):
    name: str
    minimum: float = 0.0
    maximum: float = 1.0


class Contract(Struct, frozen=True):
    inputs: list[Field]
    outputs: list[Output]


class Noise(Struct, frozen=True):
    parts: list[float]
    longer: float


class Numbers(Struct, frozen=True):
    edges: list[float]
    counts: list[int]
    low: int
    high: int
    noise: Noise | None = None


class Categories(Struct, frozen=True):
    counts: dict[str, int]
    rest: int
    rows: int
    noise: Noise | None = None


class Column(Struct, frozen=True):
    """Of the profile."""

    name: str
    type: str
    role: str
    missing: int
    infinite: int = 0
    missing_noise: Noise | None = None
    numbers: Numbers | None = None
    categories: Categories | None = None

    @property
    def noises(self) -> list[Noise]:
        held = (self.numbers, self.categories)
        return [each for each in (self.missing_noise, *(of.noise for of in held if of)) if each]

    @property
    def noisiest(self) -> float:
        return max((value for each in self.noises for value in (*each.parts, each.longer)), default=1.0)


class Pairs(Struct, frozen=True):
    names: list[str]
    rows: int
    noise: list[list[float | None]]


class Profile(Struct, frozen=True):
    rows: int
    columns: list[Column]
    predictions: str | None = None
    labels: str | None = None
    scores: Scores | None = None
    pairs: Pairs | None = None


class Learnt(Struct, frozen=True):
    """noise.json."""

    reference: str
    signals: list[Signal] = []


def of_its_model(profile: bytes, contract: bytes, noise: bytes | None, what: str, gates: Sequence[Gate] = ()) -> None:
    """Raises Refused, with the first that is wrong, by its place: fields by the contract's names, what is in the
    profile and in no contract by its number alone. `gates` are those of the model's report, where it is at hand."""
    told = read(profile, Profile, f"{what}: profile.json")
    measured = {each.name: (each.value, each.rows) for each in gates}
    if wrong := next(_wrong(told, read(contract, Contract, f"{what}: contract.json"), measured), None):
        raise Refused(
            f"{what}: its profile.json is not of the model that its contract.json tells of: {wrong}. Drift of it would "
            f"not be found. {ANEW}"
        )
    if noise is None:
        return
    learnt = read(noise, Learnt, f"{what}: noise.json")
    if learnt.reference != digest(profile):
        raise Refused(f"{what}: its noise.json was learnt by another profile than its own. Register the model anew.")
    fields = read(contract, Contract, f"{what}: contract.json")
    columns = {*(each.name for each in fields.inputs), *(f"{OUTPUT}{each.name}" for each in fields.outputs)}
    if why := deaf(learnt.signals, columns):
        raise Refused(
            f"{what}: its noise.json makes the daily check deaf: {why}. Who registered it? Register the model by the "
            "pipeline, which learns the noise of the rows that it was tried on."
        )


def _wrong(profile: Profile, contract: Contract, gates: dict[str, tuple[float, int]]) -> Iterator[str]:
    fields = {each.name: each for each in contract.inputs}
    answers = [f"{OUTPUT}{each.name}" for each in contract.outputs]
    held = {each.name: each for each in profile.columns}
    for name in (*fields, *answers):
        if name not in held:
            yield f"it lacks {name}"
    known = {*fields, *answers, profile.labels}
    for place, column in enumerate(profile.columns):
        if column.name not in known:
            yield f"columns[{place}] is none of the contract's"
        if column.noisiest > NOISIEST:
            yield f"columns[{place}] has a noise of more than {NOISIEST:g}"
    if (noisy := sum(each.noisiest > NOISY for each in profile.columns)) > len(profile.columns) / 2:
        yield f"{noisy} of {len(profile.columns)} columns have a noise of more than {NOISY:g}"
    yield from _pairs(profile)
    if profile.predictions not in answers:
        yield "predictions is none of the contract's answers"
    if not (profile.labels or "").startswith(LABEL) or profile.labels not in held:
        yield "labels is no column of what came"
    yield from _scores(profile, contract, held)
    if profile.scores:
        yield from scored.unlike(profile.scores, gates)
    for name in answers:
        if name in held and held[name].role not in ("number", "category"):
            yield f"{name} is judged by nothing"
    for name in (*answers, profile.labels):
        step = 1.0 if name == profile.labels else 0.0
        if name in held and (why := _deaf(held[name], profile.rows, None, step)):
            yield f"{name} {why}"
    for name, field in fields.items():
        if name in held and (why := _unlike(held[name], field, profile.rows)):
            yield f"{name} {why}"


def _pairs(profile: Profile) -> Iterator[str]:
    """Whether two numbers that hang together otherwise would be heard of."""
    numbers = [
        each.name
        for each in profile.columns
        if each.numbers
        and max(each.numbers.counts, default=0) < sum(each.numbers.counts)
        and each.name not in (profile.predictions, profile.labels)
    ]
    if profile.rows < hearing.HUNDRED or len(numbers) < 2:
        return
    if not profile.pairs or len(set(profile.pairs.names) & set(numbers)) < min(len(numbers), PAIRED):
        yield "pairs are not of its numbers"
        return
    noise = [value for row in profile.pairs.noise for value in row if value is not None]
    if noise and median(noise) * profile.pairs.rows > UNSURE:
        yield "pairs.noise explains every change"


def _scores(profile: Profile, contract: Contract, held: dict[str, Column]) -> Iterator[str]:
    """What is wrong about how the answers went with what came."""
    scores = profile.scores
    if scores is None:
        yield f"scores are not of {FEWEST} rows and more"
        return
    answer, outcome = held.get(profile.predictions or ""), held.get(profile.labels or "")
    unit = any(
        f"{OUTPUT}{each.name}" == profile.predictions and each.minimum >= 0 and each.maximum <= 1
        for each in contract.outputs
    )
    numbers = [each.numbers for each in (answer, outcome) if each and each.numbers and each.numbers.edges]
    edges = [edge for each in numbers for edge in each.edges]
    yield from scored.wrong(scores, unit, max(edges) - min(edges) if len(numbers) > 1 else inf)
    if answer and outcome:
        besides = profile.rows - scores.rows
        if besides > sum(each.missing + each.infinite for each in (answer, outcome)):
            yield f"scores are of {scores.rows:,} rows, and more have an answer and an outcome"
        if scores.kind == "scores" and answer.numbers:
            why = hearing.of_answers(answer.numbers.edges, answer.numbers.counts, scores.counts, besides)
            yield from [f"scores {why}"] if why else []


def _deaf(column: Column, rows: int, allowed: set[str] | None, step: float = 0.0) -> str:
    """Why nothing of it would be heard; empty where it would."""
    if column.numbers:
        numbers = column.numbers
        return hearing.of_numbers(numbers.edges, numbers.counts, step, low=numbers.low, high=numbers.high)
    if not column.categories:
        return ""
    told = column.categories
    return hearing.of_categories(told.counts, told.rest, told.rows, rows - column.missing, allowed)


def _unlike(column: Column, field: Field, rows: int) -> str:
    """How it is not as the contract has it; empty where it is."""
    if column.type == "empty":  # a column that had no value at all says of what type nothing is
        return "" if field.nullable and column.missing == rows else "has no value, and the contract asks for one"
    if field.kind in NUMBERS:
        finite = rows - column.missing - column.infinite
        step = 1.0 if field.kind == "integer" else 0.0
        return _numbers(column, field, finite) or _deaf(column, rows, None, step)
    wanted = "boolean" if field.kind == "boolean" else "text"
    if column.type != wanted or column.role != "category" or column.categories is None:
        return f"is a {field.kind} by the contract, and here {column.type} and judged as {column.role}"
    allowed = {"true", "false"} if field.kind == "boolean" else set(field.categories)
    if not {*column.categories.counts} <= allowed:
        return "has categories that the contract has not"
    return _deaf(column, rows, allowed)


def _numbers(column: Column, field: Field, finite: int) -> str:
    counted = column.role == "number" and column.numbers is not None
    judged = counted or (finite < FEWEST and column.role == "none")
    if column.type not in ("integer", "float") or not judged:
        return f"is a {field.kind} by the contract, and here {column.type} and judged as {column.role}"
    numbers = column.numbers
    if numbers is None or not numbers.edges or len(numbers.counts) != len(numbers.edges) + 1:
        return ""  # which is told beside it
    low, high = numbers.edges[0], numbers.edges[-1]
    below = field.minimum is not None and high < field.minimum
    above = field.maximum is not None and low > field.maximum
    outside = sum(
        count
        for count, least, most in zip(numbers.counts, [None, *numbers.edges], [*numbers.edges, None], strict=True)
        if (field.minimum is not None and most is not None and most < field.minimum)
        or (field.maximum is not None and least is not None and least >= field.maximum)
    )
    if below or above or outside > OUTSIDE * sum(numbers.counts):
        return f"lies outside of {field.minimum} to {field.maximum}, where the contract has it"
    return ""
