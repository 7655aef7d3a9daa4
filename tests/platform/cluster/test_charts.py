"""The charts, rendered by Helm with our values and put before a live API server with the guardrails on."""

import json
from typing import Any

import pytest

from cluster import images
from cluster import namespaces as ns
from cluster.node_labels import GPU_NODES, SHARING
from tests.platform.cluster import charts, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import refused

WORKLOADS = ("Deployment", "DaemonSet")
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
PROXY = manifests.STACK.image(images.PROXY)


@pytest.fixture(scope="module")
def asked() -> dict[str, charts.Chart]:
    return charts.every()


@pytest.fixture(scope="module")
def rendered(asked: dict[str, charts.Chart], helm: charts.Helm) -> dict[str, list[dict[str, Any]]]:
    return {name: placed(asked[name], helm) for name in charts.AT_HAND}


@pytest.fixture(scope="module")
def released(guarded: Api, rendered: dict[str, list[dict[str, Any]]]) -> Api:
    """All objects of the charts."""
    answer = guarded.apply(*(each for name in rendered for each in rendered[name]))
    assert answer.done, answer.text
    return guarded


def placed(chart: charts.Chart, helm: charts.Helm) -> list[dict[str, Any]]:
    """The chart's objects, each with the namespace that Helm would put it into."""
    objects = helm.render(chart)
    for each in objects:
        cluster_wide = each["kind"].startswith(("Cluster", "CustomResource", *WEBHOOKS, "ValidatingAdmission"))
        if not cluster_wide:
            each["metadata"].setdefault("namespace", chart.namespace)
    return objects


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A pod of each workload, as its controller would make it after the mesh's injector was there."""
    made = []
    for each in (each for each in objects if each["kind"] in WORKLOADS):
        pod = json.loads(json.dumps(each["spec"]["template"]).replace('"auto"', f'"{PROXY}"'))
        metadata = {**pod["metadata"], "name": each["metadata"]["name"], "namespace": each["metadata"]["namespace"]}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]})
    return made


@pytest.mark.engine
@pytest.mark.parametrize("name", charts.AT_HAND)
def test_the_api_server_and_the_guardrails_admit_the_chart(
    released: Api, rendered: dict[str, list[dict[str, Any]]], name: str
) -> None:
    answer = released.apply(*rendered[name], dry_run=True)
    assert answer.done, answer.text


@pytest.mark.engine
def test_no_chart_brings_a_webhook(rendered: dict[str, list[dict[str, Any]]]) -> None:
    """Whoever keeps its certificate's authority in it may write all of it; `mesh_webhooks.py` has the stack's own."""
    assert [each["metadata"]["name"] for name in rendered for each in rendered[name] if each["kind"] in WEBHOOKS] == []


@pytest.mark.engine
@pytest.mark.parametrize("name", charts.AT_HAND)
def test_the_chart_s_pods_are_admitted_at_their_namespaces_level(
    released: Api, rendered: dict[str, list[dict[str, Any]]], name: str
) -> None:
    for pod in pods(rendered[name]):
        answer = released.apply(pod, dry_run=True)
        # No group shares its GPUs by MPS, and so no node is for its daemon (`test_stack_pods.py`).
        assert answer.done is not pod["metadata"]["name"].endswith("-mps-control-daemon"), answer.text


@pytest.mark.engine
def test_a_gateway_that_was_not_injected_never_runs(released: Api, rendered: dict[str, list[dict[str, Any]]]) -> None:
    (pod,) = pods(rendered["gateway"])
    pod["spec"]["containers"][0]["image"] = "auto"
    stack = "pods-of-the-stack-are-as-it-makes-them"
    assert refused(released.apply(pod, dry_run=True), "images-from-the-registry", or_by=stack)


@pytest.mark.engine
@pytest.mark.parametrize("name", charts.AT_HAND)
def test_every_image_is_of_the_stacks_registry(rendered: dict[str, list[dict[str, Any]]], name: str) -> None:
    found = [
        container["image"]
        for pod in pods(rendered[name])
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
    ]
    assert not [image for image in found if not image.startswith(manifests.REGISTRY)]
    for injector in (each for each in rendered[name] if each["metadata"]["name"] == "istio-sidecar-injector"):
        values = json.loads(injector["data"]["values"])
        assert values["global"]["proxy"]["image"] == values["global"]["proxy_init"]["image"] == PROXY


@pytest.mark.engine
def test_no_workload_pushes_the_mesh_out_and_no_pod_elsewhere_is_its_gateway(
    rendered: dict[str, list[dict[str, Any]]],
) -> None:
    (istiod,) = pods(rendered["istiod"])
    assert istiod["spec"]["priorityClassName"] == "system-cluster-critical"
    (container,) = istiod["spec"]["containers"]
    assert {"name": "PILOT_SCOPE_GATEWAY_TO_NAMESPACE", "value": "true"} in container["env"]


@pytest.mark.engine
def test_an_agent_of_the_gpu_nodes_runs_on_gpu_nodes_only(rendered: dict[str, list[dict[str, Any]]]) -> None:
    (plugin,) = [
        each for each in pods(rendered["nvidia-device-plugin"]) if each["metadata"]["name"] == "nvidia-device-plugin"
    ]
    assert GPU_NODES.items() <= plugin["spec"]["nodeSelector"].items()
    tolerated = {each.get("key") for each in plugin["spec"]["tolerations"]}
    assert tolerated == {"nvidia.com/gpu"}


@pytest.mark.engine
def test_the_device_plugin_shares_each_groups_gpus_as_its_settings_say(
    rendered: dict[str, list[dict[str, Any]]],
) -> None:
    (config,) = [each for each in rendered["nvidia-device-plugin"] if each["kind"] == "ConfigMap"]
    configurations = {name: json.loads(text) for name, text in config["data"].items()}
    assert configurations.keys() == {"not-shared", "whole", "shared", "cut"}
    assert "sharing" not in configurations["whole"]
    assert configurations["shared"]["sharing"]["timeSlicing"] == {
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
    }
    assert [configurations[name]["flags"]["migStrategy"] for name in ("whole", "shared", "cut")] == [
        "none",
        "none",
        "single",
    ]
    assert SHARING in json.dumps(pods(rendered["nvidia-device-plugin"]))


@pytest.mark.engine
def test_the_plugin_has_no_capability_where_no_group_is_cut(helm: charts.Helm) -> None:
    made = manifests.record(lambda: manifests.gpu_software(cut=False))
    chart = charts.charts(made)["nvidia-device-plugin"]
    assert chart.values["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    (plugin,) = [each for each in pods(placed(chart, helm)) if each["metadata"]["name"] == "nvidia-device-plugin"]
    assert "SYS_ADMIN" not in json.dumps(plugin)


def test_every_chart_is_at_hand_and_so_rendered_and_judged(asked: dict[str, charts.Chart]) -> None:
    """A chart of which nobody has seen the objects runs as whatever its maker likes."""
    assert asked.keys() == charts.AT_HAND.keys() | charts.PACKED


def test_charts_are_pinned_to_their_images_versions_and_come_from_the_stacks_registry(
    asked: dict[str, charts.Chart],
) -> None:
    plugin, istio = (images.in_parts(each)[1] for each in (images.DEVICE_PLUGIN, images.PILOT))
    versions = {"nvidia": plugin.removeprefix("v"), "istio": istio, "karpenter": images.KARPENTER_VERSION}
    for each in (asked[name] for name in charts.AT_HAND):
        maker = charts.AT_HAND[each.name].partition("/")[0]
        version = versions[maker]
        name = f"charts/{maker}/{each.name}"
        assert each.version == version
        assert each.reference == f"oci://{manifests.REGISTRY}/{name}@{manifests.STACK.images[f'{name}:{version}']}"


def test_each_chart_goes_into_its_own_namespace(asked: dict[str, charts.Chart]) -> None:
    assert {each.name: each.namespace for each in asked.values()} == {
        "nvidia-device-plugin": ns.GPU_SOFTWARE.name,
        "base": ns.ISTIO_SYSTEM.name,
        "istiod": ns.ISTIO_SYSTEM.name,
        "cni": ns.ISTIO_CNI.name,
        "gateway": ns.INGRESS.name,
        "karpenter-crd": ns.KARPENTER.name,
        "karpenter": ns.KARPENTER.name,
        "argo-rollouts-crd": ns.ROLLOUTS.name,
    }
