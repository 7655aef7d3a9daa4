"""What a team does with MLflow's own client, step by step. A program of its own: it runs where MLflow is installed."""

import logging
import tempfile
import warnings
from pathlib import Path
from uuid import uuid4

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
import mlflow.genai  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.entities import Feedback, Metric, Param, RunTag  # noqa: E402
from mlflow.genai import datasets  # noqa: E402
from mlflow.server import get_app_client  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402

logging.disable(logging.INFO)
client = mlflow.MlflowClient()
word = uuid4().hex[:6]
name, prompt = f"sepsis {word}", f"prompt-{word}"

# Experiments and runs.
experiment = client.create_experiment(f"Ward 7/{word}", tags={"team": "a"})
client.set_experiment_tag(experiment, "mlflow.note.content", "two\nlines")
assert client.get_experiment_by_name(f"Ward 7/{word}")
client.rename_experiment(experiment, f"Ward 8/{word}")
assert client.search_experiments(filter_string=f"name LIKE '%{word}'", order_by=["name"], max_results=5)
mlflow.set_experiment(experiment_id=experiment)
with mlflow.start_run(run_name="first", description="text", tags={"a": "b"}) as begun:
    run = begun.info.run_id
    mlflow.log_metrics({"m": 1.5, "not a number": float("nan"), "endless": float("inf")}, step=3)
    mlflow.log_params({"p": "v", "empty": ""})
    mlflow.set_tags({"x": "y", "z": 1})
    mlflow.log_text("hi", "50% of it.txt")
    mlflow.log_text("hi", "größe/a b.txt")
    mlflow.log_dict({"a": 1}, "d/x.json")
    mlflow.log_table({"a": [1], "b": ["x"]}, "table.json")
    mlflow.log_image(np.zeros((4, 4, 3), dtype="uint8"), key="scan", step=1)
    mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), name="cohort"), context="training")
    with mlflow.start_run(nested=True):
        mlflow.log_metric("c", 1)
client.log_batch(run, [Metric(f"b{n}", n / 3, 1_700_000_000_000 + n, n) for n in range(1000)])
client.log_batch(
    run, params=[Param(f"p{n}", "x" * 500) for n in range(100)], tags=[RunTag(f"t{n}", "y") for n in range(90)]
)
assert [metric.step for metric in client.get_metric_history(run, "m")] == [3]
assert [
    found.info.run_id for found in client.search_runs([experiment], "metrics.m > 1", order_by=["metrics.m DESC"])
] == [run]
client.delete_tag(run, "z")
client.update_run(run, name="renamed")
client.set_terminated(run, "FAILED")

# Artifacts.
folder = Path(tempfile.mkdtemp())
(folder / "sub").mkdir()
(folder / "sub" / "file").write_bytes(b"x" * 3_000_000)
client.log_artifacts(run, str(folder), "dir")
assert [file.path for file in client.list_artifacts(run, "dir")] == ["dir/sub"]
assert (Path(client.download_artifacts(run, "dir")) / "sub" / "file").stat().st_size == 3_000_000
for path in ("50% of it.txt", "größe/a b.txt"):
    assert mlflow.artifacts.load_text(f"runs:/{run}/{path}") == "hi"

# Models, with scikit-learn's own logging; the registry, aliases, copies.
mlflow.sklearn.autolog(silent=True)
rows = np.random.rand(60, 3)
model = LinearRegression().fit(rows, rows[:, 0])
mlflow.sklearn.autolog(disable=True)
with mlflow.start_run() as begun:
    logged = mlflow.sklearn.log_model(model, name="model", registered_model_name=name, input_example=rows[:2])
mlflow.register_model(f"runs:/{begun.info.run_id}/model", name)
mlflow.register_model(f"models:/{logged.model_id}", name)
client.set_logged_model_tags(logged.model_id, {"a": "b"})
client.delete_logged_model_tag(logged.model_id, "a")
assert client.search_logged_models([experiment])
assert client.list_logged_model_artifacts(logged.model_id)
other = mlflow.initialize_logged_model(name="other", params={"a": "1"})
client.log_model_params(other.model_id, {"b": "2"})
client.finalize_logged_model(other.model_id, "READY")
client.delete_logged_model(other.model_id)
client.update_registered_model(name, "text")
client.set_registered_model_tag(name, "a", "b")
client.delete_registered_model_tag(name, "a")
client.set_registered_model_alias(name, "champion", "2")
client.update_model_version(name, "1", "text")
client.set_model_version_tag(name, "1", "a", "b")
client.delete_model_version_tag(name, "1", "a")
client.transition_model_version_stage(name, "2", "Production")
client.transition_model_version_stage(name, "1", "Production", archive_existing_versions=True)
assert client.get_model_version(name, "2").current_stage == "Archived"
assert client.get_latest_versions(name, ["Production"])
assert len(client.search_model_versions(f"name='{name}'")) == 3
assert client.search_registered_models(f"name LIKE '%{word}'")
for uri in (f"models:/{name}@champion", f"models:/{name}/1", logged.model_uri):
    assert mlflow.sklearn.load_model(uri).n_features_in_ == 3
client.copy_model_version(f"models:/{name}/1", f"copy {word}")
assert mlflow.pyfunc.load_model(f"models:/copy {word}/1")
client.rename_registered_model(f"copy {word}", f"other copy {word}")
client.delete_model_version(f"other copy {word}", "1")
client.delete_registered_model(f"other copy {word}")
client.delete_registered_model_alias(name, "champion")


# Traces, and what people say of them.
@mlflow.trace
def call(text: str) -> str:
    with mlflow.start_span("child") as span:
        span.set_outputs(2)
    mlflow.update_current_trace(tags={"k": "v"}, metadata={"mlflow.trace.session": "s"})
    return text


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
client.delete_traces(experiment, trace_ids=[trace])

# Records to evaluate with, and prompts.
records = datasets.create_dataset(name=f"records {word}", experiment_id=[experiment], tags={"a": "b"})
records.merge_records([{"inputs": {"q": "a"}, "expectations": {"r": "b"}}, {"inputs": {"q": "c"}}])
assert len(datasets.get_dataset(dataset_id=records.dataset_id).to_df()) == 2
assert datasets.search_datasets(experiment_ids=[experiment])
datasets.set_dataset_tags(dataset_id=records.dataset_id, tags={"c": "d"})
datasets.delete_dataset_tag(dataset_id=records.dataset_id, key="c")
datasets.delete_dataset(dataset_id=records.dataset_id)
mlflow.genai.register_prompt(name=prompt, template="Hello {{name}}", commit_message="first", tags={"a": "b"})
mlflow.genai.register_prompt(name=prompt, template=[{"role": "user", "content": "Hi {{x}}"}])
mlflow.genai.set_prompt_alias(prompt, "live", 1)
assert mlflow.genai.load_prompt(f"prompts:/{prompt}@live").version == 1
assert mlflow.genai.search_prompts()
client.set_prompt_tag(prompt, "x", "y")
client.set_prompt_version_tag(prompt, 1, "x", "y")
mlflow.genai.delete_prompt_alias(prompt, "live")
client.delete_prompt_version(prompt, "2")

# Sharing, and the end.
accounts = get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri())
accounts.grant_user_permission("bob", "experiment", experiment, "READ")
accounts.revoke_user_permission("bob", "experiment", experiment)
client.delete_run(run)
client.restore_run(run)
client.delete_experiment(experiment)
client.restore_experiment(experiment)
