"""A model's contract.json, as the inference server reads it (delivery/serving/README.md, "A model: a folder").

The server stands alone, and so does this: a test holds what is written here to the server's own reading.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Struct
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.safe_harbor import safe_harbor
from delivery.pipeline.settings import settings
from delivery.registry.documents import read
from delivery.registry.refused import Refused

TENSOR: Final = "probabilities"
OUTPUT: Final = "readmitted_30d"
DIGITS: Final = 4
"""After the point, of a number that was one of a model's own: more than any field has."""
Matrix = NDArray[np.float32]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the matrix that the model takes."""

    name: str
    kind: Literal["number", "integer", "boolean", "category"]
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] = []
    nullable: bool = False
    description: str = ""


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of one of the graph's outputs."""

    name: str
    tensor: str
    column: Annotated[int, Meta(ge=0)] = 0
    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""
    description: str = ""


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A record, and what the model must say of it."""

    inputs: dict[str, float | str | bool | None]
    outputs: dict[str, float]
    tolerance: float = 1e-5


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    title: str = ""
    purpose: str = ""
    limits: list[str] = []
    measures: dict[str, str] = {}
    contact: str = ""


class Declared(Struct, frozen=True, forbid_unknown_fields=True):
    """`contract.json`."""

    inputs: Annotated[list[Input], Meta(min_length=1)]
    outputs: Annotated[list[Output], Meta(min_length=1)]
    cases: Annotated[list[Case], Meta(min_length=1)]
    card: Card = Card()


def inputs() -> list[Input]:
    """What a model of this pipeline takes, by its settings and the contract of intake records."""
    features = {feature.name: feature for feature in safe_harbor().features}
    made = []
    for name, own in settings().inputs.items():
        if features[name].by == "kept":
            column = contract().columns[name]
            nullable, unit = not column.required, column.unit
            if column.one_of:
                made.append(Input(name, "category", categories=list(column.one_of), nullable=nullable))
                continue
            kind, (low, high) = "number" if column.type == ibis.dtype("float64") else "integer", column.bounds
        else:
            low, high = (0.0, float(safe_harbor().oldest_age)) if name == "age" else own.within or (0.0, 0.0)
            kind, nullable, unit = "integer", own.nullable, "a" if name == "age" else own.unit
        made.append(Input(name, kind, unit, low, high, nullable=nullable))
    return made


def output() -> Output:
    return Output(OUTPUT, TENSOR, column=1, description="The chance of a readmission within thirty days.")


def read_declared(raw: bytes) -> Declared:
    """Raises Refused."""
    return read(raw, Declared, "The model's contract.json")


def matrix(table: pa.Table, taken: Sequence[Input]) -> Matrix:
    """Rows of features as [rows, fields] of float32: a category is its place, a boolean 0 or 1, what lacks is NaN.

    Raises Refused where a feature that the model takes is not there.
    """
    if lacking := [each.name for each in taken if each.name not in table.column_names]:
        raise Refused(f"The model takes {', '.join(lacking)}, which is no feature here. It was made from other data.")
    columns = [_numbers(table[each.name], each) for each in taken]
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.float32)


def _numbers(column: pa.ChunkedArray, taken: Input) -> NDArray[np.float64]:
    if taken.kind == "category":
        column = pc.index_in(column, value_set=pa.array(taken.categories, pa.string()))
    if taken.kind == "boolean":
        column = column.cast(pa.int8())
    numbers: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def records_of(table: pa.Table, taken: Sequence[Input]) -> list[dict[str, Any]]:
    """Rows of features as records to ask the model about. Raises Refused as `matrix` does."""
    return [
        {each.name: _told(value, each) for each, value in zip(taken, row, strict=True)} for row in matrix(table, taken)
    ]


def _told(value: np.float32, taken: Input) -> Any:
    if np.isnan(value):
        return None
    match taken.kind:
        case "category":
            return taken.categories[int(value)]
        case "boolean":
            return bool(value)
        case "integer":
            return int(value)
    return round(float(value), DIGITS)


def records(seen: Matrix, taken: Sequence[Input]) -> list[dict[str, Any]]:
    """Records to ask a model about, each of nobody's: the middle of what it has seen, with what may lack not there,
    and towards either end."""
    made = []
    for share in (0.5, 0.1, 0.9):
        made.append({each.name: _value(seen[:, place], each, share) for place, each in enumerate(taken)})
    without = {each.name: None for each in taken if each.nullable}
    return [*made, made[0] | without]


def _value(column: NDArray[np.float32], taken: Input, share: float) -> Any:
    there = column[~np.isnan(column)]
    if taken.kind == "category":
        found = np.bincount(there.astype(np.int64), minlength=len(taken.categories))
        return taken.categories[int(found.argmax())]
    number = (
        float(np.quantile(there.astype(np.float64), share, method="nearest")) if there.size else taken.minimum or 0.0
    )
    return int(number) if taken.kind == "integer" else round(number, 3)


def row(record: dict[str, Any], taken: Sequence[Input]) -> Matrix:
    """A record as the one row of a matrix."""
    stands_for = {each.name: {word: place for place, word in enumerate(each.categories)} for each in taken}
    values = [stands_for[each.name].get(record[each.name], record[each.name]) for each in taken]
    return np.array([[np.nan if value is None else float(value) for value in values]], np.float32)
