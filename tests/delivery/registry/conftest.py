"""A registry for each test: the AWS API in this process, and an MLflow that is pretended."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

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
