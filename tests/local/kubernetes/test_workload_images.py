"""Which file system a workload of the platform's own images runs in, and who it is to AWS there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from local import built
from local import images as environments
from local.aws import server
from local.kubernetes.workloads import images, runner
from local.kubernetes.workloads.__main__ import Keeper
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.pod import Pod
from local.workspace import Workspace


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for an image that this machine cannot build."""
    monkeypatch.setattr(environments, "environment", lambda name: tmp_path / name)
    monkeypatch.setattr(built, "found", lambda name: None)
    return tmp_path / "mlflow_server"


def image(folder: Path) -> built.Built:
    """An image as buildah leaves it: a file system, and a layout that says what its Dockerfile sets."""
    blobs = folder / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / "config").write_text(json.dumps({"config": {"Env": ["PATH=/opt/parapet/bin:/usr/bin"]}}))
    (blobs / "manifest").write_text(json.dumps({"config": {"digest": "sha256:config"}}))
    (folder / "layout" / "index.json").write_text(json.dumps({"manifests": [{"digest": "sha256:manifest"}]}))
    return built.Built(folder)


def test_an_image_that_was_built_is_what_runs_and_not_its_packages(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = image(tmp_path / "built")
    monkeypatch.setattr(built, "found", lambda name: {"mlflow_server": own}[name])
    found = images.of(Workspace(home=tmp_path), "mlflow")
    assert found.built
    assert found.environment == own.root
    assert found.variables == {"PATH": "/opt/parapet/bin:/usr/bin"}


def test_where_it_cannot_be_built_its_packages_stand_for_it(environment: Path, tmp_path: Path) -> None:
    found = images.of(Workspace(home=tmp_path), "mlflow")
    assert not found.built
    assert found.environment == environment


def test_an_image_that_no_workload_wants_is_not_made_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack without models builds nothing for them."""
    asked: list[str] = []
    monkeypatch.setattr(images, "of", lambda _, name: asked.append(name))
    monkeypatch.setattr(server, "url", lambda _: "http://127.0.0.1:1")
    pretended: Any = Nothing()
    Keeper(Workspace(home=tmp_path), pretended).look()
    assert asked == ["mlflow"]


class Nothing:
    """An API server of a cluster without anything."""

    def call(self, *_: str) -> dict[str, Any]:
        return {"items": []}


NAMED = {"name": "AWS_DEFAULT_REGION", "value": "eu-central-1"}


@pytest.mark.parametrize("env", [[], [NAMED]], ids=["it names no Region", "it names its Region"])
@pytest.mark.parametrize("variables", [None, {"PATH": "/usr/bin"}], ids=["packages", "image"])
def test_it_knows_of_aws_what_eks_tells_a_pod_and_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str] | None, env: list[dict[str, str]]
) -> None:
    """What a pod says too little of is not mended by what somebody's shell says."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "of the shell that started the stack")
    for name in ("AWS_CA_BUNDLE", "PULUMI_CONFIG_PASSPHRASE", "PARAPET_ISSUER", "KUBECONFIG"):
        monkeypatch.setenv(name, "of the shell that started the stack")
    place = runner.Place(Workspace(home=tmp_path), "mlflow", "server")
    pod = Pod({"spec": {"serviceAccountName": "mlflow"}}, "mlflow")
    told = runner.environment(place, pod, {"env": env}, Image(tmp_path, {}, variables), "http://127.0.0.1:1")
    assert "of the shell that started the stack" not in told.values()
    of_aws = {name: value for name, value in told.items() if name.startswith("AWS_")}
    given = {"AWS_STS_REGIONAL_ENDPOINTS": "regional"}
    # The webhook of EKS adds neither name where a pod has one of them.
    given |= {} if env else {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}
    here = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true"}
    here |= dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    assert of_aws.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI").endswith("/mlflow/mlflow")
    assert of_aws == given | here
