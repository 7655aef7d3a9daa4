"""A model is brought from its bucket into its folder: the one that was asked for, and as long as it may be."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.delivery.serving.served import PATIENCE, Served
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
PLACE = "models/readmission/prod/7"


class Bucket:
    """The artifacts' bucket, with a server's own model in it and nothing in the server's folder."""

    def __init__(self, server: Served, url: str) -> None:
        self.server, self.url = server, url
        self.s3: Any = boto3.client("s3", endpoint_url=url, **CREDENTIALS)
        self.s3.create_bucket(Bucket="artifacts")
        self.folder = server.bundle.model
        self.whole = {each.name: each.read_bytes() for each in self.folder.iterdir()}
        for name, content in self.whole.items():
            self.put(name, content)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        server.more["model"] = server.settings()["model"] | {"source": f"s3://artifacts/{PLACE}"}

    def put(self, name: str, content: bytes) -> None:
        self.s3.put_object(Bucket="artifacts", Key=f"{PLACE}/{name}", Body=content)

    def fetch(self) -> "subprocess.CompletedProcess[str]":
        own = {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return subprocess.run(
            self.server.command("fetch"),
            env={**own, "AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin", "HOME": str(self.server.folder)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )


@pytest.fixture
def bucket(own: Callable[..., Served], aws: str) -> Iterator[Bucket]:
    made = Bucket(own(), aws)
    yield made
    for each in made.s3.list_objects_v2(Bucket="artifacts").get("Contents", []):
        made.s3.delete_object(Bucket="artifacts", Key=each["Key"])
    made.s3.delete_bucket(Bucket="artifacts")


def there(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_what_was_fetched_is_served_and_a_second_time_changes_nothing(bucket: Bucket) -> None:
    bucket.put("another", b"nobody signed it")
    for _ in range(2):
        done = bucket.fetch()
        assert (done.returncode, done.stderr) == (0, "")
        assert there(bucket.folder) == bucket.whole
    assert bucket.server.start().ready() == 200


def test_another_model_in_its_place_is_not_fetched(bucket: Bucket) -> None:
    bucket.put("manifest.json", bucket.whole["manifest.json"].replace(b"sha256:1234", b"sha256:1235"))
    done = bucket.fetch()
    assert done.returncode == 1
    assert "was asked for" in done.stderr
    assert there(bucket.folder) == {}


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "model.onnx", "contract.json"])
def test_no_file_is_longer_than_it_may_be(bucket: Bucket, name: str) -> None:
    bucket.put(name, bucket.whole[name] + b"x" * 5000)
    done = bucket.fetch()
    assert done.returncode == 1
    assert f"/{name} is longer than " in done.stderr
    assert name not in there(bucket.folder)


def test_what_is_not_there_is_named(bucket: Bucket) -> None:
    bucket.s3.delete_object(Bucket="artifacts", Key=f"{PLACE}/model.onnx")
    done = bucket.fetch()
    assert done.returncode == 1
    assert f"s3://artifacts/{PLACE}/model.onnx cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_platform_writes_is_a_configuration_of_this_server(serving: Path, tmp_path: Path) -> None:
    """As a model's pods have it (platform/mlops/serving/pod.py): read whole, up to what is not here."""
    (made,) = run_program(**MANY).of("kubernetes:argoproj.io/v1alpha1:Rollout")
    file = tmp_path / "configuration.json"
    file.write_text(made.inputs["spec"]["template"]["metadata"]["annotations"]["parapet.dev/configuration"])
    program = str(serving / "bin" / "parapet-serving")
    done = subprocess.run([program, "verify", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "hashKeyFile /mnt/secrets/parapet-hash-key cannot be read" in done.stderr
    pod = made.inputs["spec"]["template"]["spec"]
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["command"] == ["parapet-serving"]
        done = subprocess.run([program, *container["args"]], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1, "a command that the image does not have ends with 2"


def test_without_a_place_it_says_so(own: Callable[..., Served]) -> None:
    done = subprocess.run(own().command("fetch"), capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "model.source is missing" in done.stderr
