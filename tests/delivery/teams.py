"""Two teams' work on a served MLflow, and requests about it by every route of the table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from parapet_mlflow.gate.routes import Route, load
from tests.delivery import lawful
from tests.delivery.mlflow import Mlflow

API, API3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
GRANT, REVOKE = f"{API3}/users/permissions/grant", f"{API3}/users/permissions/revoke"
Who = tuple[str, str]


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
    """What an account needs there; of no stage, for the names of these tests are none."""
    return {need.permission for need in route.needs} - {"STAGE"}


def share(mlflow: Mlflow, team: Team, who: Who, level: str, *kinds: str) -> None:
    """Doing it again changes nothing: tests share a server, and this team may be shared already."""
    names = {"experiment": team.experiment, "registered_model": team.registered, "prompt": team.prompt}
    for kind in kinds:
        fields = {"username": who[0], "resource_type": kind, "resource_id": names[kind], "permission": level}
        answer = mlflow.call("POST", GRANT, team.owner, json=fields)
        assert answer.ok or answer.json()["error_code"] == "RESOURCE_ALREADY_EXISTS", answer.text
