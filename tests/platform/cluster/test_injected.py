"""Where the API server asks the mesh's injector, a pod of the mesh without a proxy is refused. This API server asks
none, so the rule is put there for these tests alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails import stack_pods
from cluster.guardrails.admission import PREFIX
from cluster.guardrails.mesh_words import injected_rule
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.for_these import at_work
from tests.platform.cluster.members import refused

pytestmark = pytest.mark.engine

RULE = injected_rule(cases.PROXY).name
NAMED = f"{PREFIX}{RULE}"


@pytest.fixture(scope="module")
def injecting(guarded: Api) -> Iterator[Api]:
    with at_work(guarded, NAMED, webhooks=True) as api:
        yield api


def with_proxy(namespace: str) -> dict[str, Any]:
    """As the injector makes it: a container that goes on beside the others."""
    pod = cases.compliant_pod(namespace)
    proxy = {**pod["spec"]["containers"][0], "name": "istio-proxy", "image": cases.PROXY, "args": ["proxy", "sidecar"]}
    del proxy["env"]
    pod["spec"]["initContainers"] = [{**proxy, "restartPolicy": "Always"}]
    return pod


@pytest.mark.parametrize("namespace", [each for each in ns.MESH if each not in stack_pods.WHERE])
def test_a_pod_of_the_mesh_has_its_proxy(injecting: Api, namespace: str) -> None:
    answer = injecting.apply(cases.compliant_pod(namespace), dry_run=True)
    assert f"ValidatingAdmissionPolicy '{NAMED}'" in answer.text, answer.text
    assert "the pod has no proxy" in answer.text
    answer = injecting.apply(with_proxy(namespace), dry_run=True)
    assert answer.done, answer.text


def test_another_image_under_the_proxys_name_is_none(injecting: Api) -> None:
    """In `ingress`, where no other rule asks what the gateway's proxy is."""
    pod = with_proxy(ns.INGRESS.name)
    pod["spec"]["initContainers"][0]["image"] = pod["spec"]["containers"][0]["image"]
    answer = injecting.apply(pod, dry_run=True)
    assert refused(answer, RULE, or_by="pods-of-the-stack-are-as-it-makes-them")


def test_argo_rollouts_too_has_its_proxy(injecting: Api) -> None:
    """Whose pods are as the stack makes them, and nobody else's are there."""
    (made,) = (each for each in manifests.objects(manifests.record(manifests.rollouts)) if each["kind"] == "Deployment")
    pod = with_proxy(ns.ROLLOUTS.name)
    pod["spec"] |= {
        key: made["spec"]["template"]["spec"][key] for key in ("containers", "volumes", "serviceAccountName")
    }
    answer = injecting.apply(pod, dry_run=True)
    assert answer.done, answer.text
    del pod["spec"]["initContainers"]
    assert refused(injecting.apply(pod, dry_run=True), RULE, "the pod has no proxy")


def test_a_template_gets_its_proxy_later_and_the_system_has_none(injecting: Api) -> None:
    for each in (
        cases.controller("Deployment", cases.compliant_pod("training")),
        cases.controller("Job", cases.compliant_pod("pipelines")),
        cases.controller("Job", cases.compliant_pod(ns.KARPENTER.name)),
    ):
        answer = injecting.apply(each, dry_run=True)
        assert answer.done, answer.text


def test_the_rule_goes_with_the_injector_at_the_end_of_live_controllers(injecting: Api, workspace: Workspace) -> None:
    """The last of this module: the rule is gone after it."""
    control_plane.leave_live(workspace)
    wait_for(lambda: injecting.apply(cases.compliant_pod("training"), dry_run=True).done)


def test_without_the_injector_there_is_no_such_rule() -> None:
    made = manifests.objects(manifests.record(manifests.guardrails))
    assert NAMED not in {each["metadata"]["name"] for each in made}
