"""The short way to MLflow's Flask application: what stands before it still does."""

import pytest

from tests.delivery.mlflow import ALICE, Mlflow
from tests.delivery.test_disposal import API, experiment

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

CREATE = f"{API}/runs/create"


def test_hosts_and_origins_are_judged_on_the_short_way_too(shared: Mlflow) -> None:
    of = experiment(shared)
    strange = shared.call("POST", CREATE, ALICE, json={"experiment_id": of}, headers={"Host": "mlflow.example.com"})
    assert strange.status_code == 403
    foreign = shared.call("POST", CREATE, ALICE, json={"experiment_id": of}, headers={"Origin": "https://example.com"})
    assert foreign.status_code == 403
    own = shared.call(
        "POST", CREATE, ALICE, json={"experiment_id": of}, headers={"Origin": "https://mlflow.example.org"}
    )
    assert own.ok
    assert own.headers["access-control-allow-origin"] == "https://mlflow.example.org"
    assert (own.headers["x-content-type-options"], own.headers["x-frame-options"]) == ("nosniff", "SAMEORIGIN")
