"""Sharing on a served MLflow: what a permission opens, for how long, and the commands by which one is given."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BOB, Mlflow
from tests.delivery.teams import API, API3, FILES, GRANT, REVOKE, Team, Who, asked, made, share

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

PROJECT = Path(__file__).resolve().parents[2]
STAR_OF_BOB = """
INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
SELECT r.id, 'registered_model', '*', 'MANAGE'
FROM roles r JOIN users u ON r.name = '__user_' || u.id || '__' WHERE u.username = 'bob'
"""


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
