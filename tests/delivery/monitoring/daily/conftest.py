"""A world for each test, in this process; the profile is made once."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from tests.delivery.monitoring.daily.world import ARTIFACTS, PHI, World, reference


@pytest.fixture(scope="package")
def profile(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def world(profile: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (ARTIFACTS, PHI):
            s3.create_bucket(Bucket=bucket)
        made = World(s3, tmp_path)
        made.promote({"profile.json": profile})
        yield made
