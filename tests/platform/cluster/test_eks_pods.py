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
from tests.platform.cluster.test_add_on_contents import CONTENTS, PODS, containers, manifest

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
        for made in (pod(name), with_a_role(pod(name))):
            answer = create(accounted, made, who=who)
            assert answer.done, answer.text


def with_a_role(made: dict[str, Any]) -> dict[str, Any]:
    """A pod with what EKS's webhook of Pod Identity gives to it, in each of its containers, where its account has an
    association (aws/amazon-eks-pod-identity-webhook, pkg/handler; Amazon EKS User Guide, "Understand how EKS Pod
    Identity works"); the API server gives the account's own token besides."""
    name, at = "eks-pod-identity-token", "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    token = {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400, "path": name}
    variables = {
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{at}/{name}",
    }
    made["spec"].setdefault("volumes", []).append(
        {"name": name, "projected": {"sources": [{"serviceAccountToken": token}]}}
    )
    for each in containers(made["spec"]):
        said = {variable["name"] for variable in each.setdefault("env", [])}
        each["env"] += [{"name": key, "value": value} for key, value in variables.items() if key not in said]
        each.setdefault("volumeMounts", []).append({"name": name, "readOnly": True, "mountPath": at})
    return made


ADDED = f"{LAST}/securityContext/capabilities/add"
SPELLINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "a capability without its prefix": ("eks-pod-identity-agent", {ADDED: ["NET_BIND_SERVICE"]}),
    "a capability with its prefix": ("coredns", {ADDED: ["CAP_NET_BIND_SERVICE"]}),
    "a capability in small letters": ("coredns", {ADDED: ["net_bind_service"]}),
    "capabilities in another order": ("aws-node", {ADDED: ["NET_RAW", "NET_ADMIN"]}),
    "a path that ends in a slash": ("aws-node", {"/spec/volumes/1/hostPath/path": "/opt/cni/bin/"}),
    "a path that does not": (
        "ebs-csi-node",
        {"/spec/volumes/1/hostPath/path": "/var/lib/kubelet/plugins/ebs.csi.aws.com"},
    ),
    "a path with more slashes": ("kube-proxy", {"/spec/volumes/0/hostPath/path": "//var//log/."}),
    "a volume of a known pod": ("cloudwatch-agent", {"/spec/volumes/8/hostPath/path": "/var//log/pods//"}),
    "a mount of a known pod": ("cloudwatch-agent", {f"{LAST}/volumeMounts/1/mountPath": "/rootfs//"}),
    "the token's place": (
        "fluent-bit",
        {f"{LAST}/volumeMounts/8/mountPath": "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/"},
    ),
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_another_spelling_of_the_same_is_the_same(accounted: Api, what: str) -> None:
    name, put = SPELLINGS[what]
    answer = create(accounted, cases.changed(with_a_role(pod(name)), put))
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
    "privilege": (
        "metrics-server",
        {f"{LAST}/securityContext": {"privileged": True}},
        "more privilege than that account",
    ),
    "a capability": (
        "coredns",
        {f"{LAST}/securityContext/capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}},
        "more privilege than that account",
    ),
    "a capability by its longer name": (
        "eks-pod-identity-agent",
        {ADDED: ["CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"]},
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
    "the node's files by another spelling": (
        "kube-proxy",
        {VOLUME: {"name": "node", "hostPath": {"path": "//."}}},
        "no pod of that account has the path //.",
    ),
    "the node's modules to write": (
        "kube-proxy",
        {f"{LAST}/volumeMounts/2/readOnly": False},
        "it would write what its add-on reads: /lib/modules",
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
