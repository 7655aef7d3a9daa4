"""The plain way: records by the fields' names, in JSON.

{"records": [{"age": 71, ...}, ...]} is answered by {"model", "version", "id", "predictions": [{...}, ...]}.
"""

from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.refusal import Wrong, malformed, out_of_contract
from parapet_serving.wire import strict, tensors


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the caller gets."""

    model: str
    version: str
    id: str
    predictions: list[Any]
    """Each an object of the outputs' names."""


class Records:
    """Reads the records of one contract.

    Most bodies are read by a decoder that is made for the contract. What it does not take, `strict` reads: it knows
    more forms of a number, and says what is wrong. Both take the same bodies for the same matrix.
    """

    def __init__(self, contract: Contract, most: int) -> None:
        self._contract, self._most = contract, most
        self._told = frozenset({"records", *contract.names})
        numeric = all(field.kind in ("number", "integer") for field in contract.inputs)
        fields = [(field.name, float | None if field.nullable else float) for field in contract.inputs]
        record = msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)
        body = msgspec.defstruct("Body", [("records", list[record])], forbid_unknown_fields=True, gc=False)
        self._decoder: Final = msgspec.json.Decoder(body) if numeric else None
        outputs = [(output.name, float) for output in contract.outputs]
        self._prediction: Final = msgspec.defstruct("Prediction", outputs, gc=False)
        self._encoder: Final = msgspec.json.Encoder()

    def read(self, body: bytes) -> Matrix:
        """Raises Wrong."""
        matrix = self._quickly(body)
        if matrix is None:
            matrix = self._exactly(body)
        self._contract.check(matrix)
        return matrix

    def _quickly(self, body: bytes) -> Matrix | None:
        if self._decoder is None:
            return None
        try:
            document: Any = self._decoder.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return None
        rows: list[Any] = document.records
        # A name that stands twice is told by its colon: there is one for each name, and no text with others.
        colons = np.count_nonzero(np.frombuffer(body, np.uint8) == ord(":"))  # a quarter of the time of `body.count`
        if not 0 < len(rows) <= self._most or colons != 1 + len(rows) * len(self._contract.inputs):
            return None
        values = list(chain.from_iterable(map(msgspec.structs.astuple, rows)))
        return tensors.floats(values).reshape(len(rows), len(self._contract.inputs))

    def _exactly(self, body: bytes) -> Matrix:
        document = strict.loads(body, self._told)
        if not isinstance(document, dict) or document.keys() != {"records"}:
            raise malformed('the body must be an object with "records" and nothing else')
        if not isinstance(records := document["records"], list):
            raise malformed("records must be a list of objects")
        if not 0 < len(records) <= self._most:
            raise Wrong(422, "rows", f"records must be 1 to {self._most}")
        return np.array([self._row(record, number) for number, record in enumerate(records)], np.float32)

    def _row(self, record: Any, number: int) -> list[float]:
        if not isinstance(record, dict):
            raise malformed(f"record {number} is no object")
        for name in self._contract.names:
            if name not in record:
                raise out_of_contract(f"{name}: record {number} does not have it. Every field must be there")
        if len(record) > len(self._contract.inputs):
            raise out_of_contract(f"record {number} has a field that the model does not know")
        return [self._contract.number(field, record[field.name], number) for field in self._contract.inputs]

    def answer(self, model: str, version: str, request: str, outputs: Outputs) -> bytes:
        """The body of a prediction."""
        columns = (outputs[name].tolist() for name in self._prediction.__struct_fields__)
        return self._encoder.encode(Answer(model, version, request, list(map(self._prediction, *columns))))
