"""Whatever is sent is read as one matrix, or refused in words of ours; the quick way and the exact way are one."""

import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parapet_serving.bundle.manifest import Input, Output
from parapet_serving.contract import CELLS, Contract, Matrix, bounds
from parapet_serving.refusal import Wrong
from parapet_serving.wire.numbers import Numbers
from parapet_serving.wire.oip import HEADS, Oip
from parapet_serving.wire.records import Records
from tests.delivery.serving.bundles import COUNTS, INPUTS, NAME, NUMBERS, OUTPUT, RECORD, TENSOR, VERSION, WARDS
from tests.examples import examples

MOST = 50
CONTRACT = Contract(tuple(INPUTS), (Output(OUTPUT, "probabilities"),))
NUMERIC = Contract(tuple(field for field in INPUTS if field.kind in ("number", "integer")), CONTRACT.outputs)
"""The fields that the quick way of records knows."""


def oip(contract: Contract = CONTRACT) -> Oip:
    return Oip(contract, TENSOR, NAME, VERSION, MOST)


def value(field: Input) -> st.SearchStrategy[Any]:
    """What the contract allows a field."""
    match field.kind:
        case "boolean":
            allowed: st.SearchStrategy[Any] = st.booleans()
        case "category":
            allowed = st.sampled_from(WARDS)
        case "integer":
            allowed = st.integers(int(field.minimum or 0), int(field.maximum or 0))
        case _:
            low, high = bounds(field)
            allowed = st.floats(low, high, width=32)
    return allowed | st.none() if field.nullable else allowed


def record(contract: Contract = CONTRACT) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field.name: value(field) for field in contract.inputs})


def matrix(records: list[dict[str, Any]], contract: Contract = CONTRACT) -> Matrix:
    """What they are, by the contract's own words and nothing else."""

    def number(field: Input, told: Any) -> float:
        if told is None:
            return math.nan
        return float(field.categories.index(told) if field.kind == "category" else told)

    return np.array([[number(field, each[field.name]) for field in contract.inputs] for each in records], np.float32)


def cells(found: Matrix) -> list[float | None]:
    return [None if math.isnan(cell) else cell for cell in found.ravel().tolist()]


def whole(records: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    found = matrix(records)
    return {"name": TENSOR, "shape": list(found.shape), "datatype": "FP32", "data": cells(found), **more}


def by_field(records: list[dict[str, Any]], column: bool) -> list[dict[str, Any]]:
    datatypes = {"number": "FP64", "integer": "INT32", "boolean": "BOOL", "category": "BYTES"}
    shape = [len(records), 1] if column else [len(records)]
    return [
        {
            **{"name": field.name, "shape": shape, "datatype": datatypes[field.kind]},
            "data": [each[field.name] for each in records],
        }
        for field in INPUTS
    ]


def same(one: Matrix, other: Matrix) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)


@settings(max_examples=examples(60), deadline=None)
@given(records=st.lists(record(), min_size=1, max_size=4), column=st.booleans(), spaces=st.sampled_from([None, 1]))
def test_every_form_of_a_request_is_the_same_matrix(
    records: list[dict[str, Any]], column: bool, spaces: int | None
) -> None:
    expected, reader = matrix(records), oip()
    rows = [cells(each) for each in expected]
    tail = expected.astype("<f4").tobytes()
    as_bytes = {**whole(records), "parameters": {"binary_data_size": len(tail)}}
    del as_bytes["data"]
    head = json.dumps({"inputs": [as_bytes]}).encode()
    forms = {
        "flat": (json.dumps({"inputs": [whole(records)]}, indent=spaces).encode(), None),
        "nested": (json.dumps({"inputs": [whole(records, data=rows)]}).encode(), None),
        "fields": (json.dumps({"inputs": by_field(records, column)}, indent=spaces).encode(), None),
        "bytes": (head + tail, str(len(head))),
    }
    for name, (body, length) in forms.items():
        assert same(reader.read(body, length).matrix, expected), name
    body = json.dumps({"records": records}).encode()
    assert same(Records(CONTRACT, MOST).read(body), expected)


@settings(max_examples=examples(60), deadline=None)
@given(records=st.lists(record(NUMERIC), min_size=1, max_size=4))
def test_the_quick_way_of_records_is_the_exact_way(records: list[dict[str, Any]]) -> None:
    reader, body = Records(NUMERIC, MOST), json.dumps({"records": records}).encode()
    quick, exact = reader._quickly(body), reader._exactly(body)
    assert quick is not None
    assert same(quick, exact)
    assert same(quick, matrix(records, NUMERIC))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from([TENSOR, "FP32", "\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
PLACES = st.sampled_from(
    [("inputs",), ("id",), ("outputs",), ("parameters",), ("more",)]
    + [("inputs", 0, name) for name in ("name", "shape", "datatype", "data", "parameters", "more")]
    + [("inputs", 0, "data", 3), ("inputs", 0, "shape", 0)]
)


def spoilt(document: dict[str, Any], place: tuple[Any, ...], put: Any) -> dict[str, Any]:
    at: Any = document
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = put
    return document


class Exact(Oip):
    """Looks closely at all that comes."""

    def _quickly(self, told: bytes) -> None:
        del told


def answered(reader: Oip, body: bytes) -> tuple[Any, ...]:
    try:
        read = reader.read(body, None)
    except Wrong as wrong:
        return wrong.status, wrong.kind
    return tuple(cells(read.matrix)), read.id, read.outputs


@settings(max_examples=examples(200), deadline=None)
@given(records=st.lists(record(), min_size=1, max_size=2), place=PLACES, put=ANY)
def test_the_quick_way_and_the_exact_way_say_the_same(
    records: list[dict[str, Any]], place: tuple[Any, ...], put: Any
) -> None:
    """Of a request that is spoilt somewhere: both take it for the same matrix, or neither does."""
    body = json.dumps(spoilt({"inputs": [whole(records)]}, place, put)).encode()
    assert answered(oip(), body) == answered(Exact(CONTRACT, TENSOR, NAME, VERSION, MOST), body)


TOKENS = [
    "1",
    "-0",
    "0.5",
    "-2e-3",
    "1E+2",
    "null",
    *' ,[]n-"',
    '"a"',
    "true",
    "01",
    ".5",
    "1.",
    "{}",
    "NaN",
    "nullnull",
]
TOKENS += ["-1e308", "1e308", "1e400", "3.5e38", "-1e-400", str(2**53 + 1), str(2**64), "1" * 400]
WHERE = [b'"data": [', b'"data":[', b'"data" \n:\t[', b'"d\\u0061ta": [', b'"\\"data": [', b'"data": [], "data": [']


@settings(max_examples=examples(300), deadline=None)
@given(
    listed=st.lists(st.sampled_from(TOKENS), max_size=8).map("".join)
    | st.lists(st.sampled_from(["null", "-1e308", *TOKENS[:6]]), min_size=2, max_size=2).map(",".join),
    where=st.sampled_from(WHERE[:1]) | st.sampled_from(WHERE),
    told=st.sampled_from(["", '"id": "a", ', '"id": "\\"data\\": [1]", ', '"outputs": [], ', '"id": "\ud800", ']),
    behind=st.sampled_from(["", "", " ", "x", "}", ', "id": "b"']),
)
def test_numbers_are_read_as_who_looks_closely_reads_them(listed: str, where: bytes, told: str, behind: str) -> None:
    """Whatever stands in the list, before it and behind it."""
    contract = Contract(
        tuple(Input(name, "number", minimum=-2.0, maximum=200.0, nullable=name == "b") for name in "ab"),
        CONTRACT.outputs,
    )
    before, after = told.encode(errors="surrogatepass"), behind.encode()
    tensor = b'{"name": "%b", "shape": [1, 2], "datatype": "FP32", %b%b]}' % (TENSOR.encode(), where, listed.encode())
    body = b'{%b"inputs": [%b]%b}' % (before, tensor, after)
    assert answered(oip(contract), body) == answered(Exact(contract, TENSOR, NAME, VERSION, MOST), body)


@settings(max_examples=examples(60), deadline=None)
@given(records=st.lists(record(NUMERIC), min_size=1, max_size=4), spaces=st.sampled_from([None, 1]))
def test_no_number_of_most_requests_is_an_object(records: list[dict[str, Any]], spaces: int | None) -> None:
    """Those of the whole matrix, missing ones among them, are read apart from the rest."""
    expected = matrix(records, NUMERIC)
    body = json.dumps({"inputs": [{"name": TENSOR, "data": cells(expected)}]}, indent=spaces).encode()
    around, values = Numbers().parted(body)
    assert values is not None
    assert same(values.astype(np.float32), expected.ravel())
    assert json.loads(around) == {"inputs": [{"name": TENSOR, "data": []}]}


@settings(max_examples=examples(200), deadline=None)
@given(
    body=st.binary(max_size=200) | ANY.map(lambda document: json.dumps(document).encode()), length=st.text(max_size=4)
)
def test_what_is_no_request_is_refused_and_nothing_else_happens(body: bytes, length: str) -> None:
    for reader in (oip(), Records(CONTRACT, MOST), Records(NUMERIC, MOST)):
        for header in (None, length, str(len(body) // 2)):
            with pytest.raises(Wrong) as refused:
                reader.read(body, header) if isinstance(reader, Oip) else reader.read(body)
            assert 400 <= refused.value.status < 500


@settings(max_examples=examples(100), deadline=None)
@given(
    records=st.lists(record(), min_size=1, max_size=3),
    datatype=st.sampled_from(["FP32", "FP64", "INT64", "UINT8", "FP16", "BOOL", "BYTES"]),
    tail=st.binary(max_size=400),
    size=st.integers(0, 500),
)
def test_bytes_of_any_kind_are_read_or_refused(
    records: list[dict[str, Any]], datatype: str, tail: bytes, size: int
) -> None:
    tensor = {**whole(records, datatype=datatype), "parameters": {"binary_data_size": size}}
    del tensor["data"]
    fields = [
        {**each, "datatype": datatype, "parameters": {"binary_data_size": size}} for each in by_field(records, False)
    ]
    for each in fields:
        del each["data"]
    statuses = set[int]()
    for inputs in ([tensor], fields):
        head = json.dumps({"inputs": inputs}).encode()
        try:
            read = oip().read(head + tail, str(len(head)))
        except Wrong as wrong:
            statuses.add(wrong.status)
        else:
            assert len(tail) == size * len(inputs)
            assert read.matrix.shape == (len(records), len(INPUTS))
    assert statuses <= {400, 422}


WRONG: list[Any] = ["Zq7", 987654.25, -987654.25, [], {}]


@settings(max_examples=examples(100), deadline=None)
@given(record=record(), name=st.sampled_from([field.name for field in INPUTS]), put=st.sampled_from(WRONG))
def test_who_is_refused_is_told_the_field_and_never_the_value(record: dict[str, Any], name: str, put: Any) -> None:
    if name == "score" and isinstance(put, float):
        return
    body = json.dumps({"records": [{**record, name: put}]}).encode()
    with pytest.raises(Wrong) as refused:
        Records(CONTRACT, MOST).read(body)
    assert refused.value.kind == "contract"
    assert refused.value.text.startswith(f"{name}: in row 0")
    for trace in ("Zq7", "987654"):
        assert trace not in refused.value.text


@pytest.mark.parametrize("name", [*COUNTS, *NUMBERS])
@pytest.mark.parametrize("side", ["minimum", "maximum"])
def test_a_bound_itself_is_allowed_and_what_is_beyond_it_is_not(name: str, side: str) -> None:
    field = next(each for each in INPUTS if each.name == name)
    bound = getattr(field, side)
    beyond = float(np.nextafter(np.float32(bound), np.float32(-np.inf if side == "minimum" else np.inf)))
    found = matrix([RECORD])
    found[0, CONTRACT.places[name]] = bound
    CONTRACT.check(found)
    found[0, CONTRACT.places[name]] = beyond
    with pytest.raises(Wrong, match=name):
        CONTRACT.check(found)


@pytest.mark.parametrize("rows", [1, 64, CELLS // len(INPUTS), CELLS // len(INPUTS) + 1, 1000])
@pytest.mark.parametrize("name", ["age", "weight", "emergency", "ward"])
def test_of_however_many_rows_the_one_that_is_wrong_is_told(rows: int, name: str) -> None:
    """Few are compared in another way than many."""
    found = np.repeat(matrix([RECORD]), rows, axis=0)
    CONTRACT.check(found)
    wrong = [0.5] if name == "weight" else [71.5, -1.0] if name == "age" else [0.5, 7.0]
    for value in wrong:
        found[rows - 1, CONTRACT.places[name]] = value
        with pytest.raises(Wrong, match=f"{name}: in row {rows - 1} "):
            CONTRACT.check(found)


def test_what_is_remembered_of_requests_is_their_form_and_bounded() -> None:
    """A client says the same before its bytes each time; what it says in JSON is not kept."""
    reader, records = oip(), [dict(RECORD), {**RECORD, "age": 18}]
    tail = {name: matrix([record]).tobytes() for name, record in zip("ab", records, strict=True)}

    def head(**more: Any) -> bytes:
        tensor = {**whole(records[:1]), "parameters": {"binary_data_size": len(tail["a"])}}
        del tensor["data"]
        return json.dumps({"inputs": [tensor], **more}).encode()

    for name, record in zip("ab", records, strict=True):
        assert same(reader.read(head() + tail[name], str(len(head()))).matrix, matrix([record]))
    with pytest.raises(Wrong, match="binary_data_size"):
        reader.read(head() + tail["a"][1:], str(len(head())))
    assert list(reader._known) == [head()]
    reader.read(head(id="one of many") + tail["a"], str(len(head(id="one of many"))))
    assert list(reader._known) == [head()]
    for some in (records, records[::-1]):
        reader.read(json.dumps({"inputs": [whole(some)]}).encode(), None)
    assert list(reader._known) == [head(), json.dumps({"inputs": [whole(records, data=[])]}).encode()]
    for spaces in range(2 * HEADS):
        padded = head() + b" " * spaces
        reader.read(padded + tail["a"], str(len(padded)))
    assert len(reader._known) <= HEADS


@settings(max_examples=examples(50), deadline=None)
@given(columns=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=5), binary=st.booleans())
def test_an_answer_is_read_as_it_was_written(columns: list[float], binary: bool) -> None:
    outputs = {OUTPUT: np.array(columns, np.float32)}
    body, length = oip().answer("id", ((OUTPUT, binary),), outputs)
    told = json.loads(body[:length])
    assert told["outputs"][0]["shape"] == [len(columns)]
    if binary:
        assert list(struct.unpack(f"<{len(columns)}f", body[length:])) == columns
    else:
        assert length is None
        assert told["outputs"][0]["data"] == columns


def test_predictions_are_answered_by_the_outputs_names_in_the_rows_order() -> None:
    contract = Contract(CONTRACT.inputs, (Output("class", "label"), Output("risk", "probabilities", 1)))
    outputs = {"class": np.array([0.0, 1.0], np.float32), "risk": np.array([0.25, 0.1], np.float32)}
    told = json.loads(Records(contract, MOST).answer("m", "7", "its id", outputs))
    assert told == {
        **{"model": "m", "version": "7", "id": "its id"},
        "predictions": [{"class": 0.0, "risk": 0.25}, {"class": 1.0, "risk": float(np.float32(0.1))}],
    }
