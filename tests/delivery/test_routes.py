"""The table of routes: every route of MLflow's is decided, and each of ours is one of MLflow's."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from parapet_mlflow.gate import documents
from parapet_mlflow.gate.routes import METHODS, ROUTES, answered, load, messages, refused

GROUPS: dict[str, dict[str, Any]] = yaml.load(ROUTES.read_text(), yaml.CSafeLoader)["groups"]
MLFLOW = """
import json, os, sys
from parapet_mlflow import configuration
configuration.decide()
os.environ |= {"MLFLOW_AUTH_CONFIG_PATH": sys.argv[1], "_MLFLOW_SGI_NAME": "uvicorn"}
os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = "any"
from mlflow.server import auth
from parapet_mlflow import sharing
from parapet_mlflow.gate import described
sharing.install()
print(json.dumps({
    "served": sorted(described.served(auth.create_app())),
    "messages": described.written(described.messages(described.offered())),
    "documents": described.documents(),
    "services": [(method, path, message.full_name) for method, path, message in described.services()],
}))
"""


def test_each_group_has_its_reason_and_each_name_is_given_once() -> None:
    names = [name for group in GROUPS.values() for name in group.get("offered", {})]
    assert len(names) == len(set(names)) == len(list(load()))
    assert all(group["why"].strip() for group in GROUPS.values())


def test_a_route_has_the_fields_of_its_message_or_its_own() -> None:
    known = {"string", "bool", "int32", "object"}
    for route in load():
        assert set(route.in_path) <= set(route.shape), route
        assert route.place in ("", *route.shape), route
        assert {need.field.partition(".")[0] for need in route.needs if need.field} <= set(route.shape), route
        if not route.message:
            assert {told.strip("[]") for told in route.shape.values()} <= known, route


def test_a_path_leads_to_its_route_by_either_prefix() -> None:
    for route in load():
        for template in route.paths:
            path = template.replace("<path:", "<").replace("<", "").replace(">", "")
            found = load().of(route.method, path)
            assert found == (route, {name: name for name in route.in_path}) or (found and found[0].document), path
            others = [method for method in METHODS if (found := load().of(method, path)) and found[0] is route]
            assert others == [route.method] or route.document


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/traces"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/api/3.0/mlflow/gateway/secrets/list"),
        ("HEAD", "/api/2.0/mlflow/runs/get"),
        ("OPTIONS", "/api/2.0/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/runs/get/"),
        ("GET", "/api/2.0/mlflow//runs/get"),
        ("GET", "//api/2.0/mlflow/runs/get"),
        ("GET", "/api/3.0/mlflow/runs/get"),
        ("GET", "/API/2.0/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/logged-models/"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
    ],
)
def test_what_is_not_in_the_table_is_not_there(method: str, path: str) -> None:
    assert load().of(method, path) is None


@pytest.mark.process
@pytest.mark.xdist_group("mlflow")
def test_every_route_field_and_document_of_mlflow_is_decided(image: Path, tmp_path: Path) -> None:
    settings = tmp_path / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = administrator\n"
        f"database_uri = sqlite:///{tmp_path}/auth.db\n"
    )
    asked = [str(image / "bin" / "python"), "-c", MLFLOW, str(settings)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    served = {(method, path) for method, path in told["served"]}
    ours = {(route.method, path) for route in load() for path in route.paths}
    assert ours <= served
    left_out = list(refused(GROUPS))
    undecided = {one for one in served - ours if not any(each.covers(*one) for each in left_out)}
    assert not undecided, "decide on these in routes.yaml"
    idle = [each for each in left_out if not any(each.covers(*one) for one in served)]
    assert not idle, "MLflow has these no longer"
    assert not {one for one in ours if any(each.covers(*one) for each in left_out)}
    for entry in answered(GROUPS):
        one = tuple(entry.split(" "))
        assert one in served
        assert any(each.covers(*one) for each in left_out)
    assert sorted(map(documents.words, told["documents"])) == sorted(map(documents.words, documents.load().values()))
    # The fields as well: what is in the data is what MLflow's own descriptors say today.
    assert told["messages"] == (ROUTES.parent / "messages.json").read_text()
    described = {(method, path): message.removeprefix("mlflow.") for method, path, message in told["services"]}
    for route in load():
        assert described.get((route.method, route.path)) in (route.message, None), route


def test_no_message_is_left_that_no_route_takes() -> None:
    assert {route.message for route in load()} - {""} <= set(messages())
