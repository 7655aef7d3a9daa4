"""What a served MLflow lets whom do: each route of the table, asked by a stranger, a reader and the owner."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from parapet_mlflow.gate.permissions import OPEN
from parapet_mlflow.gate.routes import Route, load
from tests.delivery import lawful
from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BOB, Mlflow

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

PROJECT = Path(__file__).resolve().parents[2]
API, API3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
GRANT, REVOKE = f"{API3}/users/permissions/grant", f"{API3}/users/permissions/revoke"
Who = tuple[str, str]
STAR_OF_BOB = """
INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
SELECT r.id, 'registered_model', '*', 'MANAGE'
FROM roles r JOIN users u ON r.name = '__user_' || u.id || '__' WHERE u.username = 'bob'
"""


@dataclass(frozen=True)
class Team:
    """One of everything, with names that are nobody else's."""

    owner: Who
    word: str
    experiment: str
    run: str
    model: str
    trace: str
    assessment: str
    dataset: str

    @property
    def registered(self) -> str:
        return f"model-{self.word}"

    @property
    def prompt(self) -> str:
        return f"prompt-{self.word}"

    @property
    def file(self) -> str:
        return f"{self.experiment}/{self.run}/artifacts/secret-{self.word}"

    @property
    def identifiers(self) -> set[str]:
        return {self.word, self.run, self.model, self.trace, self.assessment, self.dataset}

    def fields(self) -> dict[str, str]:
        """What lawful.py makes requests of."""
        return {
            "alias": "champion",
            "artifact_path": self.file,
            "assessment_id": self.assessment,
            "dataset_id": self.dataset,
            "experiment_id": self.experiment,
            "experiment_name": f"experiment-{self.word}",
            "model_id": self.model,
            "name": self.registered,
            "overrides": self.assessment,
            "request_id": self.trace,
            "resource_id": self.experiment,
            "resource_type": "experiment",
            "run_id": self.run,
            "source": f"models:/{self.model}",
            "source_run_id": self.run,
            "trace_id": self.trace,
            "username": self.owner[0],
            "version": "1",
        }


def asked(mlflow: Mlflow, who: Who, method: str, path: str, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    answer = mlflow.call(method, path, who, **given)
    assert answer.ok, (path, answer.text)
    told: dict[str, Any] = answer.json() if answer.text else {}
    return told


def made(mlflow: Mlflow, who: Who) -> Team:
    """A team's work, as its owner makes it."""
    word = uuid4().hex[:10]

    def post(path: str, **fields: Any) -> dict[str, Any]:
        return asked(mlflow, who, "POST", path, **fields)

    experiment = str(post(f"{API}/experiments/create", name=f"experiment-{word}")["experiment_id"])
    run = post(f"{API}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    model = post(f"{API}/logged-models", experiment_id=experiment, name=f"lm-{word}", source_run_id=run)
    model = model["model"]["info"]["model_id"]
    trace = f"tr-{uuid4().hex}"
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": where, "request_time": "2026-01-02T03:04:05Z", "state": "OK"}
    post(f"{API3}/traces", trace={"trace_info": info})
    feedback = {"assessment_name": "good", "trace_id": trace, "feedback": {"value": True}}
    feedback["source"] = {"source_type": "HUMAN", "source_id": who[0]}
    assessment = post(f"{API3}/traces/{trace}/assessments", assessment=feedback)["assessment"]["assessment_id"]
    dataset = post(f"{API3}/datasets/create", name=f"dataset-{word}", experiment_ids=[experiment])
    dataset = dataset["dataset"]["dataset_id"]
    record = {"inputs": {"question": f"of {word}"}}
    post(f"{API3}/datasets/{dataset}/records", records=json.dumps([record]))
    team = Team(who, word, experiment, run, model, trace, assessment, dataset)
    for place in (team.file, f"{experiment}/models/{model}/artifacts/MLmodel"):
        assert mlflow.call("PUT", f"{FILES}/{place}", who, data=word.encode()).ok
    post(f"{API}/registered-models/create", name=team.registered)
    post(f"{API}/model-versions/create", name=team.registered, source=f"models:/{model}", model_id=model)
    post(f"{API}/registered-models/alias", name=team.registered, alias="champion", version="1")
    text = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": f"of {word}"}]
    post(f"{API}/registered-models/create", name=team.prompt, tags=text[:1])
    post(f"{API}/model-versions/create", name=team.prompt, source="dummy-source", tags=text)
    return team


def seen(mlflow: Mlflow, team: Team) -> list[str]:
    """All of a team's work, as its owner sees it."""
    model = f"{team.experiment}/models/{team.model}/artifacts"
    paths = [
        f"{API}/experiments/get?experiment_id={team.experiment}",
        f"{API}/runs/get?run_id={team.run}",
        f"{API}/logged-models/{team.model}",
        f"{API3}/traces/{team.trace}",
        f"{API3}/datasets/{team.dataset}",
        f"{API3}/datasets/{team.dataset}/records",
        f"{API3}/datasets/{team.dataset}/experiment-ids",
        f"{API}/registered-models/get?name={team.registered}",
        f"{API}/registered-models/get?name={team.prompt}",
        f"{API}/model-versions/get?name={team.registered}&version=1",
        f"{API}/model-versions/search?filter=name%3D%27{team.registered}%27",
        f"{API}/artifacts/list?run_id={team.run}",
        f"{FILES}?path={model}",
        f"{FILES}/{team.file}",
        f"{FILES}/{model}/MLmodel",
        f"{API}/users/get?username={team.owner[0]}",
    ]
    answers = [mlflow.call("GET", path, team.owner) for path in paths]
    assert not [answer.text for answer in answers if not answer.ok]
    return [answer.text for answer in answers]


@pytest.fixture(scope="module")
def carol(shared: Mlflow) -> Who:
    who = ("carol-who-reads", f"the-password-of-{uuid4()}")
    asked(shared, ADMINISTRATOR, "POST", f"{API}/users/create", username=who[0], password=who[1])
    return who


@pytest.fixture(scope="module")
def alices(shared: Mlflow) -> Team:
    return made(shared, ALICE)


def requests_about(team: Team) -> Iterator[tuple[Route, lawful.Request]]:
    """One for each route, with every field filled, and each that names something with the team's."""
    with pytest.MonkeyPatch.context() as words:
        for name, value in team.fields().items():
            words.setitem(lawful.WORDS, name, value)
        for route in load():
            sent = lawful.request(route, route.paths[0])
            if route.name == "artifacts/list-files":
                sent = sent.with_fields({"path": team.file.rpartition("/")[0]})
            yield route, sent


def send(mlflow: Mlflow, who: Who, sent: lawful.Request) -> requests.Response:
    query = f"?{sent.query.decode()}" if sent.query else ""
    headers = {"Content-Type": sent.types[0].decode()} if sent.types else {}
    return mlflow.call(sent.method, sent.path + query, who, data=sent.body, headers=headers)


def kinds(route: Route) -> set[str]:
    return {need.permission for need in route.needs}


def share(mlflow: Mlflow, team: Team, who: Who, level: str, *kinds: str) -> None:
    names = {"experiment": team.experiment, "registered_model": team.registered, "prompt": team.prompt}
    for kind in kinds:
        fields = {"username": who[0], "resource_type": kind, "resource_id": names[kind], "permission": level}
        asked(mlflow, team.owner, "POST", GRANT, **fields)


def test_no_route_gives_a_stranger_anything_of_a_team_or_changes_it(shared: Mlflow, alices: Team) -> None:
    before, passed = seen(shared, alices), []
    for route, sent in requests_about(alices):
        answer = send(shared, BOB, sent)
        if kinds(route) <= set(OPEN):
            continue
        if answer.status_code != 403:
            passed.append((route.name, answer.status_code, answer.text[:200]))
        assert not [word for word in alices.identifiers if word in answer.text], route.name
    assert not passed
    assert seen(shared, alices) == before


def mixed(own: Team, others: Team) -> Iterator[tuple[str, lawful.Request]]:
    """Each request of the first team's, with one of what it names the other's."""
    theirs = others.fields()
    for route, sent in requests_about(own):
        for need in route.needs:
            *within, last = need.field.split(".")
            value = theirs.get(last.removesuffix("s"))
            if value is None or value == own.fields()[last.removesuffix("s")]:
                continue
            name = f"{route.name} {need.field}"
            if last in route.in_path:
                yield name, replace(sent, path=sent.path.replace(str(own.fields()[last]), value))
            elif not route.document:
                fields = json.loads(json.dumps(sent.fields))
                if put(fields, [*within, last], value):
                    yield name, sent.with_fields(fields)


def put(fields: Any, path: list[str], value: str) -> bool:
    """Puts it there, into one place of those that there are."""
    if isinstance(fields, list):
        return any(put(each, path, value) for each in reversed(fields))
    if not isinstance(fields, dict) or path[0] not in fields:
        return False
    if path[1:]:
        return put(fields[path[0]], path[1:], value)
    fields[path[0]] = [*fields[path[0]][1:], value] if isinstance(fields[path[0]], list) else value
    return True


def test_one_thing_of_another_among_ones_own_is_refused(shared: Mlflow, alices: Team) -> None:
    own, before, passed = made(shared, BOB), seen(shared, alices), []
    every = list(mixed(own, alices))
    assert {"traces/start trace.trace_info.trace_id", "runs/log-batch metrics.model_id"} <= {name for name, _ in every}
    for name, sent in every:
        answer = send(shared, BOB, sent)
        if answer.status_code not in (400, 403):
            passed.append((name, answer.status_code, answer.text[:300]))
    assert not passed
    assert seen(shared, alices) == before


def test_what_is_searched_shows_a_stranger_nothing_of_a_team(shared: Mlflow, alices: Team) -> None:
    before = seen(shared, alices)
    for route in load():
        if "SHOWN" not in kinds(route):
            continue
        given = {"max_results": 100, "experiment_ids": [alices.experiment], "filter": ""}
        fields: dict[str, Any] = {name: value for name, value in given.items() if name in route.shape}
        bare = lawful.Request(route.method, route.paths[0]).with_fields(fields)
        if route.document:
            bare = lawful.Request(route.method, route.path)
            bare = bare.with_fields(lawful.documents.request(route.document, fields))
        theirs, own = send(shared, BOB, bare), send(shared, ALICE, bare)
        assert not [word for word in alices.identifiers if word in theirs.text], route.name
        assert own.ok, (route.name, own.text)
        if route.name != "registered-models/search":
            assert [word for word in alices.identifiers if word in own.text], (route.name, own.text)
    assert seen(shared, alices) == before


def test_a_reader_reads_and_changes_nothing(shared: Mlflow, alices: Team, carol: Who) -> None:
    share(shared, alices, carol, "READ", "experiment", "registered_model", "prompt")
    before = seen(shared, alices)
    for route, sent in requests_about(alices):
        if kinds(route) <= set(OPEN):
            continue
        status = send(shared, carol, sent).status_code
        if kinds(route) <= {"READ", "LOAD"}:
            assert status not in (401, 403), route.name
        else:
            assert status == 403, route.name
    assert seen(shared, alices) == before


def test_the_owner_is_refused_nothing_of_his_own(shared: Mlflow) -> None:
    """Both checks, MLflow's own and the gate's, let through what the table says."""
    team, spare, taken = made(shared, ALICE), made(shared, ALICE), set[str]()
    takes = re.compile(r".*/(delete|delete-alias|rename|remove-experiments|revoke|permissions/(update|delete))")
    for route, sent in requests_about(team):
        if "ADMINISTRATOR" in kinds(route) or route.name == "users/update-password":
            continue
        if takes.fullmatch(route.name):
            # The others still need theirs; an experiment takes all with it.
            what = route.needs[0].resource
            if taken & {what, "experiment", "granted"}:
                spare, taken = made(shared, ALICE), set()
            taken.add(what)
            sent = {other.name: request for other, request in requests_about(spare)}[route.name]
        answer = send(shared, ALICE, sent)
        assert answer.status_code not in (401, 403), (route.name, answer.text)


def test_read_on_a_model_loads_it_and_no_other_file(shared: Mlflow, carol: Who) -> None:
    team = made(shared, ALICE)
    place = f"{team.experiment}/models/{team.model}/artifacts"
    loaded = [
        f"{API}/registered-models/get?name={team.registered}",
        f"{API}/model-versions/get-download-uri?name={team.registered}&version=1",
        f"{API}/logged-models/{team.model}",
        f"{FILES}?path={place}",
        f"{FILES}/{place}/MLmodel",
        f"/model-versions/get-artifact?name={team.registered}&version=1&path=MLmodel",
    ]
    others = [
        f"{API}/experiments/get?experiment_id={team.experiment}",
        f"{API}/runs/get?run_id={team.run}",
        f"{API}/artifacts/list?run_id={team.run}",
        f"{FILES}/{team.file}",
        f"{FILES}?path={team.experiment}/{team.run}/artifacts",
        f"{API3}/traces/get?trace_id={team.trace}",
        f"{API3}/datasets/{team.dataset}/records",
    ]
    assert {shared.call("GET", path, carol).status_code for path in loaded + others} == {403}
    share(shared, team, carol, "READ", "registered_model")
    assert [path for path in loaded if not shared.call("GET", path, carol).ok] == []
    assert shared.call("GET", f"{FILES}/{place}/MLmodel", carol).text == team.word
    assert {shared.call("GET", path, carol).status_code for path in others} == {403}
    for method in ("PUT", "DELETE"):
        assert shared.call(method, f"{FILES}/{place}/MLmodel", carol).status_code == 403


def test_a_copy_ends_with_the_permission_that_it_was_made_with(shared: Mlflow, carol: Who) -> None:
    team, copy = made(shared, ALICE), f"copy-{uuid4().hex[:8]}"
    place = f"{FILES}/{team.experiment}/models/{team.model}/artifacts/MLmodel"
    share(shared, team, BOB, "READ", "registered_model")
    asked(shared, BOB, "POST", f"{API}/registered-models/create", name=copy)
    source = {"name": copy, "source": f"models:/{team.registered}/1", "run_id": team.run}
    asked(shared, BOB, "POST", f"{API}/model-versions/create", **source)
    fields = {"username": carol[0], "resource_type": "registered_model", "resource_id": copy, "permission": "READ"}
    asked(shared, BOB, "POST", GRANT, **fields)
    for who in (BOB, carol):
        assert shared.call("GET", place, who).ok
    # The one who copied it makes the other an owner of the copy, who never asked for it.
    asked(shared, BOB, "POST", GRANT, **fields | {"username": ALICE[0], "permission": "MANAGE"})
    fields |= {"username": BOB[0], "resource_id": team.registered}
    del fields["permission"]
    asked(shared, ALICE, "POST", REVOKE, **fields)
    version = f"?name={copy}&version=1"
    for path in (
        place,
        f"{API}/model-versions/get-download-uri{version}",
        f"/model-versions/get-artifact{version}&path=MLmodel",
    ):
        assert {shared.call("GET", path, who).status_code for who in (BOB, carol)} == {403}, path
        assert shared.call("GET", path, ALICE).ok


def test_a_star_is_a_name_but_in_a_role(shared: Mlflow, alices: Team, carol: Who) -> None:
    """As a database has it in which somebody once named a model so: MLflow's own check is told the same."""
    star = {"resource_type": "registered_model", "resource_id": "*", "permission": "MANAGE", "username": BOB[0]}
    assert {shared.call("POST", GRANT, who, json=star).status_code for who in (BOB, ADMINISTRATOR)} == {400}
    assert shared.call("POST", f"{API}/registered-models/create", BOB, json={"name": "*"}).status_code == 400
    asked(shared, BOB, "POST", f"{API}/experiments/create", name=f"of-bob-{uuid4().hex[:8]}")
    shared.postgres.sql(STAR_OF_BOB, shared.database)
    try:
        get = f"{API}/registered-models/get?name={alices.registered}"
        assert shared.call("GET", get, BOB).status_code == 403
        assert alices.word not in shared.call("GET", f"{API}/registered-models/search?max_results=1000", BOB).text
    finally:
        shared.postgres.sql("DELETE FROM role_permissions WHERE resource_pattern = '*'", shared.database)


def test_names_of_accounts_and_roles_are_for_administrators(shared: Mlflow, alices: Team) -> None:
    paths = [f"{API}/users/list", f"{API3}/roles/list?workspace=default", f"{API3}/roles/get?role_id=1"]
    paths += [f"{API3}/roles/permissions/list?role_id=1", f"{API3}/roles/users/list?role_id=1"]
    paths += [f"{API}/users/get?username=alice", f"{API3}/users/permissions/list?username=alice"]
    assert {shared.call("GET", path, BOB).status_code for path in paths} == {403}
    assert {shared.call("GET", path, ADMINISTRATOR).status_code for path in paths} == {200}
    for path in (
        f"{API}/users/get?username=bob",
        f"{API3}/users/permissions/list?username=bob",
        f"{API}/users/current",
    ):
        assert shared.call("GET", path, BOB).ok, path


@pytest.mark.parametrize("kind", ["experiments", "registered-models"])
def test_the_calls_of_older_clients_share_as_well(shared: Mlflow, alices: Team, carol: Who, kind: str) -> None:
    team = made(shared, ALICE)
    path, read = f"{API}/{kind}/permissions", f"{API}/registered-models/get?name={team.registered}"
    named = {"name": team.registered}
    if kind == "experiments":
        named, read = {"experiment_id": team.experiment}, f"{API}/runs/get?run_id={team.run}"
    fields = {**named, "username": carol[0]}
    steps = (("POST", "create", "READ"), ("GET", "get", ""), ("PATCH", "update", "EDIT"), ("DELETE", "delete", ""))
    for method, step, level in steps:
        given = {**fields, "permission": level} if level else fields
        sent: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
        for who in (BOB, carol):
            assert shared.call(method, f"{path}/{step}", who, **sent).status_code == 403, step
        answer = shared.call(method, f"{path}/{step}", ALICE, **sent)
        assert answer.ok, (step, answer.text)
        if step == "get":
            (told,) = answer.json().values()
            assert told["permission"] == "READ"
        assert shared.call("GET", read, carol).ok == (step != "delete"), step


def test_a_deleted_models_name_brings_no_grant_with_it(shared: Mlflow, carol: Who) -> None:
    team = made(shared, ALICE)
    share(shared, team, carol, "READ", "registered_model")
    asked(shared, ALICE, "DELETE", f"{API}/registered-models/delete", name=team.registered)
    asked(shared, BOB, "POST", f"{API}/registered-models/create", name=team.registered)
    get = f"{API}/registered-models/get?name={team.registered}"
    assert [shared.call("GET", get, who).status_code for who in (BOB, ALICE, carol)] == [200, 403, 403]


def test_a_renamed_model_keeps_its_readers(shared: Mlflow, carol: Who) -> None:
    team = made(shared, ALICE)
    share(shared, team, carol, "READ", "registered_model")
    new = f"{team.registered}-new"
    told = asked(shared, ALICE, "POST", f"{API}/registered-models/rename", name=team.registered, new_name=new)
    assert [each["version"] for each in told["registered_model"]["latest_versions"]] == ["1"]
    assert shared.call("GET", f"{API}/registered-models/get?name={new}", carol).ok


PREPARE = """
import mlflow
class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]) -> list[str]:
        return model_input
mlflow.set_experiment("readmission")
with mlflow.start_run():
    model = dict(name="m", python_model=Echo(), pip_requirements=[])
    mlflow.pyfunc.log_model(**model, registered_model_name="readmission-risk")
mlflow.genai.register_prompt(name="discharge-summary", template="of {{x}}")
"""


def test_every_command_of_the_page_does_what_it_says(shared: Mlflow, tmp_path: Path) -> None:
    """And MLflow's own client loads a model with READ on it alone."""

    def python(who: Who, *programs: str) -> subprocess.CompletedProcess[str]:
        program = "\n".join(("import mlflow", *programs))
        command = [str(shared.image / "bin" / "python"), "-c", program]
        return subprocess.run(command, env=signed_in(who), capture_output=True, text=True, cwd=tmp_path)

    def signed_in(who: Who) -> dict[str, str]:
        variables = {"MLFLOW_TRACKING_URI": shared.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
        return {**os.environ, **variables, "MLFLOW_TRACKING_USERNAME": who[0], "MLFLOW_TRACKING_PASSWORD": who[1]}

    page = (PROJECT / "docs" / "sharing.md").read_text()
    command, by_rest = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    in_python, load, role = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made = python(ALICE, PREPARE)
    assert made.returncode == 0, made.stderr
    statuses = []
    get = f"{API}/experiments/get-by-name?experiment_name=readmission"
    for line in command.strip().splitlines():
        done = subprocess.run(line, shell=True, env=signed_in(ALICE), capture_output=True, text=True, cwd=PROJECT)  # noqa: S602
        assert done.returncode == 0, (line, done.stderr)
        statuses.append(shared.call("GET", get, BOB).status_code)
    assert statuses == [200, 200, 403, 403]
    shared_ = python(ALICE, in_python)
    assert shared_.returncode == 0, shared_.stderr
    assert shared.call("GET", f"{API}/registered-models/get?name=discharge-summary", BOB).ok
    done = subprocess.run(by_rest, shell=True, env=signed_in(ALICE), capture_output=True, text=True)  # noqa: S602
    assert done.returncode == 0, done.stderr
    loaded = python(BOB, load, "assert model.predict(['x']) == ['x']")
    assert loaded.returncode == 0, loaded.stderr
    assert shared.call("GET", get, BOB).status_code == 403
    given = python(ADMINISTRATOR, in_python.partition("experiment =")[0], role)
    assert given.returncode == 0, given.stderr
    answer = shared.call("GET", get, BOB)
    assert answer.ok, answer.text
    (found,) = asked(shared, ADMINISTRATOR, "GET", f"{API3}/users/roles/list", username="bob")["roles"][1:]
    asked(shared, ADMINISTRATOR, "DELETE", f"{API3}/roles/delete", role_id=found["id"])


def test_the_command_says_what_was_wrong(shared: Mlflow) -> None:
    variables = {**os.environ, "MLFLOW_TRACKING_URI": shared.url, "MLFLOW_TRACKING_USERNAME": BOB[0]}
    command = [str(PROJECT / "parapet"), "mlflow", "share", "model", "nobodys", "alice"]
    for more, word in (({"MLFLOW_TRACKING_PASSWORD": BOB[1]}, "MANAGE is needed"), ({}, "MLFLOW_TRACKING_PASSWORD")):
        done = subprocess.run(command, env=variables | more, capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == 1
        assert word in done.stderr
        assert "Traceback" not in done.stderr
