"""What a team does with MLflow's own client, step by step. A program of its own: it runs where a client is installed.

It prints the name of each step that was done. Its argument is the minor version that the client has to be of.
"""

import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
import mlflow.genai  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.entities import Feedback, Metric, Param, RunTag  # noqa: E402
from mlflow.genai import datasets as records  # noqa: E402
from mlflow.server import get_app_client  # noqa: E402
from mlflow.utils.credentials import get_default_host_creds  # noqa: E402
from mlflow.utils.rest_utils import http_request  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

logging.disable(logging.INFO)
client = mlflow.MlflowClient()
word = uuid4().hex[:6]
name, prompt = f"sepsis {word}", f"prompt-{word}"
rows = np.random.rand(60, 3)
made: dict[str, str] = {}
"""What the steps before made, by what it is."""


def experiments() -> None:
    made["experiment"] = experiment = client.create_experiment(f"Ward 7/{word}", tags={"team": "a"})
    client.set_experiment_tag(experiment, "mlflow.note.content", "two\nlines")
    client.set_experiment_tag(experiment, "a", "b")
    client.delete_experiment_tag(experiment, "a")
    assert client.get_experiment_by_name(f"Ward 7/{word}")
    assert client.get_experiment_by_name(f"not there {word}") is None
    client.rename_experiment(experiment, f"Ward 8/{word}")
    assert client.search_experiments(filter_string=f"name LIKE '%{word}'", order_by=["name"], max_results=5)
    mlflow.set_experiment(f"Ward 9/{word}")
    mlflow.set_experiment(experiment_id=experiment)


def runs() -> None:
    with mlflow.start_run(run_name="first", description="text", tags={"a": "b"}) as begun:
        made["run"] = run = begun.info.run_id
        mlflow.log_metrics({"m": 1.5, "not a number": float("nan"), "endless": float("inf")}, step=3)
        mlflow.log_params({"p": "v", "empty": ""})
        mlflow.set_tags({"x": "y", "z": 1})
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), name="cohort"), context="training")
        with mlflow.start_run(nested=True):
            mlflow.log_metric("c", 1)
    assert [metric.step for metric in client.get_metric_history(run, "m")] == [3]
    found = client.search_runs([made["experiment"]], "metrics.m > 1", order_by=["metrics.m DESC"])
    assert [each.info.run_id for each in found] == [run]
    assert len(mlflow.search_runs([made["experiment"]])) == 2
    client.delete_tag(run, "z")
    client.update_run(run, name="renamed")
    client.set_terminated(run, "FAILED")
    assert client.get_run(run).data.tags["mlflow.runName"] == "renamed"


def batches() -> None:
    run, begun = made["run"], 1_700_000_000_000
    client.log_batch(run, [Metric(f"b{n}", n / 3, begun + n, n) for n in range(1000)])
    client.log_batch(
        run, params=[Param(f"p{n}", "x" * 500) for n in range(100)], tags=[RunTag(f"t{n}", "y") for n in range(90)]
    )
    mlflow.log_metric("later", 2.0, step=1, run_id=run, synchronous=False).wait()
    data = client.get_run(run).data
    assert (len(data.params), data.metrics["b999"], data.metrics["later"]) == (102, 333.0, 2.0)


def artifacts() -> None:
    run, folder = made["run"], Path(tempfile.mkdtemp())
    client.log_text(run, "hi", "50% of it.txt")
    client.log_text(run, "hi", "größe/a b.txt")
    client.log_dict(run, {"a": 1}, "d/x.json")
    client.log_table(run, {"a": [1], "b": ["x"]}, "table.json")
    client.log_image(run, np.zeros((4, 4, 3), dtype="uint8"), key="scan", step=1)
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_bytes(b"x" * 3_000_000)
    client.log_artifacts(run, str(folder), "dir")
    assert [file.path for file in client.list_artifacts(run, "dir")] == ["dir/sub"]
    assert (Path(client.download_artifacts(run, "dir")) / "sub" / "file").stat().st_size == 3_000_000
    for path in ("50% of it.txt", "größe/a b.txt"):
        assert mlflow.artifacts.load_text(f"runs:/{run}/{path}") == "hi"
    assert len(mlflow.load_table("table.json", run_ids=[run])) == 1


def autologging() -> None:
    """One fit, and a search with its runs within runs, curves and tables."""
    mlflow.sklearn.autolog(silent=True)
    LinearRegression().fit(rows, rows[:, 0])
    simple = client.get_run(mlflow.last_active_run().info.run_id)
    assert simple.data.params["fit_intercept"] == "True"
    assert simple.data.metrics["training_r2_score"] > 0.99
    assert simple.inputs.dataset_inputs
    assert client.search_logged_models([made["experiment"]], f"source_run_id = '{simple.info.run_id}'")
    # What a model needs takes seconds to find out: once is enough.
    mlflow.sklearn.autolog(silent=True, max_tuning_runs=2, log_models=False)
    GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(rows, rows[:, 0] > 0.5)
    mlflow.sklearn.autolog(disable=True)
    parent = mlflow.last_active_run().info.run_id
    children = client.search_runs([made["experiment"]], f"tags.mlflow.parentRunId = '{parent}'")
    assert len(children) == 2
    assert "cv_results.csv" in [file.path for file in client.list_artifacts(parent)]


def models() -> None:
    with mlflow.start_run() as begun:
        model = LinearRegression().fit(rows, rows[:, 0])
        logged = mlflow.sklearn.log_model(
            model, name="model", input_example=rows[:2], pip_requirements=["scikit-learn"]
        )
    made["model run"], made["model"] = begun.info.run_id, logged.model_id
    client.set_logged_model_tags(logged.model_id, {"a": "b"})
    client.delete_logged_model_tag(logged.model_id, "a")
    assert client.list_logged_model_artifacts(logged.model_id)
    assert mlflow.sklearn.load_model(logged.model_uri).n_features_in_ == 3
    other = mlflow.initialize_logged_model(name="other", params={"a": "1"})
    client.log_model_params(other.model_id, {"b": "2"})
    client.finalize_logged_model(other.model_id, "READY")
    client.delete_logged_model(other.model_id)


def registry() -> None:
    for place in (f"runs:/{made['model run']}/model", f"models:/{made['model']}", f"models:/{made['model']}"):
        mlflow.register_model(place, name, tags={"from": "the client"})
    client.update_registered_model(name, "text")
    client.set_registered_model_tag(name, "a", "b")
    client.delete_registered_model_tag(name, "a")
    client.update_model_version(name, "1", "text")
    client.set_model_version_tag(name, "1", "a", "b")
    client.delete_model_version_tag(name, "1", "a")
    client.transition_model_version_stage(name, "2", "Production")
    client.transition_model_version_stage(name, "1", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "2").current_stage == "Archived"
    assert client.get_latest_versions(name, ["Production"])
    assert len(client.search_model_versions(f"name='{name}'")) == 3
    assert client.search_registered_models(f"name LIKE '%{word}'")
    assert mlflow.sklearn.load_model(f"models:/{name}/1").n_features_in_ == 3


def aliases() -> None:
    client.set_registered_model_alias(name, "champion", "2")
    assert client.get_model_version_by_alias(name, "champion").version == "2"
    assert mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(rows).shape == (60,)
    client.delete_registered_model_alias(name, "champion")


def copies() -> None:
    client.copy_model_version(f"models:/{name}/1", f"copy {word}")
    assert mlflow.pyfunc.load_model(f"models:/copy {word}/1")
    client.rename_registered_model(f"copy {word}", f"other copy {word}")
    client.delete_model_version(f"other copy {word}", "1")
    client.delete_registered_model(f"other copy {word}")


@mlflow.trace
def call(text: str) -> str:
    with mlflow.start_span("child") as span:
        span.set_outputs(2)
    mlflow.update_current_trace(tags={"k": "v"}, metadata={"mlflow.trace.session": "s"})
    return text


def traces() -> None:
    """And what people say of them."""
    call("a")
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_last_active_trace_id()
    assert len(mlflow.get_trace(trace).data.spans) == 2
    assert [len(found.data.spans) for found in mlflow.search_traces(max_results=5, return_type="list")] == [2]
    client.set_trace_tag(trace, "a", "b")
    client.delete_trace_tag(trace, "a")
    said = mlflow.log_feedback(trace_id=trace, name="good", value={"x": [1, None]}, rationale="r")
    mlflow.update_assessment(trace, said.assessment_id, Feedback(name="good", value=False))
    assert mlflow.get_assessment(trace, said.assessment_id).feedback.value is False
    mlflow.delete_assessment(trace, mlflow.log_expectation(trace_id=trace, name="e", value="y").assessment_id)
    client.link_traces_to_run([trace], made["run"])
    assert len(mlflow.search_traces(run_id=made["run"], return_type="list")) == 1
    client.delete_traces(made["experiment"], trace_ids=[trace])


def datasets() -> None:
    """Records to evaluate with."""
    kept = records.create_dataset(name=f"records {word}", experiment_id=[made["experiment"]], tags={"a": "b"})
    kept.merge_records([{"inputs": {"q": "a"}, "expectations": {"r": "b"}}, {"inputs": {"q": "c"}}])
    assert len(records.get_dataset(dataset_id=kept.dataset_id).to_df()) == 2
    assert records.search_datasets(experiment_ids=[made["experiment"]])
    records.set_dataset_tags(dataset_id=kept.dataset_id, tags={"c": "d"})
    records.delete_dataset_tag(dataset_id=kept.dataset_id, key="c")
    records.delete_dataset(dataset_id=kept.dataset_id)


def prompts() -> None:
    mlflow.genai.register_prompt(name=prompt, template="Hello {{name}}", commit_message="first", tags={"a": "b"})
    mlflow.genai.register_prompt(name=prompt, template=[{"role": "user", "content": "Hi {{x}}"}])
    mlflow.genai.set_prompt_alias(prompt, "live", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{prompt}@live").format(name="you") == "Hello you"
    assert mlflow.genai.search_prompts()
    client.set_prompt_tag(prompt, "x", "y")
    client.set_prompt_version_tag(prompt, 1, "x", "y")
    mlflow.genai.delete_prompt_alias(prompt, "live")
    client.delete_prompt_version(prompt, "2")


def sharing() -> None:
    """By MLflow's client of its accounts, where it is installed (`mlflow[auth]`), and else as that asks."""
    shared = {"username": "bob", "resource_type": "experiment", "resource_id": made["experiment"]}
    if find_spec("flask_wtf"):
        accounts = get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri())
        accounts.grant_user_permission(**shared, permission="READ")
        accounts.revoke_user_permission(**shared)
        return
    for what, body in (("grant", shared | {"permission": "READ"}), ("revoke", shared)):
        host, path = get_default_host_creds(mlflow.get_tracking_uri()), f"/api/3.0/mlflow/users/permissions/{what}"
        assert http_request(host, path, "POST", json=body).ok


def ending() -> None:
    client.delete_run(made["run"])
    client.restore_run(made["run"])
    client.delete_experiment(made["experiment"])
    client.restore_experiment(made["experiment"])


STEPS: list[Callable[[], None]] = [
    *(experiments, runs, batches, artifacts, autologging, models, registry, aliases, copies),
    *(traces, datasets, prompts, sharing, ending),
]
assert mlflow.__version__.startswith(f"{sys.argv[1]}."), mlflow.__version__
for step in STEPS:
    step()
    print(step.__name__, flush=True)
