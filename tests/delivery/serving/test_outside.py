"""A graph whose values are in another file is neither signed nor loaded, wherever in it that is said."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from delivery.registry import outside as of_the_registry
from local.workspace import ROOT
from parapet_serving.bundle.outside import NoGraph, outside

PLACES = """
import base64, json
from onnx import ModelProto, TensorProto

def ways(kind, before=()):
    for field in kind.fields:
        inner = field.message_type
        if inner is None or inner in [each[0] for each in before]:
            continue
        here = (*before, (kind, field))
        if inner is TensorProto.DESCRIPTOR:
            yield [each[1] for each in here]
        else:
            yield from ways(inner, here)

def made(way, **said):
    model = ModelProto(ir_version=9)
    at = model
    for field in way:
        at = getattr(at, field.name)
        if hasattr(at, "add"):
            at.add(), at.add()
            at = at[-1]
    at.name, at.data_type = "weights", 1
    at.dims.append(1)
    if said.get("external"):
        at.data_location = TensorProto.EXTERNAL
    if said.get("where"):
        entry = at.external_data.add()
        entry.key, entry.value = "location", "../mnt/secrets/hash-key"
    if not said:
        at.raw_data = b"p\\x01j\\x00"  # what says so elsewhere
    return base64.b64encode(model.SerializeToString()).decode()

told = {}
for way in ways(ModelProto.DESCRIPTOR):
    name = "/".join(field.name for field in way)
    told[name] = [made(way), made(way, external=True), made(way, where=True), made(way, external=True, where=True)]
print(json.dumps(told))
"""
"""Of ONNX's own description, each place in which a tensor may be: with its values, and with them elsewhere."""


@pytest.mark.process
def test_a_tensor_elsewhere_is_found_wherever_it_is(outside: Path) -> None:
    told = subprocess.run([str(outside / "bin" / "python"), "-c", PLACES], capture_output=True, check=True).stdout
    places: dict[str, list[str]] = json.loads(told)
    assert {"graph/initializer", "graph/node/attribute/t", "functions/node/attribute/tensors"} <= places.keys()
    for name, (whole, *elsewhere) in places.items():
        assert not _outside(whole), name
        assert all(_outside(each) for each in elsewhere), name


def _outside(told: str) -> bool:
    return outside(base64.b64decode(told))


@pytest.mark.parametrize(
    "tensor",
    [b"\x70\x01", b"\x70\x02", b"\x70\x81\x80\x80\x80\x10", b"\x72\x01\x01", b"\x70\x00\x70\x01", b"\x6a\x00"],
    ids=["it says so", "a place of later", "in 33 bits", "by another wire", "as the last word", "an empty path"],
)
def test_what_may_be_read_as_elsewhere_is(tensor: bytes) -> None:
    initializer = b"\x2a" + _length(tensor) + tensor
    assert outside(b"\x3a" + _length(initializer) + initializer)


@pytest.mark.parametrize(
    "raw",
    [
        b"three",
        b"\x3a\x05\x2a\x00",
        b"\x08",
        b"\x08" + b"\xff" * 11,
        b"\x0b\x0c",
        b"\x3a\x02ORTM",
        b"\x00" * 4 + b"ORTM",
    ],
)
def test_what_is_no_graph_is_told_from_one(raw: bytes) -> None:
    with pytest.raises(NoGraph):
        outside(raw)


def test_one_that_is_nested_without_end_is_none() -> None:
    raw = b""
    for _ in range(60):  # a graph in an attribute of a node of a graph
        for key in (b"\x32", b"\x2a", b"\x0a"):
            raw = key + _length(raw) + raw
    with pytest.raises(NoGraph):
        outside(b"\x3a" + _length(raw) + raw)


def _length(raw: bytes) -> bytes:
    size, made = len(raw), b""
    while size > 127:
        made, size = made + bytes([size & 127 | 128]), size >> 7
    return made + bytes([size])


def test_what_signs_and_what_loads_judge_alike() -> None:
    files = ("delivery/registry/outside.py", "delivery/serving/parapet_serving/bundle/outside.py")
    ours, theirs = ((ROOT / each).read_bytes() for each in files)
    assert ours == theirs, "copy one over the other"
    assert of_the_registry.outside(b"") is False
