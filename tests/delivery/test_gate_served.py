"""Another team's things behind a real server: asked for in every confused way, looked at afterwards by their owner."""

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import requests

from parapet_mlflow.gate.routes import load
from tests.delivery.mlflow import ALICE, BOB, Mlflow

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts"


class Team(NamedTuple):
    """What a team has."""

    who: tuple[str, str]
    experiment_id: str
    run_id: str
    model_id: str
    name: str
    trace_id: str
    dataset_id: str


def made(server: Mlflow, who: tuple[str, str]) -> Team:
    def post(path: str, api: int = 2, /, **fields: Any) -> Any:
        answer = server.call("POST", f"/api/{api}.0/mlflow/{path}", who, json=fields)
        assert answer.ok, answer.text
        return answer.json()

    name = f"the model of {who[0]}"
    experiment = post("experiments/create", name=f"the work of {who[0]}")["experiment_id"]
    run = post("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    post("runs/set-tag", run_id=run, key="k", value="v")
    assert server.call("PUT", f"{FILES}/artifacts/{experiment}/{run}/artifacts/m/MLmodel", who, data=b"m").ok
    model = post("logged-models", experiment_id=experiment, name="m", source_run_id=run)["model"]["info"]["model_id"]
    post("registered-models/create", name=name)
    source = f"mlflow-artifacts:/{experiment}/{run}/artifacts/m"
    post("model-versions/create", name=name, source=source, run_id=run)
    post("registered-models/alias", name=name, alias="x", version="1")
    trace_id = f"tr-{run[::-1]}"
    started = {
        "trace_id": trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": "2026-01-02T03:04:05Z",
        "state": "OK",
    }
    post("traces", 3, trace={"trace_info": started})
    dataset = post("datasets/create", 3, name=f"the records of {who[0]}", experiment_ids=[experiment])
    return Team(who, experiment, run, model, name, trace_id, dataset["dataset"]["dataset_id"])


@pytest.fixture(scope="module")
def teams(shared: Mlflow) -> tuple[Team, Team]:
    """One's own and another's."""
    return made(shared, BOB), made(shared, ALICE)


def seen(server: Mlflow, team: Team) -> list[Any]:
    """All of it, by its owner's eyes."""
    asked = [
        f"{API}/experiments/get?experiment_id={team.experiment_id}",
        f"{API}/runs/get?run_id={team.run_id}",
        f"{API}/logged-models/{team.model_id}",
        f"{API}/registered-models/get?name={team.name}",
        f"{API}/model-versions/get?name={team.name}&version=1",
        f"{API}/registered-models/alias?name={team.name}&alias=x",
        f"/api/3.0/mlflow/traces/{team.trace_id}",
        f"/api/3.0/mlflow/datasets/{team.dataset_id}",
        f"{FILES}/artifacts?path={team.experiment_id}/{team.run_id}/artifacts/m",
    ]
    answers = [server.call("GET", path, team.who) for path in asked]
    assert all(answer.ok for answer in answers), [answer.text for answer in answers]
    return [answer.json() for answer in answers]


CHANGES: dict[str, dict[str, Any]] = {
    "experiments/delete": {"experiment_id": ...},
    "experiments/update": {"experiment_id": ..., "new_name": "changed"},
    "experiments/set-experiment-tag": {"experiment_id": ..., "key": "k", "value": "changed"},
    "runs/create": {"experiment_id": ..., "run_name": "changed"},
    "runs/set-tag": {"run_id": ..., "key": "k", "value": "changed"},
    "runs/update": {"run_id": ..., "run_name": "changed"},
    "runs/log-metric": {"run_id": ..., "key": "changed", "value": 1, "timestamp": 1},
    "runs/log-batch": {"run_id": ..., "params": [{"key": "changed", "value": "1"}]},
    "runs/delete": {"run_id": ...},
    "logged-models/create": {"experiment_id": ..., "name": "changed"},
    "registered-models/set-tag": {"name": ..., "key": "k", "value": "changed"},
    "registered-models/update": {"name": ..., "description": "changed"},
    "registered-models/set-alias": {"name": ..., "alias": "changed", "version": "1"},
    "registered-models/delete-alias": {"name": ..., "alias": "x"},
    "model-versions/set-tag": {"name": ..., "version": "1", "key": "k", "value": "changed"},
    "model-versions/update": {"name": ..., "version": "1", "description": "changed"},
    "model-versions/delete": {"name": ..., "version": "1"},
    "registered-models/delete": {"name": ...},
}
"""Of each, with the identifier to confuse as `...`. What deletes stands last: one's own may be gone after it."""
OTHER_NAMES = {
    "run_id": ["run_uuid", "runId", "runUuid", "RUN_ID"],
    "experiment_id": ["experimentId"],
    "name": ["Name"],
}


class Confused(NamedTuple):
    what: str
    query: str
    body: bytes
    headers: dict[str, str]


def confused(fields: dict[str, Any], name: str, mine: str, theirs: str) -> Iterator[Confused]:
    json_type = {"Content-Type": "application/json"}
    own, others = {**fields, name: mine}, {**fields, name: theirs}
    told, stolen = json.dumps(own), json.dumps(others)
    rest = told[1:]
    query = requests.models.RequestEncodingMixin._encode_params
    yield Confused("plainly", "", stolen.encode(), json_type)
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "text/json"):
        yield Confused(f"as {type_}", query(own), stolen.encode(), {"Content-Type": type_})
        yield Confused(f"as {type_} alone", "", stolen.encode(), {"Content-Type": type_})
    yield Confused("as a form", "", query(others).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    yield Confused("in the query as well", query(others), told.encode(), json_type)
    yield Confused("in the query alone", query(others), b"", {})
    yield Confused("first of two", "", (json.dumps({name: theirs})[:-1] + "," + rest).encode(), json_type)
    yield Confused("last of two", "", (told[:-1] + "," + json.dumps({name: theirs})[1:]).encode(), json_type)
    for other in OTHER_NAMES[name]:
        yield Confused(f"as {other} before", "", (json.dumps({other: theirs})[:-1] + "," + rest).encode(), json_type)
        yield Confused(f"as {other} after", "", (told[:-1] + "," + json.dumps({other: theirs})[1:]).encode(), json_type)
        yield Confused(f"as {other} alone", "", json.dumps({**fields, other: theirs}).encode(), json_type)
    yield Confused("encoded twice", "", json.dumps(stolen).encode(), json_type)
    yield Confused("in a list", "", json.dumps({**fields, name: [theirs]}).encode(), json_type)
    yield Confused("both in a list", "", json.dumps({**fields, name: [mine, theirs]}).encode(), json_type)
    yield Confused("as an object", "", json.dumps({**fields, name: {"a": theirs}}).encode(), json_type)
    yield Confused("padded", "", b" " * 100_000 + stolen.encode(), json_type)
    yield Confused("with a NUL", "", json.dumps({**fields, name: f"{theirs}\0"}).encode(), json_type)
    yield Confused("with spaces", "", json.dumps({**fields, name: f" {theirs} "}).encode(), json_type)
    yield Confused("as a pattern", "", json.dumps({**fields, name: "*"}).encode(), json_type)
    yield Confused("compressed", "", gzip.compress(stolen.encode()), json_type | {"Content-Encoding": "gzip"})
    yield Confused("in UTF-16", "", stolen.encode("utf-16"), json_type)
    yield Confused("by another method", query(others), told.encode(), json_type | {"X-HTTP-Method-Override": "DELETE"})


@pytest.mark.parametrize("route", CHANGES)
def test_no_confusion_changes_what_is_anothers(shared: Mlflow, teams: tuple[Team, Team], route: str) -> None:
    mine, theirs = teams
    before = seen(shared, theirs)
    found = next(each for each in load() if each.name == route)
    name = next(field for field, value in CHANGES[route].items() if value is ...)
    fields = {field: value for field, value in CHANGES[route].items() if value is not ...}
    ended = {}
    for each in confused(fields, name, getattr(mine, name), getattr(theirs, name)):
        path = found.paths[0] + (f"?{each.query}" if each.query else "")
        ended[each.what] = shared.call(found.method, path, mine.who, data=each.body, headers=each.headers).status_code
    assert set(ended.values()) <= {400, 403}, ended
    assert ended["plainly"] == 403
    assert seen(shared, theirs) == before
    # And the lawful use beside it, by its owner, of his own.
    own = {**fields, name: getattr(theirs if route.endswith("set-tag") else mine, name)}
    if "delete" not in route:
        who = theirs.who if route.endswith("set-tag") else mine.who
        assert shared.call(found.method, found.paths[0], who, json=own).ok


def test_what_the_path_names_is_what_is_meant(shared: Mlflow, teams: tuple[Team, Team]) -> None:
    mine, theirs = teams
    before = seen(shared, theirs)
    three = "/api/3.0/mlflow"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (
            "PATCH",
            f"{API}/logged-models/{mine.model_id}",
            {"model_id": theirs.model_id, "status": "LOGGED_MODEL_READY"},
        ),
        ("PATCH", f"{API}/logged-models/{mine.model_id}/tags", {"model_id": theirs.model_id, "tags": []}),
        ("PATCH", f"{three}/traces/{mine.trace_id}/tags", {"trace_id": theirs.trace_id, "key": "a", "value": "b"}),
        ("POST", f"{three}/traces/{mine.trace_id}/assessments", {"assessment": {"trace_id": theirs.trace_id}}),
        ("POST", f"{three}/datasets/{mine.dataset_id}/records", {"dataset_id": theirs.dataset_id, "records": "[]"}),
        ("PATCH", f"{three}/datasets/{mine.dataset_id}/tags", {"dataset_id": theirs.dataset_id, "tags": "{}"}),
    ]
    for method, path, body in asked:
        answer = shared.call(method, path, mine.who, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), path
        plainly = path.replace(mine.model_id, theirs.model_id).replace(mine.trace_id, theirs.trace_id)
        plainly = plainly.replace(mine.dataset_id, theirs.dataset_id)
        assert shared.call(method, plainly, mine.who, json=body).status_code in (400, 403), path
    assert seen(shared, theirs) == before


def test_files_of_others_stay_theirs_by_whatever_path(shared: Mlflow, teams: tuple[Team, Team]) -> None:
    mine, theirs = teams
    own, other = f"{mine.experiment_id}/{mine.run_id}/artifacts", f"{theirs.experiment_id}/{theirs.run_id}/artifacts"
    before = seen(shared, theirs)
    paths = [
        f"{other}/m/MLmodel",
        f"{own}/%2e%2e/%2e%2e/%2e%2e/{other}/m/MLmodel",
        f"{own}/%252e%252e/%252e%252e/%252e%252e/{other}/m/MLmodel",
        f"{own}/..%2f..%2f..%2f{other}/m/MLmodel",
        f"%2f{other}/m/MLmodel",
        f"/{other}/m/MLmodel",
        f"{mine.experiment_id}/../{other}/m/MLmodel",
        f"{own}%00/../../{other}/m/MLmodel",
        "%2fetc/passwd",
        "file:%2f%2f/etc/passwd",
    ]
    for path in paths:
        for method in ("GET", "PUT", "DELETE"):
            # As it is: `requests` would take the dots away.
            asked = requests.Request(
                method, shared.url, auth=mine.who, data=b"theirs" if method == "PUT" else None
            ).prepare()
            asked.url = f"{shared.url}{FILES}/artifacts/{path}"
            answer = requests.Session().send(asked, timeout=60)
            assert answer.status_code in (400, 403, 404), (method, path)
            assert answer.content != b"m"
    assert seen(shared, theirs) == before
    assert shared.call("GET", f"{FILES}/artifacts/{other}/m/MLmodel", theirs.who).content == b"m"


@pytest.mark.parametrize("source", ["s3://artifacts/mlflow/", "mlflow-artifacts:/", "runs:/", "models:/"])
def test_a_model_version_of_anothers_files_is_not_made(shared: Mlflow, teams: tuple[Team, Team], source: str) -> None:
    mine, theirs = teams
    place = {
        "s3://artifacts/mlflow/": f"{theirs.experiment_id}/{theirs.run_id}/artifacts/m",
        "mlflow-artifacts:/": f"{theirs.experiment_id}/{theirs.run_id}/artifacts/m",
        "runs:/": f"{theirs.run_id}/m",
        "models:/": f"{theirs.name}/1",
    }[source]
    for more in ({}, {"run_id": theirs.run_id}, {"run_id": mine.run_id}):
        asked = {"name": mine.name, "source": source + place, **more}
        assert shared.call("POST", f"{API}/model-versions/create", mine.who, json=asked).status_code in (400, 403)


@pytest.mark.parametrize("name", ["*", "%", "[a-z]*", "a\u202eb", "a\n"])
def test_no_name_stands_for_others(shared: Mlflow, teams: tuple[Team, Team], name: str) -> None:
    mine, theirs = teams
    for path in ("registered-models/create", "experiments/create"):
        answer = shared.call("POST", f"{API}/{path}", mine.who, json={"name": name})
        assert (answer.status_code, answer.json()["message"].split(" ")[0]) == (400, "name")
    asked = {"username": mine.who[0], "resource_type": "registered_model", "resource_id": name, "permission": "READ"}
    grant = "/api/3.0/mlflow/users/permissions/grant"
    assert shared.call("POST", grant, mine.who, json=asked).status_code in (400, 403)
    assert shared.call("GET", f"{API}/registered-models/get?name={theirs.name}", mine.who).status_code == 403
