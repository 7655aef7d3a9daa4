"""What the model may be asked: a matrix of float32, [rows, fields], whose every cell is as the contract says.

All that comes in becomes such a matrix and is checked here, once, whatever way it came. A value that is missing is NaN;
a category is its code; a boolean is 0 or 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parapet_serving.bundle.manifest import Declared, Input, Output
from parapet_serving.refusal import Refused, out_of_contract

Matrix = NDArray[np.float32]
Outputs = Mapping[str, NDArray[np.float32]]
"""What a model answers: by the names of the contract's outputs, one number a row."""
BIGGEST: Final = float(np.finfo(np.float32).max)
CELLS: Final = 4096
"""Of a matrix, that are compared with as many bounds lying as they do: a row of bounds for all takes three times as
long, which the bigger ones take."""


@dataclass(frozen=True)
class Contract:
    """The fields in the order of the matrix's columns, and the outputs."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    @classmethod
    def of(cls, declared: Declared) -> "Contract":
        """Raises Refused for a contract that contradicts itself."""
        for what, each in (("input", declared.inputs), ("output", declared.outputs)):
            names = [one.name for one in each]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise Refused(f"contract.json has the {what} {twice[0]} twice.")
        for field in declared.inputs:
            _consistent(field)
        return cls(tuple(declared.inputs), tuple(declared.outputs))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.inputs)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Which column a field is."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def codes(self) -> Mapping[str, Mapping[str, int]]:
        """Of each category its codes."""
        return {
            field.name: {category: code for code, category in enumerate(field.categories)}
            for field in self.inputs
            if field.kind == "category"
        }

    def check(self, matrix: Matrix) -> None:
        """Raises Wrong (422), which names the first field that is not as it must be and its row, never the value."""
        low, high, fractions = self._held_to(len(matrix))
        within = matrix >= low
        within &= matrix <= high  # NaN is in no range
        if self._some_whole:
            whole = np.floor(matrix) == matrix
            whole |= fractions
            within &= whole
        if b"\0" in within.tobytes():  # which takes a fifth of the time of any function of NumPy's
            within |= np.isnan(matrix) & self._nullable
            if not within.all():
                row, column = (int(place) for place in np.argwhere(~within)[0])
                raise out_of_contract(self.must(self.inputs[column], row))

    def must(self, field: Input, row: int) -> str:
        """What a field has to be, for who sent something else in that row."""
        unit = f" {field.unit}" if field.unit else ""
        low, high = bounds(field)
        ends = [f"at least {_shown(low)}"] if low > -BIGGEST else []
        ends += [f"at most {_shown(high)}"] if high < BIGGEST else []
        what = {
            "number": f"a finite number{unit}{', ' if ends else ''}{' and '.join(ends)}",
            "integer": f"a whole number{unit}{', ' if ends else ''}{' and '.join(ends)}",
            "boolean": "true or false",
            "category": f"one of its {len(field.categories)} categories (see the model's card)",
        }[field.kind]
        return f"{field.name}: in row {row} it must be {what}{', or null' if field.nullable else ''}"

    def number(self, field: Input, value: Any, row: int) -> float:
        """A value of JSON as the number that stands for it in the matrix. Its range is checked later. Raises Wrong."""
        if value is None:
            return np.nan
        match field.kind:
            case "category" if isinstance(value, str) and value in self.codes[field.name]:
                return float(self.codes[field.name][value])
            case "boolean" if isinstance(value, bool):
                return float(value)
            case "number" | "integer" if isinstance(value, int | float) and not isinstance(value, bool):
                if -BIGGEST <= value <= BIGGEST:
                    return float(value)
        raise out_of_contract(self.must(field, row))

    def _held_to(self, rows: int) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
        """What so many rows are held to: least, most, and whether a field may be a fraction; each as [rows, fields], or
        [1, fields] for more than CELLS."""
        if (found := self._bounds.get(rows)) is None:
            if rows * len(self.inputs) > CELLS:
                return self._row
            low, high, fractions = self._rows
            found = self._bounds[rows] = low[:rows], high[:rows], fractions[:rows]
        return found

    @cached_property
    def _bounds(self) -> dict[int, tuple[Matrix, Matrix, NDArray[np.bool_]]]:
        """By the number of rows."""
        return {}

    @cached_property
    def _row(self) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
        low, high = np.array([[bounds(field) for field in self.inputs]], np.float32).transpose(2, 0, 1)
        return low, high, np.array([[field.kind == "number" for field in self.inputs]])

    @cached_property
    def _rows(self) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
        """As many as have CELLS."""
        low, high, fractions = self._row
        many = (max(1, CELLS // len(self.inputs)), 1)
        return np.tile(low, many), np.tile(high, many), np.tile(fractions, many)

    @cached_property
    def _some_whole(self) -> bool:
        return any(field.kind != "number" for field in self.inputs)

    @cached_property
    def _nullable(self) -> NDArray[np.bool_]:
        return np.array([field.nullable for field in self.inputs])


def bounds(field: Input) -> tuple[float, float]:
    """What the numbers of a column are between; all of it is finite."""
    match field.kind:
        case "boolean":
            return 0.0, 1.0
        case "category":
            return 0.0, float(len(field.categories) - 1)
    low = -BIGGEST if field.minimum is None else field.minimum
    high = BIGGEST if field.maximum is None else field.maximum
    return low, high


def _shown(number: float) -> str:
    return f"{number:g}"


def _consistent(field: Input) -> None:
    low, high = bounds(field)
    if field.kind == "category" and (not field.categories or len(set(field.categories)) < len(field.categories)):
        raise Refused(f"contract.json: {field.name} is a category with none, or with one of them twice.")
    if field.kind != "category" and field.categories:
        raise Refused(f"contract.json: {field.name} has categories and is no category.")
    if field.kind in ("category", "boolean") and (field.minimum, field.maximum) != (None, None):
        raise Refused(f"contract.json: {field.name} is a {field.kind}, which has no minimum and no maximum.")
    if not -BIGGEST <= low <= high <= BIGGEST:
        raise Refused(f"contract.json: {field.name} has a minimum above its maximum, or one that is no float32.")
