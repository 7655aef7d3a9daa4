"""What stands for Alertmanager's pod: a real one, as its pod has it, against the AWS API of this machine."""

import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import processes
from local.kubernetes.live import alertmanager, prometheus
from local.kubernetes.live.process import Place
from local.kubernetes.live.standing import ALERTMANAGER, standing_for
from local.toolchain import live as toolchain
from local.workspace import Workspace
from tests.platform.alerting import answers
from tests.platform.cluster import manifests


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return manifests.objects(manifests.record(manifests.alertmanager))


@pytest.fixture
def pod(made: list[dict[str, Any]]) -> dict[str, Any]:
    (template,) = (each["spec"]["template"] for each in made if each["kind"] == "Deployment")
    owner = {"kind": "ReplicaSet", "name": "alertmanager-1f2e"}
    meta = {**template["metadata"], "name": "alertmanager-1f2e-x", "namespace": "judging", "ownerReferences": [owner]}
    return {"metadata": meta, "spec": template["spec"]}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "live" / "alertmanager"
    folder.mkdir(parents=True)
    return Place(Workspace(home=tmp_path), folder, "127.9.8", "https://127.0.0.1:1", "http://127.0.0.1:2")


def test_it_stands_for_the_first_pod_of_its_account(pod: dict[str, Any]) -> None:
    found = standing_for(pod)
    assert found
    assert (found.name, found.container) == (ALERTMANAGER, alertmanager.CONTAINER)


@pytest.mark.engine
def test_it_runs_with_its_pods_configuration_and_tells_the_aws_api_here(
    made: list[dict[str, Any]], pod: dict[str, Any], place: Place
) -> None:
    (told,) = (each["data"] for each in made if each["kind"] == "ConfigMap")
    toolchain.ensure_alertmanager(place.workspace)
    alertmanager.configure(told[alertmanager.CONFIGURATION], place)
    process = alertmanager.process(pod, place)
    assert process.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"].startswith(place.endpoint)
    url = f"http://{alertmanager.address(place)}"
    record = processes.start(
        "alertmanager",
        process.command,
        port=0,
        folder=place.folder,
        log=place.folder / "log",
        ready=lambda: answers(url),
        environment=dict(process.environment),
        directory=place.folder,
    )
    try:
        with urllib.request.urlopen(f"{url}/api/v2/status", timeout=5) as answer:  # noqa: S310 (a loopback address)
            assert b"cluster" in answer.read()
    finally:
        processes.stop(place.folder, record)
    log = (place.folder / "log").read_text()
    assert "Starting Alertmanager" in log
    assert "greater than the data retention" not in log, "it knows of what it told until long after it tells it again"
    receivers = yaml.safe_load((place.folder / alertmanager.CONFIGURATION).read_text())["receivers"]
    assert {each["api_url"] for receiver in receivers for each in receiver["sns_configs"]} == {place.endpoint}


def test_prometheus_here_tells_it(place: Place) -> None:
    (told,) = (
        each["data"]
        for each in manifests.objects(manifests.record(manifests.prometheus))
        if each["kind"] == "ConfigMap"
    )
    itself = prometheus.address(place)
    prometheus.configure(told, place.folder, alerts_to=alertmanager.address(place), itself=itself)
    written = yaml.safe_load((place.folder / prometheus.CONFIGURATION).read_text())
    assert written["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["127.9.8.12:9093"]}]}]
    asked = [job["static_configs"] for job in written["scrape_configs"] if "static_configs" in job]
    assert asked == [[{"targets": ["127.9.8.12:9093"]}], [{"targets": [itself]}]], "what they could not tell is asked"
    assert all((place.folder / each).is_file() for each in written["rule_files"])
