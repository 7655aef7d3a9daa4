"""Requests and answers of the Open Inference Protocol v2 (REST), with its binary tensor extension.

A request brings the whole matrix as one tensor, by the name that the graph has for it, or a tensor for each field of
the contract, by the fields' names. Nothing else is a request for this model.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from numpy.typing import NDArray

from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.refusal import Wrong, malformed, out_of_contract
from parapet_serving.wire import strict, tensors
from parapet_serving.wire.numbers import Numbers

HEADS, SHORT = 64, 1024
"""JSON around numbers that is remembered: so many, of so many bytes at most."""
LONGEST_ID: Final = 128
_WORDS: Final = "inputs|outputs|parameters|name|shape|datatype|data|id|binary_data_size|binary_data_output|binary_data"
FP32: Final = tensors.TYPES["FP32"]
NAMES: Final = frozenset({*_WORDS.split("|"), "content_type"})
PLACE: Final = re.compile(rf" - at `\$\.((?:{_WORDS}|content_type|\.|\[\.\.\.\])+)`$")
"""Where a document is not as it must be, in names of the protocol."""


class InputParameters(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    binary_data_size: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    """Some clients say how they would like it to be read; it is read in the one way there is."""


class OutputParameters(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    binary_data: bool | UnsetType = UNSET
    content_type: str | UnsetType = UNSET


class RequestParameters(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    binary_data_output: bool | UnsetType = UNSET
    content_type: str | UnsetType = UNSET


class Tensor(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=2**31)]], Meta(min_length=1, max_length=2)]
    datatype: str
    data: Any = UNSET
    parameters: InputParameters | UnsetType = UNSET


class NumberTensor(Tensor, frozen=True, forbid_unknown_fields=True, gc=False):
    data: list[float | None] | UnsetType = UNSET


class Asked(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An output that is asked for."""

    name: str
    parameters: OutputParameters | UnsetType = UNSET


class Request(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    inputs: Annotated[Sequence[Tensor], Meta(min_length=1)]
    id: Annotated[str, Meta(max_length=LONGEST_ID)] | UnsetType = UNSET
    outputs: list[Asked] | UnsetType = UNSET
    parameters: RequestParameters | UnsetType = UNSET


class NumberRequest(Request, frozen=True, forbid_unknown_fields=True, gc=False):
    inputs: Annotated[Sequence[NumberTensor], Meta(min_length=1)]


class Read(Struct, frozen=True):
    """What a request asks for."""

    matrix: Matrix
    id: str | None
    outputs: tuple[tuple[str, bool], ...]
    """Their names, and whether as bytes."""


class Head(Struct, frozen=True):
    """What the JSON of a request says."""

    request: Request
    id: str | None
    outputs: tuple[tuple[str, bool], ...]
    rows: int = 0
    """Of the whole matrix, where it is of nothing else and all is right that is said of it. Its numbers were taken out
    of an empty list, or lie as `lies` has it behind the JSON."""
    lies: np.dtype[Any] | None = None


class ToldTensor(Struct, frozen=True, gc=False):
    """Of an answer."""

    name: str
    shape: tuple[int]
    datatype: str
    data: list[float] | UnsetType = UNSET
    parameters: InputParameters | UnsetType = UNSET


class Answer(Struct, frozen=True, gc=False):
    """What goes back."""

    model_name: str
    model_version: str
    id: str
    outputs: list[ToldTensor]


class Oip:
    """Reads requests for one contract, and writes the answers."""

    def __init__(self, contract: Contract, tensor: str, model: str, version: str, most: int) -> None:
        self._contract, self._tensor, self._most = contract, tensor, most
        self._model, self._version = model, version
        self._outputs = tuple(output.name for output in contract.outputs)
        self._decoder: Final = msgspec.json.Decoder(NumberRequest)
        self._encoder: Final = msgspec.json.Encoder()
        self._numbers: Final = Numbers()
        self._known: dict[bytes, Head] = {}
        """Those that say nothing but what kind of numbers come in them or behind them, as a client does each time."""

    def read(self, body: bytes, header_length: str | None) -> Read:
        """Of a body; with `Inference-Header-Content-Length`, of the JSON that long and the tensors behind it. Raises
        Wrong."""
        told, tail = _parted(body, header_length)
        around, values = (told, None) if tail else self._numbers.parted(told)
        head = self._quickly(around)
        matrix = self._at_once(head, values, tail) if head and head.rows else None
        if matrix is None:
            head = (self._quickly(told) if values is not None else head) or self._exactly(told)
            matrix = self._matrix(head.request, tail)
        assert head
        self._contract.check(matrix)
        return Read(matrix, head.id, head.outputs)

    def _at_once(self, head: Head, values: NDArray[Any] | None, tail: memoryview) -> Matrix | None:
        """The whole matrix; None where its numbers are not as many as the JSON says."""
        count = head.rows * len(self._contract.inputs)
        if head.lies is not None:
            values = np.frombuffer(tail, head.lies) if len(tail) == count * head.lies.itemsize else None
        if values is None or len(values) != count:
            return None
        return tensors.floats(values).reshape(head.rows, len(self._contract.inputs))

    def _quickly(self, told: bytes) -> Head | None:
        """Most JSON, at once; None for what has to be looked at closely. Raises Wrong."""
        if len(told) <= SHORT and (known := self._known.get(told)):
            return known
        try:
            request = self._decoder.decode(told)
        except (msgspec.DecodeError, RecursionError):
            return None
        # A name that stands twice is told by its colon, as one that stands within a text.
        if told.count(b":") != _names(request):
            return None
        head = self._head(request)
        if head.id is None and len(told) <= SHORT and not any(tensor.data for tensor in request.inputs):
            if len(self._known) >= HEADS:
                self._known.clear()
            self._known[told] = head
        return head

    def _exactly(self, told: bytes) -> Head:
        document = strict.loads(told, NAMES)
        try:
            return self._head(msgspec.convert(document, Request))
        except msgspec.ValidationError as error:
            place = PLACE.search(str(error))  # its other words can be what was sent
            raise malformed(
                f"{place[1] if place else 'the body'} is not as the Open Inference Protocol v2 has it"
            ) from None

    def _head(self, request: Request) -> Head:
        own_id = None if request.id is UNSET else request.id
        return Head(request, own_id, self._asked(request), *self._of_the_matrix(request.inputs))

    def _of_the_matrix(self, inputs: Sequence[Tensor]) -> tuple[int, np.dtype[Any] | None]:
        """`rows` and `lies` of a head."""
        tensor, width = inputs[0], len(self._contract.inputs)
        if len(inputs) > 1 or tensor.name != self._tensor or tensor.datatype not in tensors.NUMBERS:
            return 0, None
        match tensor.shape:
            case [rows, columns] if columns == width and rows <= self._most:
                pass
            case _:
                return 0, None
        size = UNSET if tensor.parameters is UNSET else tensor.parameters.binary_data_size
        lies = tensors.TYPES[tensor.datatype]
        if tensor.data is UNSET and size == rows * width * lies.itemsize:
            return rows, lies
        return (rows if tensor.data == [] and size is UNSET else 0), None

    def _matrix(self, request: Request, tail: memoryview) -> Matrix:
        parts = self._parts(request, tail)
        if len(request.inputs) == 1 and request.inputs[0].name == self._tensor:
            return self._whole(request.inputs[0], parts[0])
        return self._by_field(request, parts)

    def _parts(self, request: Request, tail: memoryview) -> list[memoryview | None]:
        """Each input's bytes, or None where it has its data in the JSON."""
        found: list[memoryview | None] = []
        at = 0
        for tensor in request.inputs:
            size = tensor.parameters.binary_data_size if tensor.parameters is not UNSET else UNSET
            if (size is UNSET) == (tensor.data is UNSET):
                raise malformed("an input must have either data or the parameter binary_data_size")
            if size is UNSET:
                found.append(None)
            else:
                found.append(tail[at : at + size])
                at += size
        if at != len(tail):
            raise malformed("the bytes behind the JSON are not as many as the inputs' binary_data_size say")
        return found

    def _whole(self, tensor: Tensor, part: memoryview | None) -> Matrix:
        shape, width = tensor.shape, len(self._contract.inputs)
        if tensor.datatype not in tensors.NUMBERS:
            raise out_of_contract("the matrix must be of datatype FP32, FP64 or a type of integers")
        if len(shape) != 2 or shape[1] != width:
            raise out_of_contract(f"the matrix must have the shape [rows, {width}], a column for each field")
        self._check_rows(shape[0])
        if part is not None:
            return tensors.matrix_of_numbers(
                tensors.from_bytes(part, tensor.datatype, shape[0] * width), shape, self._contract
            )
        if isinstance(tensor, NumberTensor) and tensor.data is not UNSET:
            return tensors.matrix_of_numbers(tensor.data, shape, self._contract)
        values = tensors.flattened(tensor.data, shape)
        return tensors.matrix_of_numbers(tensors.cells(values, shape, self._contract), shape, self._contract)

    def _by_field(self, request: Request, parts: list[memoryview | None]) -> Matrix:
        by_name = {tensor.name: (tensor, part) for tensor, part in zip(request.inputs, parts, strict=True)}
        for field in self._contract.inputs:
            if field.name not in by_name:
                raise out_of_contract(
                    f"{field.name}: no input has this name. Send all fields, or one tensor {self._tensor}"
                )
        if len(request.inputs) > len(self._contract.inputs):
            raise out_of_contract("there is an input that the model does not know, or one of them twice")
        rows = request.inputs[0].shape[0]
        self._check_rows(rows)
        matrix = np.empty((rows, len(self._contract.inputs)), np.float32)
        for place, field in enumerate(self._contract.inputs):
            tensor, part = by_name[field.name]
            if tensor.shape not in ([rows], [rows, 1]):
                raise out_of_contract(
                    f"{field.name}: its shape must be [rows] or [rows, 1], with the rows of the others"
                )
            if tensor.datatype not in tensors.OF_KIND[field.kind]:
                raise out_of_contract(f"{field.name}: its datatype must be one of {_types(field.kind)}")
            if part is None:
                values = tensors.flattened(tensor.data, tensor.shape)
            else:
                values = tensors.from_array(tensors.from_bytes(part, tensor.datatype, rows, field.name))
            if len(values) != rows:
                raise malformed(f"{field.name}: it has another number of values than its shape says")
            matrix[:, place] = tensors.column(field, values, self._contract)
        return matrix

    def _check_rows(self, rows: int) -> None:
        if not 0 < rows <= self._most:
            raise Wrong(422, "rows", f"rows must be 1 to {self._most}")

    def _asked(self, request: Request) -> tuple[tuple[str, bool], ...]:
        every = request.parameters is not UNSET and request.parameters.binary_data_output is True
        if request.outputs is UNSET or not request.outputs:
            return tuple((name, every) for name in self._outputs)
        names = [output.name for output in request.outputs]
        if len(set(names)) < len(names) or not set(names) <= set(self._outputs):
            raise out_of_contract(f"outputs must be some of {', '.join(self._outputs)}, each once")
        return tuple((output.name, _binary(output, every)) for output in request.outputs)

    def answer(self, request: str, asked: tuple[tuple[str, bool], ...], outputs: Outputs) -> tuple[bytes, int | None]:
        """The body, and how long its JSON is where bytes follow it."""
        told: list[ToldTensor] = []
        tail: list[bytes] = []
        for name, binary in asked:
            column = outputs[name]
            if binary:
                tail.append(column.astype(FP32, copy=False).tobytes())
                lies = InputParameters(len(tail[-1]))
                told.append(ToldTensor(name, (len(column),), "FP32", parameters=lies))
            else:
                told.append(ToldTensor(name, (len(column),), "FP32", column.tolist()))
        head = self._encoder.encode(Answer(self._model, self._version, request, told))
        return (head + b"".join(tail), len(head)) if tail else (head, None)

    def metadata(self) -> bytes:
        """What `/v2/models/NAME` says."""
        return msgspec.json.encode(
            {
                "name": self._model,
                "versions": [self._version],
                "platform": "onnxruntime_onnx",
                "inputs": [{"name": self._tensor, "datatype": "FP32", "shape": [-1, len(self._contract.inputs)]}],
                "outputs": [{"name": name, "datatype": "FP32", "shape": [-1]} for name in self._outputs],
            }
        )


def _parted(body: bytes, header_length: str | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    # Digits of other alphabets are digits too, for `isdigit`.
    if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 10):
        raise malformed("Inference-Header-Content-Length must be a number of bytes")
    if (length := int(header_length)) > len(body):
        raise malformed("Inference-Header-Content-Length is more than the body has")
    return body[:length], memoryview(body)[length:]


def _binary(output: Asked, every: bool) -> bool:
    own = output.parameters.binary_data if output.parameters is not UNSET else UNSET
    return every if own is UNSET else own


def _types(kind: str) -> str:
    return ", ".join(sorted(tensors.OF_KIND[kind]))


def _names(request: Request) -> int:
    """How many names stand in the JSON that such a request was read from, each once."""
    count = 1 + (request.id is not UNSET)
    for tensor in request.inputs:
        count += 3 + (tensor.data is not UNSET) + _set(tensor.parameters)
    if request.outputs is not UNSET:
        count += 1 + sum(1 + _set(output.parameters) for output in request.outputs)
    return count + _set(request.parameters)


def _set(parameters: Struct | UnsetType) -> int:
    """The names within parameters, and their own."""
    if parameters is UNSET:
        return 0
    told = msgspec.structs.astuple(parameters)
    return 1 + len(told) - told.count(UNSET)
