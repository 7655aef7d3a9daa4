"""What a container finds around it: a database, the AWS API, secrets."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
import requests

from local import images
from local.processes import choose_port
from tests.delivery import postgres
from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BUCKET, Mlflow
from tests.delivery.postgres import Postgres
from tests.delivery.teams import API, Team, Who, asked, made


@pytest.fixture(scope="session")
def image() -> Path:
    return images.environment("mlflow_server")


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    with postgres.serve() as served:
        yield served


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of an AWS API with the bucket of the artifacts."""
    port = choose_port(None)
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "local.aws.api", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                requests.get(f"{endpoint}/moto-api/", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        client(endpoint, "s3").create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        server.terminate()
        server.wait()


def client(endpoint: str, service: str) -> "boto3.client":
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.fixture
def mlflow(image: Path, database: Postgres, aws: str, tmp_path: Path) -> Iterator[Mlflow]:
    """A server that is not started, over an empty database."""
    with prepared(image, database, aws, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def shared(image: Path, database: Postgres, aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """A server that serves all tests which leave its secrets, its settings and each other's things alone."""
    with prepared(image, database, aws, tmp_path_factory.mktemp("shared")) as made:
        made.prefix = made.database
        made.with_schema()
        made.start(afresh=True)
        yield made


@contextmanager
def prepared(image: Path, database: Postgres, aws: str, folder: Path) -> Iterator[Mlflow]:
    name = f"mlflow_{uuid4().hex[:8]}"
    database.sql(f"CREATE DATABASE {name}")
    made = Mlflow(image, database, aws, folder, name)
    try:
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.kill()
        shutil.rmtree(made.temporary, ignore_errors=True)


@pytest.fixture(scope="session")
def carol(shared: Mlflow) -> Who:
    who = ("carol-who-reads", f"the-password-of-{uuid4()}")
    asked(shared, ADMINISTRATOR, "POST", f"{API}/users/create", username=who[0], password=who[1])
    return who


@pytest.fixture(scope="session")
def alices(shared: Mlflow) -> Team:
    return made(shared, ALICE)
