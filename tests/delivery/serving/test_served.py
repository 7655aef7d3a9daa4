"""A server answers by the Open Inference Protocol v2 and by plain records, and refuses the rest in its own words."""

import json
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

import parapet_serving
from delivery.data.keys import Key
from mlops import analyses
from tests.delivery.serving.bundles import NAME, OUTPUT, RECORD, VERSION, WARDS, expected, row
from tests.delivery.serving.served import GATEWAY, INSIDE, MODEL, Served, asked, until, without

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

JSON = {"Content-Type": "application/json"}
TEXT = json.dumps(asked())


def test_health_and_metadata(served: Served) -> None:
    assert served.call("GET", "/v2/health/live", token=None).json() == {"live": True}
    assert served.call("GET", "/v2/health/ready", token=None).json() == {"ready": True}
    server = served.call("GET", "/v2").json()
    assert server["extensions"] == ["binary_tensor_data"]
    for base in (MODEL, f"{MODEL}/versions/{VERSION}"):
        assert served.call("GET", f"{base}/ready").status_code == 200
        told = served.call("GET", base).json()
        assert (told["name"], told["versions"]) == (NAME, [VERSION])
        assert told["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, len(RECORD)]}]
        assert told["outputs"] == [{"name": OUTPUT, "datatype": "FP32", "shape": [-1]}]


@pytest.mark.parametrize("path", [f"{MODEL}/infer", f"{MODEL}/versions/{VERSION}/infer"])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_matrix_is_answered(served: Served, path: str, rows: int) -> None:
    answer = served.call("POST", path, json={**asked(rows), "id": "mine"})
    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["model_name"], told["model_version"], told["id"]) == (NAME, VERSION, "mine")
    (output,) = told["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == (OUTPUT, [rows], "FP32")
    assert output["data"] == pytest.approx([expected()] * rows, abs=1e-5)


def by_field(rows: int = 1) -> list[dict[str, Any]]:
    datatypes = {int: "INT64", float: "FP64", bool: "BOOL", str: "BYTES", type(None): "FP32"}
    return [
        {"name": name, "shape": [rows], "datatype": datatypes[type(value)], "data": [value] * rows}
        for name, value in RECORD.items()
    ]


def test_a_tensor_for_each_field_is_answered(served: Served) -> None:
    answer = served.infer({"inputs": list(reversed(by_field(2)))})
    assert answer.json()["outputs"][0]["data"] == pytest.approx([expected()] * 2, abs=1e-5)


def test_nested_data_is_answered(served: Served) -> None:
    answer = served.infer(asked(2, data=[row(), row()]))
    assert answer.json()["outputs"][0]["data"] == pytest.approx([expected()] * 2, abs=1e-5)


def test_bytes_are_answered_with_bytes(served: Served) -> None:
    values = [float("nan") if value is None else value for value in row()]
    tail = struct.pack(f"<{len(values)}f", *values)
    tensor = {**without(asked()["inputs"][0], "data"), "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    answer = served.call("POST", f"{MODEL}/infer", data=head + tail, headers=headers)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    told = json.loads(answer.content[:length])
    assert told["outputs"][0]["parameters"] == {"binary_data_size": 4}
    assert struct.unpack("<f", answer.content[length:])[0] == pytest.approx(expected(), abs=1e-5)


def test_records_are_answered(served: Served) -> None:
    other = {**RECORD, "ward": "surgery", "emergency": None, "age": 40}
    answer = served.predict({"records": [RECORD, other]})
    told = answer.json()
    assert answer.status_code == 200, told
    assert (told["model"], told["version"], told["id"]) == (NAME, VERSION, answer.headers["X-Request-Id"])
    assert [each[OUTPUT] for each in told["predictions"]] == pytest.approx([expected(), expected(other)], abs=1e-5)


def test_the_card_asks_nothing_of_anybody_else(served: Served) -> None:
    answer = served.call("GET", "/card")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for text in ("Not for children.", "heart_rate", "mmHg", *WARDS, "0.7", served.digest, "sha256:1234"):
        assert text in answer.text
    assert "src=" not in answer.text
    assert "href=" not in answer.text
    assert "http" not in answer.text


REFUSED: dict[str, tuple[int, str, Any]] = {
    "no object": (400, "malformed", []),
    "no inputs": (400, "malformed", {}),
    "inputs are none": (400, "malformed", {"inputs": []}),
    "an unknown name": (400, "malformed", {**asked(), "more": 1}),
    "an unknown name in an input": (400, "malformed", asked(more=1)),
    "an unknown parameter": (400, "malformed", asked(parameters={"more": 1})),
    "another tensor": (422, "contract", asked(name="other")),
    "another datatype": (422, "contract", asked(datatype="BYTES")),
    "an unknown datatype": (422, "contract", asked(datatype="COMPLEX")),
    "a text among numbers": (422, "contract", asked(data=["71", *row()[1:]])),
    "a boolean among numbers": (422, "contract", asked(data=[True, *row()[1:]])),
    "a null that may not be": (422, "contract", asked(data=[None, *row()[1:]])),
    "no whole number": (422, "contract", asked(data=[71.5, *row()[1:]])),
    "out of its range": (422, "contract", asked(data=[17, *row()[1:]])),
    "an unknown category": (422, "contract", asked(data=[*row()[:-2], 3, 0])),
    "too big for a float": (422, "contract", asked(data=[*row()[:-1], 1e300])),
    "a short row": (422, "contract", asked(shape=[1, 17], data=row()[1:])),
    "one dimension": (422, "contract", asked(shape=[18])),
    "three dimensions": (400, "malformed", asked(shape=[1, 18, 1])),
    "a negative dimension": (400, "malformed", asked(shape=[-1, -18])),
    "no rows": (422, "rows", asked(shape=[0, 18], data=[])),
    "too many rows": (422, "rows", asked(shape=[2**31, 18])),
    "fewer values than the shape says": (400, "malformed", asked(2, data=row())),
    "ragged": (400, "malformed", asked(2, data=[row(), row()[1:]])),
    "nested deeper than its shape": (422, "contract", asked(data=[[[value] for value in row()]])),
    "data and bytes": (400, "malformed", asked(parameters={"binary_data_size": 72})),
    "neither data nor bytes": (400, "malformed", {"inputs": [without(asked()["inputs"][0], "data")]}),
    "bytes that are not there": (
        400,
        "malformed",
        {"inputs": [{**without(asked()["inputs"][0], "data"), "parameters": {"binary_data_size": 72}}]},
    ),
    "a field is missing": (422, "contract", {"inputs": by_field()[1:]}),
    "a field too much": (422, "contract", {"inputs": [*by_field(), {**by_field()[0], "name": "other"}]}),
    "a field twice": (422, "contract", {"inputs": [*by_field(), by_field()[0]]}),
    "a field of another datatype": (
        422,
        "contract",
        {"inputs": [*by_field()[:-1], {**by_field()[-1], "datatype": "BOOL"}]},
    ),
    "a field with other rows": (422, "contract", {"inputs": [*by_field()[:-1], by_field(2)[-1]]}),
    "an unknown output": (422, "contract", {**asked(), "outputs": [{"name": "other"}]}),
    "an output twice": (422, "contract", {**asked(), "outputs": [{"name": OUTPUT}] * 2}),
    "an id that is no text": (400, "malformed", {**asked(), "id": 7}),
    "an id that is too long": (400, "malformed", {**asked(), "id": "x" * 129}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_as_it_must_be_is_refused(served: Served, what: str) -> None:
    status, kind, body = REFUSED[what]
    answer = served.infer(body)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind), answer.text


WORDS: dict[str, tuple[int, str, bytes, dict[str, str]]] = {
    "no JSON": (400, "malformed", b"{", JSON),
    "empty": (400, "malformed", b"", JSON),
    "NaN": (400, "malformed", json.dumps(asked(data=[float("nan")] * 18)).encode(), JSON),
    "Infinity": (400, "malformed", json.dumps(asked(data=[float("inf")] * 18)).encode(), JSON),
    "a name twice": (
        400,
        "malformed",
        TEXT.replace('"name"', '"shape": [1, 18], "name"').encode(),
        JSON,
    ),
    "inputs twice": (
        400,
        "malformed",
        TEXT.replace('{"inputs"', '{"inputs": [], "inputs"').encode(),
        JSON,
    ),
    "no UTF-8": (400, "malformed", TEXT.encode("utf-16"), JSON),
    "nested without end": (400, "malformed", b"[" * 100_000, JSON),
    "nested deeply": (400, "malformed", b'{"inputs":' + b"[" * 50 + b"]" * 50 + b"}", JSON),
    "a number without end": (400, "malformed", b'{"inputs":' + b"9" * 10_000 + b"}", JSON),
    "another content type": (415, "type", b"{}", {"Content-Type": "text/plain"}),
    "a form": (415, "type", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    "another charset": (415, "type", b"{}", {"Content-Type": "application/json; charset=latin-1"}),
    "compressed": (415, "type", b"{}", {**JSON, "Content-Encoding": "gzip"}),
    "bytes without their header": (415, "type", b"{}", {"Content-Type": "application/octet-stream"}),
    "a header length that is no number": (400, "malformed", b"{}", {**JSON, "Inference-Header-Content-Length": "-1"}),
    "a header length of other digits": (400, "malformed", b"{}", {**JSON, "Inference-Header-Content-Length": "\u00b2"}),
    "a header length beyond the body": (400, "malformed", b"{}", {**JSON, "Inference-Header-Content-Length": "3"}),
    "a header length within the JSON": (
        400,
        "malformed",
        TEXT.encode(),
        {**JSON, "Inference-Header-Content-Length": "5"},
    ),
    "bytes that nobody named": (
        400,
        "malformed",
        TEXT.encode() + b"more",
        {**JSON, "Inference-Header-Content-Length": str(len(TEXT))},
    ),
    "too long": (413, "size", b" " * 1_048_577, JSON),
}


@pytest.mark.parametrize("what", WORDS)
def test_bytes_that_are_no_request_are_refused(served: Served, what: str) -> None:
    status, kind, body, headers = WORDS[what]
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = served.call("POST", f"{MODEL}/infer", data=body, headers=encoded)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind), answer.text


def test_a_body_without_a_length_is_counted(served: Served) -> None:
    endless = (b" " * 65_536 for _ in range(64))
    answer = served.call("POST", f"{MODEL}/infer", data=endless, headers=JSON)
    assert answer.status_code == 413


TEXTS: dict[str, tuple[str, dict[str, Any], str]] = {
    # Every place of both wires that has a text, and the name that an error tells of it: MARK is what stands there.
    "id": (f"{MODEL}/infer", {**asked(), "id": "MARK"}, "id"),
    "name": (f"{MODEL}/infer", asked(name="MARK"), "name"),
    "datatype": (f"{MODEL}/infer", asked(datatype="MARK"), "datatype"),
    "content type": (f"{MODEL}/infer", {**asked(), "parameters": {"content_type": "MARK"}}, "content_type"),
    "content type of an input": (f"{MODEL}/infer", asked(parameters={"content_type": "MARK"}), "content_type"),
    "output": (f"{MODEL}/infer", {**asked(), "outputs": [{"name": "MARK"}]}, "name"),
    "value of the matrix": (f"{MODEL}/infer", asked(data=["MARK", *row()[1:]]), "data"),
    "value of a field": (
        f"{MODEL}/infer",
        {"inputs": [{**each, "data": ["MARK"]} if each["name"] == "ward" else each for each in by_field()]},
        "data",
    ),
    "unknown name": (f"{MODEL}/infer", {**asked(), "MARK": 1}, "the body"),
    "category": ("/predict", {"records": [{**RECORD, "ward": "MARK"}]}, "ward"),
    "number": ("/predict", {"records": [{**RECORD, "sodium": "MARK"}]}, "sodium"),
    "unknown field": ("/predict", {"records": [{**RECORD, "MARK": 1}]}, "records"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_is_not_unicode_is_refused_by_its_place_and_stops_nothing(served: Served, what: str) -> None:
    path, body, named = TEXTS[what]
    failures = served.metric("prediction_log_failures_total"), served.metric("errors_total", kind="internal")
    for half in ("\\ud800", "\\udfff", "x\\udc00\\ud800y"):
        answer = served.call("POST", path, data=json.dumps(body).replace("MARK", half).encode(), headers=JSON)
        assert (answer.status_code, answer.json()["kind"]) == (400, "malformed"), answer.text
        assert answer.json()["error"].startswith(f"{named}: "), answer.text
    for odd in ("\\u0000", "\\uffff", "\\ud83d\\ude00", "\uffff\U0010ffff"):
        answer = served.call("POST", path, data=json.dumps(body).replace("MARK", odd).encode(), headers=JSON)
        assert answer.status_code < 500, answer.text
    written = served.metric("prediction_log_rows_total")
    served.infer()
    until(lambda: served.metric("prediction_log_rows_total") > written)
    assert served.ready() == 200
    now = served.metric("prediction_log_failures_total"), served.metric("errors_total", kind="internal")
    assert now == failures


def test_bytes_that_are_no_text_name_their_field(served: Served) -> None:
    tail = b"\x02\x00\x00\x00\xff\xfe"
    ward = {**by_field()[-2], "parameters": {"binary_data_size": len(tail)}}
    del ward["data"]
    head = json.dumps({"inputs": [*by_field()[:-2], ward, by_field()[-1]]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    answer = served.call("POST", f"{MODEL}/infer", data=head + tail, headers=headers)
    assert (answer.status_code, answer.json()["error"].split(":")[0]) == (400, "ward"), answer.text


def test_whom_it_is_about_is_read_as_text(served: Served) -> None:
    """A hash of it is that of the pipeline (`delivery/data/keys.py`), whatever letters a name has."""
    key = Key.read(served.hash_key)
    answer = served.infer(headers={"X-Parapet-Subject": "M\u00fcller-\u4e03".encode()})
    assert served.line(answer)["subject"] == key.hashed("subject", "M\u00fcller-\u4e03")
    for spoilt in (b"M\xfcller", b"\xed\xa0\x80"):
        answer = served.infer(headers={"X-Parapet-Subject": spoilt})
        assert (answer.status_code, answer.json()["kind"]) == (400, "malformed")
        assert answer.json()["error"].startswith("x-parapet-subject: ")


RECORDS: dict[str, tuple[int, str, Any, str]] = {
    "no records": (400, "malformed", {}, "records"),
    "something beside": (400, "malformed", {"records": [RECORD], "more": 1}, "records"),
    "no list": (400, "malformed", {"records": RECORD}, "list"),
    "none": (422, "rows", {"records": []}, "records"),
    "no object": (400, "malformed", {"records": [1]}, "record 0"),
    "a field is missing": (422, "contract", {"records": [without(RECORD, "sodium")]}, "sodium"),
    "an unknown field": (422, "contract", {"records": [{**RECORD, "other": 1}]}, "record 0"),
    "a text": (422, "contract", {"records": [RECORD, {**RECORD, "sodium": "139"}]}, "sodium: in row 1"),
    "out of its range": (422, "contract", {"records": [RECORD, {**RECORD, "sodium": 1390}]}, "sodium: in row 1"),
    "no whole number": (422, "contract", {"records": [{**RECORD, "age": 70.5}]}, "age"),
    "an unknown category": (422, "contract", {"records": [{**RECORD, "ward": "attic"}]}, "ward"),
    "no boolean": (422, "contract", {"records": [{**RECORD, "emergency": 1}]}, "emergency"),
    "a null that may not be": (422, "contract", {"records": [{**RECORD, "sodium": None}]}, "sodium"),
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_that_is_not_as_it_must_be_names_the_field(served: Served, what: str) -> None:
    status, kind, body, named = RECORDS[what]
    answer = served.predict(body)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind), answer.text
    assert named in answer.json()["error"]


def test_records_need_their_content_type(served: Served) -> None:
    assert served.call("POST", "/predict", data=json.dumps({"records": [RECORD]}).encode()).status_code == 415


def test_paths_and_methods(served: Served) -> None:
    for path in ("/", "/metrics", "/v2/models", "/v2/models/other", f"{MODEL}/versions/6/infer", f"{MODEL}/infer/"):
        assert served.call("GET", path).status_code == 404, path
    answer = served.call("GET", f"{MODEL}/infer")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert served.call("DELETE", MODEL).status_code == 405


def test_an_answer_says_which_request_it_was(served: Served) -> None:
    """By an id of the server's own: what callers say can be another's, or the same for all. It is told beside it."""
    given = "0b6f2a3e-3f57-4c1e-9f5b-3a86d0f3a111"
    answers = [served.infer(headers={"X-Request-Id": each}) for each in (given, given.upper(), "patient 4711")]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len({given, *ids}) == 4
    assert [served.line(answer).get("sent") for answer in answers] == [given, given, None]
    assert "4711" not in str([served.line(answers[2]), answers[2].headers, answers[2].text])
    assert [answer.json()["id"] for answer in answers] == ids
    other = {**asked(), "id": ids[0]}
    assert served.infer(other, headers={"X-Request-Id": ids[0]}).headers["X-Request-Id"] not in ids


def test_what_judges_a_new_version_finds_its_numbers(served: Served) -> None:
    """The platform's analyses ask for these metrics, with these labels (platform/mlops/analyses.py)."""
    served.predict({"records": [dict(RECORD)]}, token=served.token(sub="judged"))
    told = served.metrics()
    queries = [
        metric["provider"]["prometheus"]["query"] for metrics in analyses.templates(60).values() for metric in metrics
    ]
    names = {name for query in queries for name in re.findall(r"parapet_serving_\w+", query)}
    assert names
    assert {name for name in names if not re.search(rf"^{name}[{{ ]", told, re.MULTILINE)} == set()
    assert 'requests_total{route="records",status="200"}' in told
    assert 'route=~"records|infer"' in " ".join(queries)


def test_what_no_call_was_answered_with_yet_is_there_as_none(served: Served) -> None:
    """A number that begins with the first failure rises by none, as Prometheus sees it: of one that fails on each of
    four servers, nobody heard."""
    sources = "\n".join(each.read_text() for each in Path(parapet_serving.__path__[0]).rglob("*.py"))
    answers = {"200", *re.findall(r"(?:Wrong\(|status(?:, kind)? = |status=)(\d{3})", sources)}
    answers -= {"401", "403", "404", "405", "413", "429"}  # who gets one of these made no call
    assert {"422", "499", "500", "503", "504"} < answers
    told = set(re.findall(r'parapet_serving_requests_total{route="(\w+)",status="(\d+)"}', served.metrics()))
    assert {(route, status) for route in ("infer", "records") for status in answers} <= told


def test_who_is_not_admitted_makes_no_call(served: Served) -> None:
    """Else anybody without a token says how small the share of failures is, and how quick the slowest hundredth."""
    calls = r'parapet_serving_(requests_total{route="(?:records|infer)".*|request_seconds_count.*)'
    before = re.findall(calls, served.metrics())
    record = {"records": [dict(RECORD)]}
    refused = [
        *(served.predict(record, token=token).status_code for token in (None, "x.y.z", served.token(scope="other"))),
        *(served.infer(token=token).status_code for token in (None, "x.y.z", served.token(scope="other"))),
        served.call("GET", "/predict").status_code,
        served.call("DELETE", f"{MODEL}/infer", token=None).status_code,
        served.call("POST", "/elsewhere", json=record).status_code,
        served.call("POST", "/predict", data=b" " * 1_048_577, headers=JSON).status_code,
    ]
    assert refused == [401, 401, 403, 401, 401, 403, 405, 405, 404, 413]
    assert re.findall(calls, served.metrics()) == before
    assert served.metric("requests_total", route="refused", status="401") >= 4
    # And a refusal is a call that no model had to answer: it is not quick.
    seconds = served.metric("request_seconds_count")
    assert served.predict({"records": []}).status_code == 422
    assert served.metric("request_seconds_count") == seconds


def test_metrics_tell_what_was_answered(served: Served) -> None:
    before = served.metric("requests_total", route="infer", status="200")
    refused = served.metric("errors_total", kind="contract")
    token = served.token(sub="counted")  # of whom nothing is counted yet
    served.infer(token=token)
    served.infer(asked(data=[17, *row()[1:]]), token=token)
    assert served.metric("requests_total", route="infer", status="200") == before + 1
    assert served.metric("errors_total", kind="contract") == refused + 1
    assert served.metric("model_info", name=NAME, version=VERSION, digest=served.digest) == 1
    assert served.metric("request_seconds_count") > 0
    assert served.metric("batch_rows_count") > 0
    assert served.metric("prediction_bucket", output=OUTPUT, le="+Inf") > 0


def test_who_asks_much_is_not_most_of_what_judges_see(own: Callable[..., Served]) -> None:
    """Two callers have asked just now: of a flood counts the least that each has, by calls and rows."""
    served = own().start()

    def seen() -> tuple[float, float]:
        calls = sum(served.metric("requests_total", route=route) for route in ("infer", "records"))
        return calls, served.metric("prediction_count", output=OUTPUT)

    wards, flood = [served.token(sub=f"ward-{number}") for number in range(2)], served.token(sub="flood")
    for ward in wards:
        served.infer(token=ward)
    calls, predictions = seen()
    beyond = served.metric("requests_total", route="beyond", status="200")
    seconds = served.metric("request_seconds_count")
    answers = [served.infer(asked(4000), token=flood) for _ in range(3)]
    answers += [served.infer(token=flood) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    more_calls, more_predictions = (now - before for now, before in zip(seen(), (calls, predictions), strict=True))
    now_beyond = served.metric("requests_total", route="beyond", status="200") - beyond
    assert now_beyond + more_calls == 63, "and each is told"
    assert served.metric("request_seconds_count") - seconds == more_calls
    assert now_beyond > 0
    assert more_predictions < 4000


def test_the_access_log_tells_who_and_how_long_by_hashes(served: Served) -> None:
    line, again, other = (
        served.line(served.infer(headers={"X-Parapet-Subject": f"MRN-{number}"})) for number in (815, 815, 816)
    )
    assert (line["route"], line["status"], line["rows"], line["version"]) == ("infer", 200, 1, VERSION)
    assert line["ms"] > 0
    assert len(line["subject"]) == len(line["caller"]) == 32
    assert again["subject"] == line["subject"] != other["subject"]


def test_callers(served: Served) -> None:
    assert served.infer(token=None).status_code == 401
    assert served.call("GET", "/card", token=None).status_code == 401
    assert served.infer(token="x.y.z").status_code == 401
    assert served.infer(token=served.token(scope="other")).status_code == 403
    inside = {"X-Forwarded-Client-Cert": f'By=spiffe://x;Hash=ab;Subject="CN=a;URI=b,c";URI={INSIDE}'}
    assert served.infer(token=None, headers=inside).status_code == 200
    other = {"X-Forwarded-Client-Cert": f"URI={INSIDE},URI=spiffe://cluster.local/ns/clinic/sa/other"}
    assert served.infer(token=None, headers=other).status_code == 403
    assert served.infer(token="x.y.z", headers=inside).status_code == 401, "who brings a token is judged by it"


OUTSIDE: dict[str, tuple[dict[str, Any] | None, int]] = {
    "a token of the provider": ({}, 200),
    "no token": (None, 401),
    "another audience": ({"aud": "other"}, 401),
    "expired": ({"exp": int(time.time()) - 3600}, 401),
    "without the scope": ({"scope": "read"}, 403),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_who_comes_through_the_gateway_is_known_by_a_token_alone(served: Served, what: str) -> None:
    claims, status = OUTSIDE[what]
    # What others said of themselves before the gateway makes nobody of them.
    headers = {"X-Forwarded-Client-Cert": f"URI={INSIDE},By=x;Hash=ab;URI={GATEWAY}"}
    token = None if claims is None else served.token(**claims)
    answer = served.infer(token=token, headers=headers)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_token_that_nobody_signed_is_not_taken_through_the_gateway(served: Served) -> None:
    unsigned = "eyJhbGciOiJub25lIn0." + served.token().split(".")[1] + "."
    headers = {"X-Forwarded-Client-Cert": f"URI={GATEWAY}"}
    assert served.infer(token=unsigned, headers=headers).status_code == 401


def test_the_mesh_is_believed_from_its_proxy_alone(served: Served) -> None:
    session = requests.Session()

    class From(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, source_address=("127.0.0.2", 0), **options)

    session.mount("http://", From())
    inside = {"X-Forwarded-Client-Cert": f"URI={INSIDE}"}
    assert session.post(f"{served.url}{MODEL}/infer", json=asked(), headers=inside, timeout=10).status_code == 401
