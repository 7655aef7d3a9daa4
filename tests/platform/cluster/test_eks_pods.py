"""What a pod of EKS's may take of its node, whoever made it and whatever a webhook made of it: asked of a live API
server in the name of the controller that makes them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guardrails import eks_pods
from cluster.guardrails.account_names import PREFIX
from tests.platform.cluster import cases
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, refused
from tests.platform.cluster.test_add_on_contents import CONTENTS, PODS, manifest

pytestmark = pytest.mark.engine

RULE = "pods-of-eks-are-as-their-add-ons-have-them"
IMAGE = "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1"
ADD_ONS = {name: add_on for add_on, name in PODS}
LAST = "/spec/containers/0"
VOLUME, MOUNT = "/spec/volumes/-", f"{LAST}/volumeMounts/-"


@pytest.fixture(scope="module")
def accounted(guarded: Api) -> Iterator[Api]:
    """With the add-ons' accounts, without which no pod is made."""
    there = [account.split("/") for account in eks_pods.PODS if not account.endswith("/default")]
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        for namespace, name in there
    ]
    answer = guarded.apply(*accounts)
    assert answer.done, answer.text
    yield guarded
    for namespace, name in there:
        guarded.run("delete", "serviceaccount", name, f"--namespace={namespace}", "--wait=false")


def pod(name: str) -> dict[str, Any]:
    return manifest(ADD_ONS[name], name, CONTENTS[ADD_ONS[name]]["namespace"], alone=True)


def create(api: Api, made: dict[str, Any], *, who: str = f"{PREFIX}kube-system:daemon-set-controller") -> Answer:
    return Member.allowed(who, api).create(f"/api/v1/namespaces/{made['metadata']['namespace']}/pods", made)


def changed(name: str, put: dict[str, Any]) -> dict[str, Any]:
    """The pod of that name, with these JSON pointers set; lists that it has not got are there."""
    made = pod(name)
    made["spec"].setdefault("volumes", [])
    made["spec"]["containers"][0].setdefault("volumeMounts", [])
    return cases.changed(made, put)


@pytest.mark.parametrize("name", ADD_ONS)
def test_it_is_admitted_as_its_add_on_has_it(accounted: Api, name: str) -> None:
    for who in (f"{PREFIX}kube-system:daemon-set-controller", "an-administrator"):
        answer = create(accounted, pod(name), who=who)
        assert answer.done, answer.text


def test_a_capability_is_the_same_by_its_longer_name(accounted: Api) -> None:
    """As the agent of Pod Identity has it (aws/eks-pod-identity-agent, charts, templates/daemonset.yaml)."""
    for name, done in (("CAP_NET_BIND_SERVICE", True), ("CAP_SYS_ADMIN", False)):
        made = pod("eks-pod-identity-agent")
        made["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = [name]
        answer = create(accounted, made)
        assert answer.done if done else refused(answer, RULE, "more privilege"), answer.text


@pytest.mark.parametrize("name", ["cloudwatch-agent", "fluent-bit"])
def test_with_what_eks_gives_to_each_pod_with_a_role_it_is_admitted(accounted: Api, name: str) -> None:
    """Its webhook of Pod Identity; the API server gives the account's own token besides."""
    token = {"serviceAccountToken": {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400, "path": "token"}}
    made = changed(
        name,
        {
            VOLUME: {"name": "eks-pod-identity-token", "projected": {"sources": [token]}},
            MOUNT: {
                "name": "eks-pod-identity-token",
                "mountPath": "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
                "readOnly": True,
            },
            f"{LAST}/env/-": {
                "name": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "value": "http://169.254.170.23/v1/credentials",
            },
        },
    )
    answer = create(accounted, made)
    assert answer.done, answer.text


OTHERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "one of Kubernetes' own accounts": (
        "coredns",
        {"/spec/serviceAccountName": "clusterrole-aggregation-controller"},
        "no add-on of EKS has a pod that runs as kube-system/clusterrole-aggregation-controller",
    ),
    "the node's network": ("coredns", {"/spec/hostNetwork": True}, "it would share its node: hostNetwork"),
    "the node's processes": ("aws-node", {"/spec/hostPID": True}, "it would share its node: hostPID"),
    "the node's memory": ("kube-proxy", {"/spec/hostIPC": True}, "it would share its node: hostIPC"),
    "privilege": ("metrics-server", {f"{LAST}/securityContext/privileged": True}, "more privilege than that account"),
    "a capability": (
        "coredns",
        {f"{LAST}/securityContext/capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}},
        "more privilege than that account",
    ),
    "a container with privilege before it": (
        "ebs-csi-controller",
        {"/spec/initContainers": [{"name": "before", "image": IMAGE, "securityContext": {"privileged": True}}]},
        "more privilege than that account has in before",
    ),
    "the node's files": (
        "kube-proxy",
        {VOLUME: {"name": "node", "hostPath": {"path": "/"}}},
        "no pod of that account has the path /",
    ),
    "a file of the node's": (
        "coredns",
        {VOLUME: {"name": "node", "hostPath": {"path": "/etc/kubernetes"}}},
        "no pod of that account has the path /etc/kubernetes",
    ),
    "an image for a volume": (
        "kube-proxy",
        {VOLUME: {"name": "code", "image": {"reference": "docker.io/library/busybox:1"}}},
        "the volume is of no kind that an add-on has: code",
    ),
    "somebody's claim": (
        "coredns",
        {VOLUME: {"name": "data", "persistentVolumeClaim": {"claimName": "another"}}},
        "the volume is of no kind that an add-on has: data",
    ),
    "another driver's volume": (
        "coredns",
        {VOLUME: {"name": "data", "csi": {"driver": "example.com"}}},
        "the volume is of no kind that an add-on has: data",
    ),
    "the node's files to write, by the agent": (
        "cloudwatch-agent",
        {f"{LAST}/volumeMounts/1/readOnly": False},
        "it would write what its add-on reads: /rootfs",
    ),
    "logs to write, by Fluent Bit": (
        "fluent-bit",
        {f"{LAST}/volumeMounts/1/readOnly": False},
        "it would write what its add-on reads: /var/log",
    ),
    "a path of Fluent Bit's, by the agent": (
        "cloudwatch-agent",
        {
            VOLUME: {"name": "varlog", "hostPath": {"path": "/var/log"}},
            MOUNT: {"name": "varlog", "mountPath": "/var/log", "readOnly": True},
        },
        "its add-on mounts nothing so at /var/log",
    ),
    "a command, by the agent": (
        "cloudwatch-agent",
        {f"{LAST}/command": ["/bin/sh"]},
        "does not say command",
    ),
    "a command, by Fluent Bit": ("fluent-bit", {f"{LAST}/args": ["-i", "exec"]}, "its add-on does not say args"),
    "another place for its calls": (
        "fluent-bit",
        {f"{LAST}/env/-": {"name": "AWS_ENDPOINT_URL", "value": "https://collector.example"}},
        "its add-on sets no variable AWS_ENDPOINT_URL",
    ),
    "a program over its own": (
        "cloudwatch-agent",
        {f"{LAST}/volumeMounts/0/mountPath": "/opt/aws/amazon-cloudwatch-agent/bin"},
        "its add-on mounts nothing so at /opt/aws",
    ),
    "another container beside it": (
        "fluent-bit",
        {"/spec/containers/-": {"name": "beside", "image": IMAGE}},
        "it has other containers than its add-on makes",
    ),
    "another container before it": (
        "fluent-bit",
        {"/spec/initContainers": [{"name": "before", "image": IMAGE}]},
        "its add-on does not say initContainers",
    ),
    "another user": (
        "cloudwatch-agent",
        {"/spec/securityContext": {"runAsUser": 0}},
        "does not say runAsUser",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_with_what_its_add_on_has_not_it_is_refused(accounted: Api, what: str) -> None:
    """By whomever it is made: what asks for it is a webhook, which has no name in the request."""
    name, put, says = OTHERS[what]
    made = changed(name, put)
    assert refused(create(accounted, made), RULE, says)
    assert refused(create(accounted, made, who="an-administrator"), RULE, says)


def test_a_container_that_comes_later_is_asked_too_and_the_pod_is_noted_on_and_let_go(accounted: Api) -> None:
    made = pod("coredns")
    made["metadata"]["name"] = "a-name-server"
    assert accounted.apply(made).done
    at = "/api/v1/namespaces/kube-system/pods/a-name-server"
    try:
        read = accounted.run("get", "pod", "a-name-server", "--namespace=kube-system", "--output=json")
        somebody = Member.allowed("an-administrator", accounted)
        for powers, done in (({"privileged": True}, False), ({}, True)):
            with_one = json.loads(read.text)
            with_one["spec"]["ephemeralContainers"] = [{"name": "d", "image": IMAGE, "securityContext": powers}]
            answer = somebody.replace(f"{at}/ephemeralcontainers", with_one)
            assert answer.done if done else refused(answer, RULE, "more privilege"), answer.text
        assert somebody.patch(at, {"metadata": {"labels": {"x": "y"}}}).done
        assert somebody.delete(at).done
    finally:
        accounted.run("delete", "pod", "a-name-server", "--namespace=kube-system", "--grace-period=0", "--force")
