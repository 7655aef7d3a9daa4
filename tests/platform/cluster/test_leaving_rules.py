"""That the pods of people's controllers end when they are told to, and go to no node that is being emptied, asked of a
live API server in their name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guardrails.admission import POD_KINDS
from cluster.guardrails.leaving_rules import LONGEST_GRACE, MOST_KEPT, TEMPLATES
from cluster.guardrails.quotas import OBJECTS, ROOMS
from tests.cluster import wait_for
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, refused

pytestmark = pytest.mark.engine

RULE, ENDS = "pods-go-when-told", "pods-end-in-time"
MONTH = 30 * 24 * 3600
GPU = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
LOST = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
PROBE = {"exec": {"command": ["true"]}, "terminationGracePeriodSeconds": MONTH}
FIRST: dict[str, Any] = cases.compliant_pod("serving")["spec"]["containers"][0]


class Everything:
    """One of the people, whom RBAC lets do everything, so that each kind is asked."""

    group = "parapet:everything"


@pytest.fixture(scope="module")
def person(guarded: Api) -> Iterator[Member]:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": Everything.group}],
    }
    assert (answer := guarded.apply(binding)).done, answer.text
    person = Member.of(Everything(), guarded)
    wait_for(lambda: person.apply(*made("PodTemplate", {})).done)
    yield person
    guarded.run("delete", "clusterrolebinding", "everything")


def made(kind: str, pod: dict[str, Any], **metadata: Any) -> tuple[str, dict[str, Any]]:
    """Where such pods are made by this kind, and the kind's object."""
    manifest = cases.controller(kind, cases.compliant_pod("serving"))
    template = manifest["spec"]["jobTemplate"]["spec"]["template"] if kind == "CronJob" else None
    template = template or (manifest["template"] if kind == "PodTemplate" else manifest["spec"]["template"])
    manifest["metadata"]["name"] = "stays"
    template["metadata"] |= metadata
    template["spec"] |= pod
    if kind == "Rollout":
        judged = {"analysis": {"templates": [{"templateName": "error-rate", "clusterScope": True}]}}
        manifest["spec"] |= {"replicas": 5, "strategy": {"canary": {"steps": [{"setWeight": 10}, judged]}}}
    version = cases.KINDS[kind]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{root}/namespaces/serving/{kind.lower()}s", manifest


STAY = {
    "a finalizer": ({}, {"finalizers": ["example.com/held"]}, "held by example.com/held"),
    "a month to end": ({"terminationGracePeriodSeconds": MONTH}, {}, "longer to end"),
    "a second too many": ({"terminationGracePeriodSeconds": LONGEST_GRACE + 1}, {}, "longer to end"),
    "a month for a probe": ({"containers": [{**FIRST, "livenessProbe": PROBE}]}, {}, "longer to end"),
    "a cordon": ({"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}, {}, "tolerate"),
    "Karpenter's end": ({"tolerations": [{"key": "karpenter.sh/disrupted", "operator": "Exists"}]}, {}, "tolerate"),
    "an operator's": ({"tolerations": [{"key": "operators.parapet.dev/fan", "operator": "Exists"}]}, {}, "tolerate"),
    "agents that are not there": ({"tolerations": [{"key": "cni.istio.io/not-ready", "operator": "Exists"}]}, {}, ""),
    "a lost node for ever": ({"tolerations": [LOST]}, {}, "would tolerate node.kubernetes.io/unreachable"),
    "a lost node for a month": ({"tolerations": [{**LOST, "tolerationSeconds": MONTH}]}, {}, "tolerate"),
}


@pytest.mark.parametrize("kind", cases.KINDS)
def test_no_kind_makes_pods_that_stay(person: Member, kind: str) -> None:
    for pod, metadata, says in STAY.values():
        answer = person.apply(*made(kind, pod, **metadata))
        if kind == "Rollout" and metadata:
            assert ".spec.template.metadata.finalizers: field not declared" in answer.text, "its kind has none"
        else:
            assert refused(answer, RULE, says)


@pytest.mark.parametrize("kind", cases.KINDS)
def test_pods_that_end_in_time_are_made(person: Member, kind: str) -> None:
    lawful = {
        "terminationGracePeriodSeconds": LONGEST_GRACE,
        "tolerations": [{**LOST, "tolerationSeconds": 300}],
        "containers": [{**FIRST, "livenessProbe": {**PROBE, "terminationGracePeriodSeconds": 30}}],
    }
    answer = person.apply(*made(kind, lawful))
    assert answer.done, answer.text


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Rollout"])
def test_what_is_kept_to_go_back_to_is_no_more_than_is_used(person: Member, kind: str) -> None:
    """Each version is a whole template in the API server's store, and its controller writes it down."""
    at, manifest = made(kind, {})
    for most, lawful in ((MOST_KEPT + 1, False), (MOST_KEPT, True), (0, True)):
        manifest["spec"]["revisionHistoryLimit"] = most
        answer = person.apply(at, manifest)
        assert answer.done if lawful else refused(answer, RULE, f"would keep {most} versions"), answer.text


def test_a_pod_with_a_gpu_tolerates_that_and_no_more(person: Member) -> None:
    limits = {**FIRST["resources"]["limits"], "nvidia.com/gpu": 1}
    container = {**FIRST, "resources": {**FIRST["resources"], "limits": limits}}
    answer = person.apply(*made("Deployment", {"containers": [container], "tolerations": [GPU]}))
    assert answer.done, answer.text
    everything = {"containers": [container], "tolerations": [GPU, {"operator": "Exists"}]}
    assert refused(person.apply(*made("Deployment", everything)), RULE, "would tolerate every taint")


def test_who_keeps_the_stack_says_what_stays(guarded: Api) -> None:
    _, agent = made("DaemonSet", {"terminationGracePeriodSeconds": MONTH}, finalizers=["example.com/held"])
    answer = guarded.apply(agent, dry_run=True)
    assert answer.done, answer.text


def test_every_kind_with_a_template_is_asked() -> None:
    kinds = {each for _, _, resources in POD_KINDS for each in resources if not each.startswith("pods")}
    assert set(TEMPLATES) == kinds


def test_who_ends_a_pod_gives_it_no_month(guarded: Api, person: Member) -> None:
    """By a delete or by an eviction: the caller's time is taken in place of the pod's own, where a node runs it."""
    pod = cases.changed(cases.compliant_pod("serving"), {"/metadata/name": "leaving"})
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "leaving"}}
    assert (answer := guarded.apply(pod, node)).done, answer.text
    at = "/api/v1/namespaces/serving/pods/leaving"
    target = {"apiVersion": "v1", "kind": "Node", "name": "leaving"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "leaving"}, "target": target}
    try:
        answer = guarded.run("create", f"--raw={at}/binding", "--filename=-", stdin=json.dumps(binding))
        assert answer.done, answer.text
        for seconds, lawful in ((MONTH, False), (LONGEST_GRACE, True), (0, True), (None, True)):
            options = {"dryRun": ["All"], **({} if seconds is None else {"gracePeriodSeconds": seconds})}
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "leaving"}}
            for answer in (
                person.delete(at, {"apiVersion": "v1", "kind": "DeleteOptions", **options}),
                person.create(f"{at}/eviction", {**eviction, "deleteOptions": options}),
            ):
                if lawful:
                    assert answer.done, answer.text
                else:
                    assert refused(answer, ENDS, f"would have {MONTH} seconds to end")
    finally:
        guarded.run("delete", "pod", "leaving", "--namespace=serving", "--grace-period=0", "--force")
        guarded.run("delete", "node", "leaving")


def test_a_quota_counts_pods_that_have_ended_too(guarded: Api) -> None:
    """`pods` counts those that run, or may yet."""
    for namespace in ROOMS:
        (quota,) = guarded.items("resourcequotas", f"--namespace={namespace}")
        assert quota["spec"]["hard"]["count/pods"] == "5k"
        assert ROOMS[namespace].pods < OBJECTS["pods"] == 5_000
