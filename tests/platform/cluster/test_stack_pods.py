"""What the pods of the stack's own system software are, whoever made them and whatever a webhook made of them: the list
against what charts and components make, and asked of a live API server in the name of the controllers that make them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails import stack_pods
from cluster.guardrails.account_names import PREFIX
from cluster.guardrails.stack_pods import PODS, StackPod
from tests.platform.cluster import cases, charts, manifests
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, found, refused
from tests.platform.cluster.test_charts import placed, pods

pytestmark = pytest.mark.engine

RULE = "pods-of-the-stack-are-as-it-makes-them"
UNUSED = "nvidia-device-plugin-mps-control-daemon"
"""No group shares its GPUs by MPS, so no node is for it."""
Pod = dict[str, Any]


@pytest.fixture(scope="module")
def made(helm: charts.Helm) -> dict[str, Pod]:
    """Every pod of the stack's own in these namespaces, by its workload's name."""
    asked = charts.every()
    objects = [each for name in charts.AT_HAND for each in placed(asked[name], helm)]
    own = (manifests.gpu_metrics, manifests.rollouts, manifests.prometheus, manifests.alertmanager, manifests.pipelines)
    for component in own:
        objects += manifests.objects(manifests.record(component))
    return {each["metadata"]["name"]: each for each in pods(objects)}


@pytest.fixture(scope="module")
def accounted(guarded: Api) -> Iterator[Api]:
    """With the charts' accounts, without which no pod is made."""
    named = [account.split("/") for account in PODS]
    missing = [each for each in named if not found(guarded, "serviceaccount", each[1], each[0])]
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        for namespace, name in missing
    ]
    answer = guarded.apply(*accounts)
    assert answer.done, answer.text
    yield guarded
    for namespace, name in missing:
        guarded.run("delete", "serviceaccount", name, f"--namespace={namespace}", "--wait=false")


def create(api: Api, pod: Pod, *, who: str = f"{PREFIX}kube-system:replicaset-controller") -> Answer:
    return Member.allowed(who, api).create(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod)


PROXYS_VOLUMES = (
    *({"name": name, "emptyDir": {}} for name in ("workload-socket", "credential-socket", "workload-certs")),
    {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
    {"name": "istio-data", "emptyDir": {}},
    {
        "name": "istio-podinfo",
        "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
    },
    {
        "name": "istio-token",
        "projected": {"sources": [{"serviceAccountToken": {"path": "istio-token", "audience": "istio-ca"}}]},
    },
    {"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}},
    {"name": "istio-ca-crl", "configMap": {"name": "istio-ca-crl", "optional": True}},
)
"""All that the template of istio 1.31 gives its proxy (manifests/charts, istiod, files/injection-template.yaml)."""


def with_proxy(pod: Pod, **more: Any) -> Pod:
    """As the mesh's injector makes it of a pod."""
    proxy = {
        "name": "istio-proxy",
        "image": cases.PROXY,
        "args": ["proxy", "sidecar"],
        "restartPolicy": "Always",
        "volumeMounts": [{"name": "istio-envoy", "mountPath": "/etc/istio/proxy"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **more,
    }
    volumes = [*pod["spec"].get("volumes", []), *PROXYS_VOLUMES]
    return {**pod, "spec": {**pod["spec"], "initContainers": [proxy], "volumes": volumes}}


def _volume(volume: dict[str, Any]) -> str:
    (kind,) = set(volume) - {"name"}
    if kind == "csi":
        return f"{kind} {volume[kind]['volumeAttributes']['secretProviderClass']}"
    name = {"hostPath": "path", "configMap": "name", "secret": "secretName"}.get(kind)
    return f"{kind} {volume[kind][name]}" if name else kind


def _container(container: dict[str, Any]) -> stack_pods.Container:
    repository, _, _ = images.in_parts(container["image"])
    assert not container.get("securityContext", {}).get("privileged")
    return stack_pods.Container(
        image=repository.removeprefix(images.prefix(manifests.REGISTRY)),
        command=container.get("command", []),
        args=container.get("args", []),
        capabilities=container.get("securityContext", {}).get("capabilities", {}).get("add", []),
        variables=[each["name"] for each in container.get("env", [])],
        configured=[each["configMapRef"]["name"] for each in container.get("envFrom", [])],
        mounts=[
            f"{each['name']} {each['mountPath']}{'' if each.get('readOnly') else ' write'}"
            for each in container.get("volumeMounts", [])
        ],
    )


def test_the_list_is_what_charts_and_components_make(made: dict[str, Pod]) -> None:
    listed: dict[str, dict[str, StackPod]] = {}
    for name, pod in made.items():
        if name == UNUSED:
            continue
        spec = pod["spec"]
        account = f"{pod['metadata']['namespace']}/{spec.get('serviceAccountName', 'default')}"
        listed.setdefault(account, {})[name] = StackPod(
            together=spec.get("shareProcessNamespace", False),
            volumes={each["name"]: _volume(each) for each in spec.get("volumes", [])},
            containers={
                each["name"]: _container(each)
                for each in (*spec.get("initContainers", []), *spec["containers"])
                if each["name"] != "istio-proxy"
            },
        )
    told, asked = (
        {
            account: json.loads(json.dumps({name: asdict(pod) for name, pod in pods.items()}))
            for account, pods in whole.items()
        }
        for whole in (PODS, listed)
    )
    assert told == asked


def test_every_namespace_of_the_stacks_own_system_is_held() -> None:
    """EKS's are by a rule of their own."""
    system = {each.name for each in ns.SYSTEM} - set(ns.EKS_OWNED)
    assert set(stack_pods.WHERE) == {*system, ns.INGRESS.name}


def test_the_daemon_that_no_group_needs_is_refused(accounted: Api, made: dict[str, Pod], helm: charts.Helm) -> None:
    (config,) = [
        each["data"] for each in placed(charts.every()["nvidia-device-plugin"], helm) if each["kind"] == "ConfigMap"
    ]
    assert "mps" not in json.dumps(config)
    assert refused(create(accounted, made[UNUSED]), RULE)


NAMES = ("nvidia-device-plugin", "dcgm-exporter", "istio-cni-node", "istiod", "istio-ingress", "karpenter")


@pytest.mark.parametrize(
    "name", [*NAMES, "argo-rollouts", "ml-pipeline", "persistence-agent", "metadata", "workflow-controller"]
)
def test_it_is_admitted_as_the_stack_makes_it(accounted: Api, made: dict[str, Pod], name: str) -> None:
    for who in (f"{PREFIX}kube-system:daemon-set-controller", "an-administrator"):
        answer = create(accounted, made[name], who=who)
        assert answer.done, answer.text


def test_with_what_eks_gives_to_each_pod_with_a_role_it_is_admitted(accounted: Api, made: dict[str, Pod]) -> None:
    name, at = "eks-pod-identity-token", "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    token = {"serviceAccountToken": {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}
    pod = changed(
        made["karpenter"],
        {
            "/spec/volumes/-": {"name": name, "projected": {"sources": [token]}},
            f"{FIRST}/volumeMounts/-": {"name": name, "mountPath": at, "readOnly": True},
            f"{FIRST}/env/-": {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": f"{at}/{name}"},
        },
    )
    answer = create(accounted, pod)
    assert answer.done, answer.text


def test_with_the_meshs_proxy_it_is_admitted_and_with_another_under_its_name_not(
    accounted: Api, made: dict[str, Pod]
) -> None:
    answer = create(accounted, with_proxy(made["argo-rollouts"]))
    assert answer.done, answer.text
    router = changed(made["istio-ingress"], {f"{FIRST}/args": ["proxy", "router", "--domain", "x"]})
    answer = create(accounted, router)
    assert answer.done, answer.text
    for more in (
        {"image": made["argo-rollouts"]["spec"]["containers"][0]["image"]},
        {"command": ["/bin/sh"]},
        {"args": ["request", "GET", "x"]},
        {"lifecycle": {"postStart": {"exec": {"command": ["id"]}}}},
    ):
        assert refused(create(accounted, with_proxy(made["argo-rollouts"], **more)), RULE, "not the mesh's proxy")
    sh = changed(made["istio-ingress"], {f"{FIRST}/command": ["/bin/sh", "-c", "id"]})
    assert refused(create(accounted, sh), RULE, "not the mesh's proxy")


FIRST, VOLUME = "/spec/containers/0", "/spec/volumes/-"
MOUNT = f"{FIRST}/volumeMounts/-"
TOOL = f"{manifests.REGISTRY}/mlflow:1@sha256:{'0' * 63}1"


def changed(pod: Pod, put: dict[str, Any]) -> Pod:
    """The pod with these JSON pointers set; lists that it has not got are there."""
    pod = json.loads(json.dumps(pod))
    pod["spec"].setdefault("volumes", [])
    for key in ("env", "envFrom", "volumeMounts"):
        pod["spec"]["containers"][0].setdefault(key, [])
    return cases.changed(pod, put)


ALONE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 1000, "runAsGroup": 1000}
RESTRICTED = {**ALONE, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
BESIDE = {"name": "beside", "image": TOOL, "securityContext": RESTRICTED}
OTHERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "privilege on every node": (
        "istio-cni-node",
        {f"{FIRST}/securityContext": {"privileged": True}},
        "more privilege than the stack gives to install-cni",
    ),
    "a capability": (
        "istio-cni-node",
        {f"{FIRST}/securityContext/capabilities/add/-": "SYS_MODULE"},
        "more privilege than the stack gives to install-cni",
    ),
    "a capability where the GPUs are": (
        "dcgm-exporter",
        {f"{FIRST}/securityContext/capabilities": {"add": ["SYS_ADMIN"]}},
        "more privilege than the stack gives to exporter",
    ),
    "a port of the node": (
        "istio-cni-node",
        {f"{FIRST}/ports/-": {"containerPort": 9999, "hostPort": 9999}},
        "more privilege than the stack gives to install-cni",
    ),
    "the node's processes": ("istio-cni-node", {"/spec/hostPID": True}, "it would share its node"),
    "the node's network": ("nvidia-device-plugin", {"/spec/hostNetwork": True}, "it would share its node"),
    "the node's files": (
        "istio-cni-node",
        {VOLUME: {"name": "node", "hostPath": {"path": "/"}}},
        "the stack has no such volume: node",
    ),
    "the node's files under a name that is known": (
        "istio-cni-node",
        {"/spec/volumes/0/hostPath/path": "/"},
        "the stack has no such volume: cni-bin-dir",
    ),
    "the node's files where the GPUs are": (
        "dcgm-exporter",
        {VOLUME: {"name": "node", "hostPath": {"path": "/"}}},
        "the stack has no such volume: node",
    ),
    "the node's processes to write": (
        "istio-cni-node",
        {f"{FIRST}/volumeMounts/1": {"name": "cni-host-procfs", "mountPath": "/host/proc"}},
        "a mount that the stack does not make is in install-cni",
    ),
    "a program over its own": (
        "nvidia-device-plugin",
        {MOUNT: {"name": "config", "mountPath": "/usr/bin"}},
        "a mount that the stack does not make is in nvidia-device-plugin-sidecar",
    ),
    "a Secret of the mesh's authority": (
        "istiod",
        {VOLUME: {"name": "key", "secret": {"secretName": "istio-ca-secret"}}},
        "the stack has no such volume: key",
    ),
    "a command on every node": (
        "istio-cni-node",
        {f"{FIRST}/command": ["/bin/sh", "-c", "id"]},
        "another program would be started in install-cni",
    ),
    "arguments": ("istiod", {f"{FIRST}/args/-": "--x"}, "another program would be started in discovery"),
    "a command of Karpenter's": (
        "karpenter",
        {f"{FIRST}/command": ["/bin/sh"]},
        "another program would be started in controller",
    ),
    "a command of Argo Rollouts'": (
        "argo-rollouts",
        {f"{FIRST}/args": ["--kubeconfig=x"]},
        "another program would be started in controller",
    ),
    "a command that asks how it is": (
        "istio-cni-node",
        {f"{FIRST}/livenessProbe": {"exec": {"command": ["id"]}}},
        "another program would be started in install-cni",
    ),
    "a command at its start": (
        "karpenter",
        {f"{FIRST}/lifecycle": {"postStart": {"exec": {"command": ["id"]}}}},
        "a container says what the stack does not: lifecycle",
    ),
    "another image of the registry": (
        "istio-cni-node",
        {f"{FIRST}/image": TOOL},
        "its container is of another image",
    ),
    "another container": (
        "istiod",
        {"/spec/containers/-": BESIDE},
        "it has a container that the stack does not make: beside",
    ),
    "another container before it": (
        "karpenter",
        {"/spec/initContainers": [BESIDE]},
        "it has a container that the stack does not make: beside",
    ),
    "another container beside the gateway": (
        "istio-ingress",
        {"/spec/containers/-": BESIDE},
        "it has a container that the stack does not make: beside",
    ),
    "a container of another pod's": (
        "dcgm-exporter",
        {f"{FIRST}/name": "install-cni"},
        "it has a container that the stack does not make: install-cni",
    ),
    "another place for its calls": (
        "karpenter",
        {f"{FIRST}/env/-": {"name": "AWS_ENDPOINT_URL", "value": "https://collector.example"}},
        "a variable that the stack does not set is in controller",
    ),
    "all variables of a ConfigMap": (
        "istiod",
        {f"{FIRST}/envFrom/-": {"configMapRef": {"name": "x"}}},
        "a variable that the stack does not set is in discovery",
    ),
    "another account's right": (
        "istio-cni-node",
        {"/spec/serviceAccountName": "default", "/spec/automountServiceAccountToken": False},
        "the stack has no pod that runs as istio-cni/default",
    ),
    "each other's processes": ("dcgm-exporter", {"/spec/shareProcessNamespace": True}, "each other's processes"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_with_what_the_stack_does_not_give_it_it_is_refused(accounted: Api, made: dict[str, Pod], what: str) -> None:
    """By whomever it is made: what asks for it is a webhook, which has no name in the request."""
    name, put, says = OTHERS[what]
    pod = changed(made[name], put)
    answer = create(accounted, pod, who=f"{PREFIX}kube-system:daemon-set-controller")
    assert refused(answer, RULE, says)


def test_what_runs_is_noted_on_and_gets_no_other_image_and_no_container_later(
    accounted: Api, made: dict[str, Pod]
) -> None:
    pod = json.loads(json.dumps(made["istio-cni-node"]))
    pod["metadata"]["name"] = "a-node-agent"
    assert accounted.apply(pod).done
    at = f"/api/v1/namespaces/{ns.ISTIO_CNI.name}/pods/a-node-agent"
    try:
        somebody = Member.allowed("an-administrator", accounted)
        assert somebody.patch(at, {"metadata": {"labels": {"x": "y"}}}).done
        read = found(accounted, "pod", "a-node-agent", ns.ISTIO_CNI.name)
        read["spec"]["containers"][0]["image"] = TOOL
        assert refused(somebody.replace(at, read), RULE, "of another image")
        read = found(accounted, "pod", "a-node-agent", ns.ISTIO_CNI.name)
        read["spec"]["ephemeralContainers"] = [{"name": "later", "image": read["spec"]["containers"][0]["image"]}]
        assert refused(somebody.replace(f"{at}/ephemeralcontainers", read), RULE, "does not make: later")
        assert somebody.delete(at).done
    finally:
        where = f"--namespace={ns.ISTIO_CNI.name}"
        accounted.run("delete", "pod", "a-node-agent", where, "--grace-period=0", "--force")
