"""Argo Rollouts' controller, as the stack installs it: what its pods are, and that a live API server takes them."""

from typing import Any

import pytest

from cluster import images, rollouts_rights
from cluster import namespaces as ns
from cluster.guardrails.account_rules import ROLLOUTS_CONTROLLER
from tests.platform.cluster import charts, manifests
from tests.platform.cluster.api import Api
from tests.platform.mocked import Made


@pytest.fixture(scope="module")
def recorded() -> list[Made]:
    return manifests.record(manifests.rollouts)


@pytest.fixture(scope="module")
def made(recorded: list[Made]) -> list[dict[str, Any]]:
    return manifests.objects(recorded)


@pytest.fixture
def deployment(made: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (each for each in made if each["kind"] == "Deployment")
    return found


def test_its_kinds_are_a_chart_of_the_stacks_registry(recorded: list[Made]) -> None:
    (chart,) = charts.charts(recorded).values()
    digest = manifests.STACK.images[images.ROLLOUTS_CRD_CHART]
    assert chart.reference == f"oci://{manifests.REGISTRY}/charts/argo/argo-rollouts-crd@{digest}"
    assert chart.version == images.in_parts(images.ROLLOUTS)[1].removeprefix("v")


def test_it_runs_as_the_account_that_the_guardrails_hold_and_of_an_image_by_digest(deployment: dict[str, Any]) -> None:
    pod = deployment["spec"]["template"]["spec"]
    assert f"{deployment['metadata']['namespace']}/{pod['serviceAccountName']}" == ROLLOUTS_CONTROLLER
    (container,) = pod["containers"]
    assert container["image"] == manifests.STACK.image(images.ROLLOUTS)
    assert "@sha256:" in container["image"]


def test_it_writes_where_models_are_and_at_home_alone(made: list[dict[str, Any]]) -> None:
    writes = {"create", "update", "patch", "delete"}
    for role in (each for each in made if each["kind"] in ("Role", "ClusterRole")):
        wrote = [rule for rule in role["rules"] if writes & set(rule["verbs"])]
        where = role["metadata"].get("namespace")
        assert not wrote or where in (ns.SERVING.name, ns.MODELS.name, ns.ROLLOUTS.name), role["metadata"]["name"]


def test_it_reads_no_secret_but_one_by_its_name() -> None:
    rules = (*rollouts_rights.EVERYWHERE, *rollouts_rights.IN_SERVING, *rollouts_rights.AT_HOME)
    (found,) = (each for each in rules if {"secrets", "*"} & set(each["resources"]))
    assert found["resourceNames"] == ["argo-rollouts-notification-secret"]


@pytest.mark.engine
def test_the_api_server_and_the_guardrails_take_it(
    guarded: Api, made: list[dict[str, Any]], deployment: dict[str, Any]
) -> None:
    answer = guarded.apply(*made, dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text
    template = deployment["spec"]["template"]
    meta = {**template["metadata"], "name": "controller", "namespace": ns.ROLLOUTS.name}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
    answer = guarded.apply(pod, dry_run=True)
    assert answer.done, answer.text
