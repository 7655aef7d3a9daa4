"""The pipeline's registration at the real MLflow, behind its gate, and what a promotion finds there."""

import pytest

from delivery.pipeline.registering import Tracking, in_production, register
from delivery.registry.refused import Refused
from tests.delivery.mlflow import ALICE, BOB, Mlflow
from tests.delivery.pipeline.test_registering import CONTENT, report
from tests.delivery.pipeline.test_steps import other
from tests.delivery.teams import API, asked

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

MODEL = "of-the-pipeline"
RECORD = other()


def test_a_model_is_registered_with_its_run_its_data_and_its_files(shared: Mlflow) -> None:
    tracking = Tracking(shared.url, ALICE)
    record = type(RECORD)(RECORD.format, MODEL, RECORD.inputs, RECORD.outputs, RECORD.judged)
    by = {"experiment": MODEL, "started_by": "dana"}
    assert in_production(tracking, MODEL, first=True) == ("none", {})
    found = register(tracking, record, report(), CONTENT, **by)
    assert (found.name, found.version, found.author) == (f"{MODEL}-dev", "1", ALICE[0])
    assert (found.tags["parapet.dataset"], found.tags["parapet.started_by"]) == (record.inputs.dataset, "dana")
    assert {name: tracking.file(found, name) for name in CONTENT} == CONTENT
    assert register(tracking, record, report(), CONTENT, **by).version == "1"
    run = asked(shared, ALICE, "GET", f"{API}/runs/get", run_id=found.run)["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {each["key"]: each["value"] for each in run["data"]["metrics"]} == {"quality.auroc": 0.65}
    used = {each["dataset"]["name"]: each["dataset"]["digest"] for each in run["inputs"]["dataset_inputs"]}
    assert used == {"intake": "1" * 36, "train": "5" * 36, "test": "6" * 36}
    own = type(RECORD)(RECORD.format, f"{MODEL}-of-bob", RECORD.inputs, RECORD.outputs, RECORD.judged)
    for made, says in (
        (record, f"MLflow has a registered model {MODEL}-dev that bob may not read: somebody else has made it"),
        (own, f"MLflow has an experiment {MODEL} that bob may not write into"),
    ):
        with pytest.raises(Refused, match=says):
            register(Tracking(shared.url, BOB), made, report(), CONTENT, **by)
