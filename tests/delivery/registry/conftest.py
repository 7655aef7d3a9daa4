"""A registry for each test: the AWS API in this process, and an MLflow that is pretended."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from moto import mock_aws
from moto.server import ThreadedMotoServer

from tests.delivery.registry.pretended import Pretended, served
from tests.delivery.registry.world import AUTHOR, FACTS, MODEL, World, founded


@pytest.fixture
def pretended() -> Pretended:
    """With two versions of a model in dev: b"one" and b"two"."""
    made = Pretended()
    for model in (b"one", b"two"):
        made.register(f"{MODEL}-dev", AUTHOR, {"model.onnx": model, "contract.json": b"{}"}, FACTS)
    return made


@pytest.fixture
def world(pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), served(pretended) as url:
        yield founded(tmp_path, {"MLFLOW_TRACKING_URI": url})


@pytest.fixture
def reachable(pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One that other processes reach too, with this one's variables."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        **{"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"},
        **{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "MLFLOW_TRACKING_USERNAME": "mia"},
    }.items():
        monkeypatch.setenv(name, value)
    try:
        with served(pretended) as url:
            world = founded(tmp_path, {"MLFLOW_TRACKING_URI": url})
            for name, value in world.variables.items():
                monkeypatch.setenv(name, value)
            yield world
    finally:
        requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
        server.stop()
