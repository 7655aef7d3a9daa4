"""Whether a graph of ONNX has all that it computes with in itself.

A tensor may say that its values are in a file, by a path (onnx.proto, TensorProto, `data_location` and
`external_data`). A signature is of the graph's bytes alone, and whoever loads such a graph opens that path: it could be
any file that the server's account reads, a secret too. So none is signed and none is loaded, whatever the release of
ONNX Runtime makes of it.

One file in two images, which know nothing of each other; a test compares them.
"""

from collections.abc import Mapping
from typing import Final

MODEL: Final = "model"
TENSOR: Final = "tensor"
_FIELDS: Final[Mapping[str, Mapping[int, str]]] = {
    MODEL: {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: TENSOR, 6: "graph", 10: TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: TENSOR, 2: TENSOR},
    TENSOR: {},
}
"""By kind of message, the fields in which tensors are, or what has them (onnx.proto, of ONNX 1.23.2)."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_OTHER_FORMAT: Final = b"ORTM"
"""At the fifth byte, by which ONNX Runtime knows a format of its own, of which this knows nothing."""


class NoGraph(ValueError):
    """It is not in the form of a graph, or nested deeper than Protocol Buffers take it."""


DEEPEST: Final = 100


def outside(raw: bytes) -> bool:
    """Whether a tensor of the graph is in another file, or may be. Raises NoGraph."""
    if raw[4:8] == _OTHER_FORMAT:
        raise NoGraph
    parts = [(MODEL, 0, len(raw), 0)]
    while parts:
        kind, at, end, depth = parts.pop()
        inner = _FIELDS[kind]
        while at < end:
            key, at = _varint(raw, at, end)
            field, wire = key >> 3, key & 7
            begin = at
            if wire == _VARINT:
                value, at = _varint(raw, at, end)
            elif wire == _BYTES:
                value, begin = _varint(raw, at, end)
                at = begin + value
            elif wire in (_EIGHT, _FOUR):
                value, at = 0, at + (8 if wire == _EIGHT else 4)
            else:
                raise NoGraph
            if at > end:
                raise NoGraph
            if kind == TENSOR and (field == _EXTERNAL_DATA or (field == _DATA_LOCATION and (value or wire))):
                return True
            if wire == _BYTES and field in inner:
                if depth == DEEPEST:
                    raise NoGraph
                parts.append((inner[field], begin, at, depth + 1))
    return False


def _varint(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where it ends (Protocol Buffers, "Encoding")."""
    value = shift = 0
    while at < end and shift < 70:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise NoGraph
