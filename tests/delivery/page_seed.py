"""A team's work for the page to show, made with MLflow's own client. Prints what it is called, as JSON.

A program of its own: it runs where MLflow is installed.
"""

import json
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
from mlflow.genai import datasets  # noqa: E402

logging.disable(logging.INFO)
client = mlflow.MlflowClient()
word = uuid4().hex[:6]
model, prompt = f"sepsis-{word}", f"prompt-{word}"

experiment = client.create_experiment(f"Ward 7/{word}", tags={"mlflow.note.content": "of **Ward 7**"})
mlflow.set_experiment(experiment_id=experiment)
runs = []
folder = Path(tempfile.mkdtemp())
(folder / "MLmodel").write_text("artifact_path: model\nflavors: {}\n")
for number in range(2):
    with mlflow.start_run(run_name=f"run {number} of {word}", description="text") as begun:
        runs.append(begun.info.run_id)
        for step in range(10):
            mlflow.log_metrics({"loss": 1 / (step + number + 1), "auc": step / 10}, step=step)
        mlflow.log_metric("system/cpu_utilization_percentage", 12.5)
        mlflow.log_params({"rate": 0.1 * number, "depth": 3})
        mlflow.set_tag("ward", "7")
        mlflow.log_text("a text", "notes/a text.txt")
        mlflow.log_text("<b>bold</b>", "page.html")
        mlflow.log_dict({"a": [1]}, "some.json")
        mlflow.log_text("a,b\n1,2\n", "rows.csv")
        mlflow.log_table({"question": ["q"], "answer": ["a"]}, "table.json")
        mlflow.log_image(np.zeros((4, 4, 3), dtype="uint8"), "picture.png")
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), name="cohort"), context="training")
        logged = mlflow.initialize_logged_model(name=f"logged-{word}", source_run_id=begun.info.run_id)
        with mlflow.start_span("ask") as span:
            span.set_inputs({"question": "why"})
            mlflow.update_current_trace(metadata={"mlflow.trace.session": f"session-{word}"})
            with mlflow.start_span("look up") as child:
                child.set_outputs({"found": 2})
            span.set_outputs({"answer": "because"})
        mlflow.flush_trace_async_logging()
        trace = mlflow.get_last_active_trace_id()
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    if number == 0:
        client.create_registered_model(model, description="of sepsis")
    client.create_model_version(model, f"models:/{logged.model_id}", runs[-1], model_id=logged.model_id)
    mlflow.genai.register_prompt(prompt, f"Hello {{{{name}}}}, number {number}", commit_message=f"number {number}")
client.set_registered_model_alias(model, "champion", "1")
mlflow.log_feedback(trace_id=trace, name="good", value=True, rationale="it is")
records = datasets.create_dataset(name=f"records-{word}", experiment_id=[experiment])
records.merge_records([{"inputs": {"q": "a"}, "expectations": {"r": "b"}}])

print(
    json.dumps(
        {
            "word": word,
            "experimentId": experiment,
            "runUuid": runs[0],
            "otherRun": runs[1],
            "otherExperiment": client.create_experiment(f"Ward 8/{word}"),
            "loggedModelId": logged.model_id,
            "modelName": model,
            "promptName": prompt,
            "traceId": trace,
            "sessionId": f"session-{word}",
            "datasetId": records.dataset_id,
        }
    )
)
