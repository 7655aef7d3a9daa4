"""Tensors of the Open Inference Protocol v2, in JSON or as bytes behind it (its binary tensor extension)."""

import math
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parapet_serving.bundle.manifest import Input
from parapet_serving.contract import BIGGEST, Contract, Matrix
from parapet_serving.refusal import malformed, out_of_contract

TYPES: Final[Mapping[str, np.dtype[Any]]] = {
    name: np.dtype(kind).newbyteorder("<")
    for name, kind in {
        **{"BOOL": "?", "INT8": "i1", "INT16": "i2", "INT32": "i4", "INT64": "i8"},
        **{"UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8"},
        **{"FP16": "f2", "FP32": "f4", "FP64": "f8"},
    }.items()
}
"""As they lie in the bytes; BYTES, which has texts, each after its length, is none of them."""
NUMBERS: Final = frozenset(TYPES) - {"BOOL"}
OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    "number": NUMBERS,
    "integer": NUMBERS,
    "boolean": frozenset({"BOOL"}),
    "category": frozenset({"BYTES"}),
}


def matrix_of_numbers(values: Sequence[Any] | NDArray[Any], shape: Sequence[int], contract: Contract) -> Matrix:
    """The whole matrix: a list of numbers and nulls, or an array, row by row. Raises Wrong.

    What is infinite is left to the contract, no range of which has it; NaN comes from null alone, or from bytes.
    """
    if len(values) != math.prod(shape):
        raise malformed("a tensor has another number of values than its shape says")
    return floats(values).reshape(len(values) // len(contract.inputs), len(contract.inputs))


def floats(values: Sequence[Any] | NDArray[Any]) -> NDArray[np.float32]:
    """Of numbers and nulls. NumPy takes nulls and what is too big for a float32, which becomes infinite, and two and a
    half times as long."""
    if isinstance(values, list):
        try:
            return np.frombuffer(_packed(len(values)).pack(*values), "<f4")
        except (struct.error, OverflowError):
            pass
    return np.array(values, np.float32)  # a copy: where bytes lie behind JSON, they seldom lie as numbers do


@lru_cache(64)
def _packed(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}f")


def flattened(data: Any, shape: Sequence[int]) -> list[Any]:
    """The values of `data`, which is flat or nested as the shape says. Raises Wrong."""
    if isinstance(data, list) and len(shape) == 2 and data and all(isinstance(row, list) for row in data):
        if len(data) != shape[0] or any(len(row) != shape[1] for row in data):
            raise malformed("a tensor's data is nested otherwise than its shape says")
        data = [value for row in data for value in row]
    if not isinstance(data, list):
        raise malformed("a tensor's data must be a list of values, flat or nested as its shape says")
    return data


def cells(values: Sequence[Any], shape: Sequence[int], contract: Contract) -> list[float]:
    """The values of a matrix in JSON, as numbers: booleans and categories by what stands for them. Raises Wrong."""
    width = len(contract.inputs)
    if len(values) != math.prod(shape):
        raise malformed("a tensor has another number of values than its shape says")
    return [plain(contract, contract.inputs[at % width], value, at // width) for at, value in enumerate(values)]


def plain(contract: Contract, field: Input, value: Any, row: int) -> float:
    """A cell of a matrix, where everything is a number or null. Raises Wrong."""
    if value is None:
        return math.nan
    if isinstance(value, int | float) and not isinstance(value, bool) and -BIGGEST <= value <= BIGGEST:
        return float(value)
    raise out_of_contract(contract.must(field, row))


def column(field: Input, values: Sequence[Any], contract: Contract) -> list[float]:
    """One field's values, a tensor of its own. Raises Wrong."""
    return [contract.number(field, value, row) for row, value in enumerate(values)]


def from_bytes(raw: memoryview, datatype: str, count: int, name: str = "a tensor") -> NDArray[Any] | list[str]:
    """The values that lie in these bytes. `name` is told of those that are not as they must be. Raises Wrong."""
    if datatype == "BYTES":
        return _texts(raw, count, name)
    if len(raw) != count * TYPES[datatype].itemsize:
        raise malformed(f"{name}: binary_data_size is not what its shape and datatype make")
    return np.frombuffer(raw, TYPES[datatype])


def _texts(raw: memoryview, count: int, name: str) -> list[str]:
    found, at = list[str](), 0
    while at < len(raw):
        if at + 4 > len(raw) or at + 4 + (length := struct.unpack_from("<I", raw, at)[0]) > len(raw):
            raise malformed(f"{name}: its BYTES end within a value")
        try:
            found.append(str(raw[at + 4 : at + 4 + length], "utf-8"))
        except UnicodeDecodeError:
            raise malformed(f"{name}: its BYTES have a value that is not UTF-8") from None
        at += 4 + length
    if len(found) != count:
        raise malformed(f"{name}: its BYTES have another number of values than its shape says")
    return found


def from_array(values: NDArray[Any] | list[str]) -> Sequence[Any]:
    """A column's values as JSON would have them: NaN is null where it came as bytes, since JSON has no NaN."""
    if isinstance(values, list):
        return values
    told: list[Any] = values.tolist()
    return [None if isinstance(one, float) and math.isnan(one) else one for one in told]
