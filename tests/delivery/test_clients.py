"""MLflow's clients do all that a team does: of the server's version, of two minor ones before it, and by REST alone."""

import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from local import images
from tests.delivery.mlflow import ALICE, Mlflow

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

WALK = Path(__file__).parent / "client_walk.py"
LOCKS = Path(__file__).parent / "clients"
OWN = "3.17"
STEPS = (
    *("experiments", "runs", "batches", "artifacts", "autologging", "models", "registry", "aliases", "copies"),
    *("traces", "datasets", "prompts", "sharing", "ending"),
)


@pytest.mark.parametrize("version", [OWN, *sorted((each.name for each in LOCKS.iterdir()), reverse=True)])
def test_a_client_does_all_that_a_team_does(shared: Mlflow, version: str, tmp_path: Path) -> None:
    lock = LOCKS / version / "requirements.txt"
    client = shared.image if version == OWN else images.installed(f"client-{version}", lock)
    done = subprocess.run(
        [str(client / "bin" / "python"), "-P", str(WALK), version],
        # No key to the bucket is among it.
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "MLFLOW_TRACKING_URI": shared.url,
            "MLFLOW_TRACKING_USERNAME": ALICE[0],
            "MLFLOW_TRACKING_PASSWORD": ALICE[1],
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line in STEPS] == list(STEPS)


def test_a_rest_client_does_what_the_documentation_says(shared: Mlflow) -> None:
    """By the paths, methods and fields of its page "REST API"; numbers as numbers or as text."""
    word, begun = uuid4().hex[:6], 1_700_000_000_000

    def ask(method: str, path: str, **fields: Any) -> Any:
        where: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        answer = requests.request(method, f"{shared.url}/api/2.0/mlflow/{path}", auth=ALICE, timeout=60, **where)
        assert answer.ok, (path, answer.text)
        return answer.json()

    experiment = ask("POST", "experiments/create", name=f"rest {word}", tags=[{"key": "a", "value": "b"}])[
        "experiment_id"
    ]
    ask("GET", "experiments/search", max_results=10)
    ask("POST", "experiments/search", max_results=10, filter=f"name = 'rest {word}'", view_type="ACTIVE_ONLY")
    assert ask("GET", "experiments/get", experiment_id=experiment)["experiment"]["name"] == f"rest {word}"
    ask("GET", "experiments/get-by-name", experiment_name=f"rest {word}")
    ask("POST", "experiments/update", experiment_id=experiment, new_name=f"rest again {word}")
    ask("POST", "experiments/set-experiment-tag", experiment_id=experiment, key="k", value="v")
    started = {"experiment_id": experiment, "start_time": begun, "tags": [{"key": "a", "value": "b"}]}
    run = ask("POST", "runs/create", **started, run_name="r", user_id="someone")["run"]["info"]["run_id"]
    ask("POST", "runs/log-parameter", run_id=run, key="p", value="1")
    ask("POST", "runs/log-metric", run_id=run, key="m", value=0.5, timestamp=begun)
    ask("POST", "runs/log-metric", run_uuid=run, run_id=run, key="m", value="0.25", timestamp=str(begun), step="1")
    metric = {"key": "b", "value": 1, "timestamp": begun, "step": 0}
    ask("POST", "runs/log-batch", run_id=run, metrics=[metric], params=[{"key": "q", "value": "2"}], tags=[])
    ask("POST", "runs/set-tag", run_id=run, key="t", value="v")
    ask("POST", "runs/delete-tag", run_id=run, key="t")
    ask(
        "POST",
        "runs/log-inputs",
        run_id=run,
        datasets=[{"dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}}],
    )
    assert len(ask("GET", "metrics/get-history", run_id=run, metric_key="m", max_results=10)["metrics"]) == 2
    asked = {"experiment_ids": [experiment], "filter": "metrics.m < 1", "run_view_type": "ALL", "max_results": 5}
    assert len(ask("POST", "runs/search", **asked, order_by=["metrics.m DESC"])["runs"]) == 1
    ask("POST", "runs/update", run_id=run, status="FINISHED", end_time=begun + 1)
    assert {each["key"] for each in ask("GET", "runs/get", run_id=run)["run"]["data"]["params"]} == {"p", "q"}
    ask("GET", "artifacts/list", run_id=run)
    name = f"rest-{word}"
    ask("POST", "registered-models/create", name=name, description="d")
    source = ask("GET", "runs/get", run_id=run)["run"]["info"]["artifact_uri"]
    ask("POST", "model-versions/create", name=name, source=f"{source}/model", run_id=run)
    ask("POST", "model-versions/create", name=name, source=f"runs:/{run}/model", run_id=run)
    ask("PATCH", "registered-models/update", name=name, description="e")
    ask("POST", "registered-models/set-tag", name=name, key="k", value="v")
    ask("DELETE", "registered-models/delete-tag", name=name, key="k")
    ask("POST", "registered-models/alias", name=name, alias="champion", version="1")
    assert ask("GET", "registered-models/alias", name=name, alias="champion")["model_version"]["version"] == "1"
    ask("DELETE", "registered-models/alias", name=name, alias="champion")
    ask("PATCH", "model-versions/update", name=name, version="1", description="f")
    ask("POST", "model-versions/set-tag", name=name, version="1", key="k", value="v")
    ask("DELETE", "model-versions/delete-tag", name=name, version="1", key="k")
    moved = {"name": name, "version": "1", "stage": "Production", "archive_existing_versions": False}
    ask("POST", "model-versions/transition-stage", **moved)
    ask("POST", "registered-models/get-latest-versions", name=name, stages=["Production"])
    ask("GET", "model-versions/search", filter=f"name='{name}'", max_results=10)
    ask("GET", "model-versions/get-download-uri", name=name, version="1")
    ask("GET", "registered-models/search", filter=f"name LIKE '{name}%'", order_by="name ASC")
    ask("POST", "registered-models/rename", name=name, new_name=f"{name}-2")
    ask("DELETE", "model-versions/delete", name=f"{name}-2", version="1")
    ask("DELETE", "registered-models/delete", name=f"{name}-2")
    ask("POST", "runs/delete", run_id=run)
    ask("POST", "runs/restore", run_id=run)
    ask("POST", "experiments/delete", experiment_id=experiment)
    ask("POST", "experiments/restore", experiment_id=experiment)
