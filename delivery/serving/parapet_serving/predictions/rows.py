"""Rows that wait to be written, and the table that is made of them.

They are put into arrays that are there already, one for each field, as a file has them, so that no request keeps an
array of its own. Its facts are a tuple of
texts, which Python's collector looks through once and not again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from parapet_serving.bundle.manifest import Input
from parapet_serving.contract import Contract, Matrix, Outputs

REQUEST: Final = 600
"""Bytes that a request's facts take, about."""


About = tuple[float, str, str | None, str | None, str, str | None]
"""A request's facts: when (seconds since 1970), its id, the one that the caller sent as a header and the one within the
protocol, the caller, the subject."""


class Rows:
    """So many at most, in the order of their requests."""

    def __init__(self, contract: Contract, most: int) -> None:
        self._contract, self._most = contract, most
        self._inputs = np.empty((len(contract.inputs), most), np.float32)
        self._outputs = {output.name: np.empty(most, np.float32) for output in contract.outputs}
        self.count = 0
        self._counts: list[int] = []
        self._about: list[About] = []
        self._width = len(contract.inputs) + len(contract.outputs)

    @property
    def since(self) -> float:
        """When the first was asked."""
        return float(self._about[0][0])

    @property
    def bytes(self) -> int:
        return self.count * 4 * self._width + len(self._counts) * REQUEST

    def room(self, rows: int) -> bool:
        return self.count + rows <= self._most

    def add(self, about: About, asked: Matrix, told: Outputs) -> None:
        """One request's."""
        end = self.count + len(asked)
        self._inputs[:, self.count : end] = asked.T
        for name, column in told.items():
            self._outputs[name][self.count : end] = column
        self.count = end
        self._counts.append(len(asked))
        self._about.append(about)

    def halves(self) -> "list[Rows]":
        """The same requests in two; none of one request."""
        requests = len(self._counts)
        if requests < 2:
            return []
        middle = requests // 2
        cut = sum(self._counts[:middle])
        return [self._of(slice(middle), slice(cut)), self._of(slice(middle, None), slice(cut, self.count))]

    def _of(self, requests: slice, rows: slice) -> "Rows":
        found = Rows(self._contract, 0)
        found._inputs = self._inputs[:, rows]
        found._outputs = {name: column[rows] for name, column in self._outputs.items()}
        found._counts = self._counts[requests]
        found._about = self._about[requests]
        found.count = sum(found._counts)
        return found

    def table(self, hashed_with: str) -> pa.Table:
        """With the request's facts, `input.FIELD` and `output.NAME`; categories as texts."""
        counts = np.array(self._counts)
        whose = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        first = np.repeat((np.cumsum(counts) - counts).astype(np.int32), counts)
        at, ids, sent_ids, own_ids, callers, subjects = zip(*self._about, strict=True)
        columns: dict[str, pa.Array] = {
            "request_id": _of_requests(whose, ids),
            "sent_id": _of_requests(whose, sent_ids),
            "own_id": _of_requests(whose, own_ids),
            "row": pa.array(np.arange(self.count, dtype=np.int32) - first),
            "at": pa.array((np.array(at) * 1e6).round().astype(np.int64)[whose], pa.timestamp("us", "UTC")),
            "caller": _of_requests(whose, callers),
            "subject": _of_requests(whose, subjects),
            "hashed_with": pa.DictionaryArray.from_arrays(np.zeros(self.count, np.int32), [hashed_with]),
        }
        for field, values in zip(self._contract.inputs, self._inputs, strict=True):
            columns[f"input.{field.name}"] = _of_field(field, values[: self.count])
        for name, column in self._outputs.items():
            columns[f"output.{name}"] = pa.array(column[: self.count])
        return pa.table(list(columns.values()), schema=self._schema(columns))

    def _schema(self, columns: Mapping[str, pa.Array]) -> pa.Schema:
        """With what cannot be missing as such: of such a value the file has nothing but itself, and is written in two
        thirds of the time."""
        there = {f"input.{field.name}" for field in self._contract.inputs if not field.nullable}
        there |= {f"output.{name}" for name in self._outputs}
        return pa.schema([pa.field(name, each.type, nullable=name not in there) for name, each in columns.items()])


def _of_requests(whose: Any, values: Sequence[str | None]) -> pa.Array:
    """As places among the texts that there are: the file has that too, and nobody compares the texts of each row. The
    writer takes it so where no text is there twice."""
    texts = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(texts.indices.take(pa.array(whose)), texts.dictionary)


def _of_field(field: Input, values: Matrix) -> pa.Array:
    missing = np.isnan(values) if field.nullable else None  # the contract let none pass elsewhere
    match field.kind:
        case "category":
            codes = pa.array(np.nan_to_num(values).astype(np.int32), mask=missing)
            return pa.DictionaryArray.from_arrays(codes, pa.array(field.categories, pa.string()))
        case "boolean":
            return pa.array(values == 1, mask=missing)
    return pa.array(values, mask=missing)
