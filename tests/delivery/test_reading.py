"""One reading of a request: for every route and every field, the ways to say one thing twice are refused by name."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parapet_mlflow.gate import names, reading
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import Route, load
from tests.delivery.confusions import confusions, nested
from tests.delivery.lawful import RUN, THEIRS, Request, request, requests
from tests.examples import examples

EVERY = list(requests())


def again(request: Request) -> Request:
    """What went on to MLflow, as if a client had sent it."""
    canonical = request.read().canonical()
    body = canonical.body or b""
    return Request(request.method, canonical.path, canonical.query, (b"application/json",) if body else (), body)


def told(request: Request) -> str:
    """Why it is refused, or nothing."""
    try:
        request.read()
    except Refusal as why:
        return f"{why.message} {why.status} {why.code}"
    return ""


@pytest.mark.parametrize(("route", "sent"), EVERY, ids=[f"{route.name} {sent.path}" for route, sent in EVERY])
def test_a_lawful_request_is_read_and_goes_on_as_it_was_read(route: Route, sent: Request) -> None:
    asked = sent.read()
    assert asked.route == route
    assert set(asked.fields) == set(route.shape) - set(reading.ALIASES)
    assert again(sent).read() == asked
    canonical = asked.canonical()
    assert canonical.raw_path.decode() == quote(sent.path)
    if route.method == "GET":
        assert canonical.body == b""
    elif route.name not in reading.STREAMED and not route.document:
        assert json.loads(canonical.body or b"{}").keys() == asked.fields.keys() - set(route.in_path) | (
            set(route.in_path) & set(route.in_message)
        )


def test_every_confusion_is_refused_by_name() -> None:
    seen = 0
    for route, sent in EVERY:
        if route.name in reading.STREAMED:
            continue
        for what, word, confused in (*confusions(route, sent), *nested(route, sent)):
            seen += 1
            why = told(confused)
            assert word in why, (route.name, sent.path, what, why)
            assert why.endswith(" 400 INVALID_PARAMETER_VALUE")
    assert seen > 9_000


def test_space_and_order_change_nothing() -> None:
    for _, sent in EVERY:
        if sent.body:
            padded = replace(sent, body=b" " * 70_000 + json.dumps(json.loads(sent.body), indent=3).encode() + b"\n\n")
            assert padded.read() == sent.read()
            backwards = dict(reversed(json.loads(sent.body).items()))
            assert sent.with_fields(backwards).read() == sent.read()


def of(name: str, /, **fields: Any) -> Request:
    route = next(route for route in load() if route.name == name)
    return request(route, route.paths[0]).with_fields(fields)


def test_two_names_of_a_run_are_one() -> None:
    asked = of("runs/set-tag", run_id=RUN, run_uuid=RUN, key="a", value="b").read()
    assert asked.fields == {"run_id": RUN, "key": "a", "value": "b"}
    assert of("runs/set-tag", run_uuid=RUN, key="a", value="b").read() == asked
    assert "run_uuid" in told(of("runs/set-tag", run_id=RUN, run_uuid=THEIRS, key="a", value="b"))


def test_an_identifier_of_the_path_may_stand_in_the_body_if_it_is_the_same() -> None:
    sent = next(sent for route, sent in EVERY if route.name == "assessments/update")
    trace = sent.read().fields["trace_id"]
    assert "trace_id" in told(sent.with_fields({**sent.fields, "assessment": {"trace_id": f"tr-{THEIRS}"}}))
    assert sent.with_fields({**sent.fields, "assessment": {"trace_id": trace}}).read().fields["trace_id"] == trace
    finalize = next(sent for route, sent in EVERY if route.name == "logged-models/finalize")
    model = finalize.read().fields["model_id"]
    assert finalize.with_fields({**finalize.fields, "model_id": model}).read() == finalize.read()


def test_numbers_have_one_way_to_be_written() -> None:
    def asked(**fields: Any) -> Any:
        return of("runs/log-metric", run_id=RUN, key="k", timestamp=1, **fields).read().fields

    assert asked(value="NaN")["value"] == "NaN"
    assert asked(value="1.5")["value"] == 1.5
    assert asked(value=1, step="7")["step"] == 7
    assert asked(value=1, step=7.0)["step"] == 7
    for wrong in (True, "07", " 7", "7_0", "+7", "\u0667", 7.5, 2**63, "1" * 5000):
        assert "step" in told(of("runs/log-metric", run_id=RUN, key="k", value=1, timestamp=1, step=wrong))
    for wrong in (True, "nan", "inf", "1_0", " 1", "1" * 400, 10**400):
        assert "value" in told(of("runs/log-metric", run_id=RUN, key="k", value=wrong, timestamp=1))


def test_of_a_choice_one_is_given() -> None:
    sent = next(sent for route, sent in EVERY if route.name == "assessments/create")
    both = {"feedback": {"value": 1}, "expectation": {"value": 1}}
    assert "cannot both" in told(sent.with_fields({"assessment": both}))


def test_nothing_stands_for_nothing() -> None:
    assert of("runs/search", experiment_ids=["7"], page_token=None).read().fields == {"experiment_ids": ["7"]}
    assert "experiment_ids" in told(of("runs/search", experiment_ids=["7", None]))


@pytest.mark.parametrize("name", ["runs/get", "runs/set-tag", "registered-models/delete-alias"])
def test_a_refusal_tells_no_value(name: str) -> None:
    route = next(route for route in load() if route.name == name)
    sent = request(route, route.paths[0])
    marked = dict.fromkeys(sent.fields, "Jane Doe\0")
    assert "Jane" not in told(sent.with_fields(marked))
    assert "Jane" not in told(sent.with_fields({"Jane Doe": "x"}))


def identifiers() -> Iterator[tuple[Route, Request, str]]:
    for route, sent in EVERY:
        yield from (
            (route, sent, name) for name in route.shape if names.pattern_of(name) and route.shape[name] == "string"
        )


OTHERWISE: list[Callable[[str], str]] = [
    lambda one: f" {one}",
    lambda one: f"{one} ",
    lambda one: f"{one}\n",
    lambda one: f"{one}\0",
    lambda one: f"+{one}",
    lambda one: f"{one},{one}",
    lambda one: f"{one}%",
    lambda one: f"{one}%00",
    lambda one: f"{one}\u200b",
    lambda one: f"{one}/../{one}",
    lambda one: f"'{one}'",
    lambda one: "*",
    lambda one: "\u0663",
    lambda one: "x" * 500,
]


def test_an_identifier_has_one_way_to_be_written() -> None:
    seen = set()
    for route, sent, name in identifiers():
        if name in route.in_path or route.document:
            continue
        seen.add(name)
        for change in OTHERWISE:
            other = change(sent.fields.get(name, RUN))
            assert name in told(sent.with_fields({**sent.fields, name: other})), (route.name, name, other)
    for one in ("01", "1_0", "1.0", "-1", "1e3", "0x1"):
        assert "experiment_id" in told(of("experiments/delete", experiment_id=one))
    assert {"run_id", "experiment_id", "version", "trace_id", "request_id"} <= seen


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([RUN, "7", "key", "a/b"]),
    lambda one: (
        st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["key", "value", "tags", "a"]), one, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=examples(400), deadline=None)
@given(st.data())
def test_whatever_comes_is_read_or_refused(data: st.DataObject) -> None:
    route, sent = data.draw(st.sampled_from(EVERY))
    names_of_fields = [*route.shape, "variables", "operationName"]
    fields = sent.fields | data.draw(st.dictionaries(st.sampled_from(names_of_fields), ANY, max_size=3))
    body = json.dumps(fields).encode() if route.method != "GET" else b""
    query = data.draw(st.binary(max_size=20)) if route.method == "GET" else b""
    try:
        asked = replace(sent, body=body, query=query, types=(b"application/json",)).read()
    except Refusal:
        return
    canonical = asked.canonical()
    assert canonical.body is None or json.loads(canonical.body or b"{}") is not None
    if not route.document:
        again = Request(route.method, canonical.path, canonical.query, (b"application/json",), canonical.body or b"")
        assert again.read() == asked


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(EVERY), st.binary(max_size=40))
def test_whatever_bytes_come_are_read_or_refused(route_and_sent: tuple[Route, Request], body: bytes) -> None:
    _, sent = route_and_sent
    told(replace(sent, body=body, types=(b"application/json",)))
    path = sent.path + body.decode("utf-8", "replace")
    if load().of(sent.method, path):
        told(replace(sent, path=path))
