"""The way to production and back over the real MLflow, behind its gate, by an account with no more than it needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from delivery.registry import promotion
from delivery.registry.desk import HEAD
from delivery.registry.documents import Environment
from delivery.registry.ledger import head
from delivery.registry.refused import Refused
from tests.delivery.mlflow import ALICE, BOB, Mlflow
from tests.delivery.registry.world import FACTS, MODEL, WHY, World, founded
from tests.delivery.teams import API, FILES, GRANT, asked

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

STAGING, PROD = Environment.STAGING, Environment.PROD
DEV = f"{MODEL}-dev"


def registered(shared: Mlflow, experiment: str, model: bytes, tags: dict[str, str], of: str = DEV) -> None:
    """By Alice, as the pipeline does."""
    logged = asked(shared, ALICE, "POST", f"{API}/logged-models", experiment_id=experiment, name="model")
    made = logged["model"]["info"]["model_id"]
    for name, raw in (("model.onnx", model), ("contract.json", b"{}")):
        place = f"{FILES}/{experiment}/models/{made}/artifacts/{name}"
        assert shared.call("PUT", place, ALICE, data=raw).ok
    told: dict[str, Any] = {"source": f"models:/{made}", "model_id": made}
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    asked(shared, ALICE, "POST", f"{API}/model-versions/create", name=of, tags=listed, **told)


@pytest.fixture
def over_mlflow(shared: Mlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    experiment = str(asked(shared, ALICE, "POST", f"{API}/experiments/create", name="of readmission")["experiment_id"])
    asked(shared, ALICE, "POST", f"{API}/registered-models/create", name=DEV)
    for model in (b"one", b"two"):
        registered(shared, experiment, model, FACTS)
    with mock_aws():
        world = founded(tmp_path, {"MLFLOW_TRACKING_URI": shared.url})
        world.variables["MLFLOW_TRACKING_PASSWORD"] = BOB[1]
        world.author = ALICE[0]
        yield world


def test_a_model_goes_to_production_and_back_over_the_real_registry(over_mlflow: World, shared: Mlflow) -> None:
    world, desk = over_mlflow, over_mlflow.desk("bob")
    with pytest.raises(Refused, match="MLflow"):
        world.promote(b"one", STAGING, desk=desk, version="1")
    shown = {"resource_type": "registered_model", "resource_id": DEV, "permission": "READ"}
    asked(shared, ALICE, "POST", GRANT, username="bob", **shown)
    refused = shared.call("POST", f"{API}/registered-models/create", ALICE, json={"name": f"{MODEL}-of-others-prod"})
    assert (refused.status_code, "are made by promotions" in refused.text) == (403, True), refused.text
    for model, version in ((b"one", "1"), (b"two", "2")):
        world.promote(model, STAGING, desk=desk, version=version)
        outcome = world.promote(model, PROD, world.approve(world.report(model), "bob"), desk=desk)
        assert outcome.served.source.author == "alice"
        assert desk.mlflow.alias(f"{MODEL}-prod") == outcome.served.release.version == version
    own = world.approve(world.report(b"one"), "alice", came_from=Environment.DEV, to=STAGING)
    with pytest.raises(Refused, match="alice is the model's author"):
        world.promote(b"one", STAGING, own, desk=desk, version="1")
    promotion.rollback(desk, MODEL, PROD, WHY)
    assert (desk.mlflow.alias(f"{MODEL}-prod"), desk.mlflow.alias(f"{MODEL}-staging")) == ("1", "2")
    copied = desk.mlflow.version(f"{MODEL}-prod", "1")
    assert desk.mlflow.file(copied, "model.onnx") == b"one"
    assert (copied.author, MODEL in desk.models().names) == ("bob", True)
    tags = desk.mlflow.tags(f"{MODEL}-prod")
    assert tags
    assert tags[HEAD].rpartition(" ")[0] == head(desk.state(MODEL).entries)
    assert desk.followed(desk.state(MODEL))
    for missing in ("gone-dev", DEV):
        with pytest.raises(Refused, match=r"no version 99|MLflow"):
            desk.mlflow.version(missing, "99")
    with pytest.raises(Refused, match="MLflow lets bob not do"):
        desk.mlflow.tag(DEV, "parapet.code", "another")
