"""What the EKS add-ons bring (`data/add_ons.yaml`, `data/add_on_pods.yaml`), against the guardrails on a live API
server and the flows."""

import copy
from collections.abc import Iterator
from functools import reduce
from posixpath import normpath
from typing import Any

import pytest
import yaml

from cluster import namespaces as ns
from cluster.add_ons import NETWORKING, SERVICES
from cluster.guardrails import eks_pods
from cluster.guardrails.admission import PREFIX
from cluster.guardrails.flows import Flow, Pods, flows
from cluster.security_groups import WEBHOOKS
from cluster.versions import VERSIONS
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api

CONTENTS: dict[str, dict[str, Any]] = yaml.load((cases.DATA / "add_ons.yaml").read_text(), yaml.CSafeLoader)
RENDERED: dict[str, dict[str, Any]] = yaml.load((cases.DATA / "add_on_pods.yaml").read_text(), yaml.CSafeLoader)
ADD_ONS = {each.name: each for each in (*NETWORKING, *SERVICES)}
PODS = {(add_on, name): pod for add_on, each in CONTENTS.items() for name, pod in each["pods"].items()}
"""By add-on and name."""
TAKES = {name: pod for pods in eks_pods.PODS.values() for name, pod in pods.items()}
"""What each takes of its node, by its name."""
UNDER_POLICIES = {key: pod for key, pod in PODS.items() if "hostNetwork" not in TAKES[key[1]].host}


def manifest(add_on: str, name: str, namespace: str, *, alone: bool = False) -> dict[str, Any]:
    """A workload as its chart has it, or its pod alone, in a namespace of the caller's choice."""
    described, spec = PODS[add_on, name], copy.deepcopy(RENDERED[add_on]["pods"][name])
    for each in containers(spec):
        each["image"] = f"{described['image']}.us-east-1.amazonaws.com/eks/{name}:{CONTENTS[add_on]['version']}"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(described["labels"])},
        "spec": {"serviceAccountName": described.get("account", "default"), **spec},
    }
    return cases.controller("Pod" if alone else described["kind"], pod)


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a pod, those that start it too."""
    return [*spec.get("initContainers", ()), *spec["containers"]]


def mounts(spec: dict[str, Any], volume: str) -> Iterator[dict[str, Any]]:
    """Where the containers of a pod have a volume of its."""
    return (mount for each in containers(spec) for mount in each.get("volumeMounts", ()) if mount["name"] == volume)


def flow(name: str) -> Flow:
    (found,) = [each for each in flows() if each.name == name]
    return found


def is_an_end(add_on: str, name: str, ends: tuple[Any, ...]) -> bool:
    """Whether the pod is among the pods at one end of a flow."""
    namespace, labels = CONTENTS[add_on]["namespace"], PODS[add_on, name]["labels"]
    return any(
        isinstance(end, Pods) and end.namespace == namespace and end.labels.items() <= labels.items() for end in ends
    )


def test_the_facts_are_of_the_pinned_versions() -> None:
    """Whoever moves a pin reads what the new version brings."""
    for versions in VERSIONS.values():
        assert {name: each["version"] for name, each in CONTENTS.items()} == versions.add_ons
    assert CONTENTS.keys() == ADD_ONS.keys()
    assert all(each["source"] for each in (*CONTENTS.values(), *RENDERED.values()))
    assert {name: (each["version"], [*each["pods"]]) for name, each in RENDERED.items()} == {
        name: (each["version"], [*each["pods"]]) for name, each in CONTENTS.items()
    }


@pytest.mark.parametrize(("add_on", "name"), PODS)
def test_a_pod_may_take_what_its_chart_takes_and_no_more(add_on: str, name: str) -> None:
    """In the rule's own spelling, for what the chart writes in another."""
    spec, takes = RENDERED[add_on]["pods"][name], TAKES[name]
    paths = {each["name"]: normpath(each["hostPath"]["path"]) for each in spec.get("volumes", ()) if "hostPath" in each}
    written = {path for each, path in paths.items() if not all(m.get("readOnly") for m in mounts(spec, each))}
    powers = [each.get("securityContext", {}) for each in containers(spec)]
    added = {power for each in powers for power in each.get("capabilities", {}).get("add", ())}
    assert set(takes.host) == {each for each in ("hostNetwork", "hostPID", "hostIPC") if spec.get(each)}
    assert takes.privileged is any(each.get("privileged", False) for each in powers)
    assert set(takes.capabilities) == {each.removeprefix("CAP_") for each in added}
    assert set(takes.paths(write=True)) == written
    assert set(takes.paths(write=False)) == set(paths.values()) - written


@pytest.mark.parametrize(("add_on", "name"), [key for key in PODS if TAKES[key[1]].mounts])
def test_of_a_pod_that_is_known_wholly_all_is_as_its_chart_has_it(add_on: str, name: str) -> None:
    spec, takes = RENDERED[add_on]["pods"][name], TAKES[name]
    (container,) = containers(spec)
    assert container["name"] == takes.container
    assert [each["name"] for each in container["env"]] == list(takes.variables)
    assert {each: (mount["at"], mount.get("write", False)) for each, mount in takes.mounts.items()} == {
        each["name"]: (normpath(each["mountPath"]), not each.get("readOnly")) for each in container["volumeMounts"]
    }
    assert {each: mount["is"] for each, mount in takes.mounts.items()} == {
        each["name"]: _told(each) for each in spec["volumes"]
    }


def _told(volume: dict[str, Any]) -> str:
    """In words of eks_pods.yaml."""
    (kind,) = volume.keys() - {"name"}
    name = volume[kind][{"hostPath": "path", "secret": "secretName", "configMap": "name"}[kind]]
    return f"{kind} {normpath(name)}"


def test_what_each_pod_takes_of_its_node_is_known() -> None:
    described = {
        f"{CONTENTS[add_on]['namespace']}/{pod.get('account', 'default')}/{name}"
        for (add_on, name), pod in PODS.items()
    }
    assert {f"{account}/{name}" for account, pods in eks_pods.PODS.items() for name in pods} == described
    assert len(TAKES) == len(PODS), "each by its name"


def test_each_add_on_is_installed_where_its_pods_are_let_in() -> None:
    for name, add_on in ADD_ONS.items():
        assert (add_on.namespace.name if add_on.namespace else ns.KUBE_SYSTEM) == CONTENTS[name]["namespace"]


def test_no_other_namespace_is_left_to_eks() -> None:
    assert set(ns.EKS_OWNED) - {ns.GUARDDUTY} == {each["namespace"] for each in CONTENTS.values()}


def test_a_role_is_for_an_account_that_a_pod_runs_as() -> None:
    for name, add_on in ADD_ONS.items():
        if add_on.service_account:
            assert add_on.service_account in {pod.get("account") for pod in CONTENTS[name]["pods"].values()}


def test_what_a_guardrail_would_refuse_in_pods_of_others_is_turned_off() -> None:
    for name, contents in CONTENTS.items():
        for value in contents.get("turned_off", {}):
            configured: Any = ADD_ONS[name].configuration
            assert reduce(lambda part, key: part[key], value.split("."), configured) is False, value


@pytest.mark.engine
@pytest.mark.parametrize(("add_on", "name"), PODS)
def test_the_api_server_and_the_guardrails_take_it_where_it_belongs(guarded: Api, add_on: str, name: str) -> None:
    answer = guarded.apply(manifest(add_on, name, CONTENTS[add_on]["namespace"]), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.engine
@pytest.mark.parametrize(("add_on", "name"), PODS)
def test_it_is_refused_among_workloads(guarded: Api, add_on: str, name: str) -> None:
    """So that the test above proves something: it is let in for its namespace, not for what it is."""
    answer = guarded.apply(manifest(add_on, name, ns.MONITORING.name), dry_run=True)
    assert not answer.done
    assert f"ValidatingAdmissionPolicy '{PREFIX}" in answer.text


@pytest.mark.engine
@pytest.mark.parametrize("namespace", sorted({each["namespace"] for each in CONTENTS.values()}))
def test_its_namespace_is_there_and_taken_again_as_the_add_on_writes_it(guarded: Api, namespace: str) -> None:
    """An add-on applies its own namespace, with none of our labels in it; those that are there stay."""
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    assert guarded.run("get", "namespace", namespace, "--output=json").done
    answer = guarded.apply(bare, dry_run=True)
    assert answer.done, answer.text


def webhooks(add_on: str) -> dict[str, Any]:
    """What changes or checks objects of the whole cluster for an add-on, as it writes that."""
    contents, groups = CONTENTS[add_on], {"pods": "", "namespaces": ""}
    called = {"namespace": contents["namespace"], "name": f"{add_on}-webhook-service", "path": "/mutate"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": add_on},
        "webhooks": [
            {
                "name": f"{kind}.{add_on}.example.com",
                "clientConfig": {"service": called},
                "failurePolicy": policy,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "rules": [
                    {
                        "apiGroups": [groups.get(kind, "apps")],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [kind],
                    }
                ],
            }
            for kind, policy in contents["webhooks"].items()
        ],
    }


WITH_WEBHOOKS = [add_on for add_on, contents in CONTENTS.items() if "webhooks" in contents]


@pytest.mark.engine
@pytest.mark.parametrize("add_on", WITH_WEBHOOKS)
def test_the_api_server_and_the_guardrails_take_its_webhooks(guarded: Api, add_on: str) -> None:
    """From EKS: no role of people may write one (docs/access.yaml). What one changed is judged by the guardrails after
    it."""
    answer = guarded.apply(webhooks(add_on), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.parametrize("add_on", WITH_WEBHOOKS)
def test_a_webhook_that_does_not_answer_stops_nothing_and_one_that_does_is_reached(add_on: str) -> None:
    contents = CONTENTS[add_on]
    assert set(contents["webhooks"].values()) == {"Ignore"}
    ports = {pod["port"] for pod in contents["pods"].values() if "agent-webhook" in pod.get("takes", ())}
    assert len(ports) == 1
    assert ports <= set(WEBHOOKS)


@pytest.mark.parametrize(("add_on", "name"), UNDER_POLICIES)
def test_a_pod_that_starts_closed_is_let_to_what_it_needs(add_on: str, name: str) -> None:
    """In strict mode it has no connection that no policy names."""
    pod = PODS[add_on, name]
    assert pod["opens"]
    for each in pod["opens"]:
        assert is_an_end(add_on, name, flow(each).source), each
    for each in pod.get("takes", ()):
        assert is_an_end(add_on, name, flow(each).target), each
        if "port" in pod:
            assert flow(each).ports == (pod["port"],)


def test_a_flow_of_an_add_on_alone_is_one_that_an_add_on_needs() -> None:
    """What nobody there needs is not open."""
    needed = {each for pod in UNDER_POLICIES.values() for each in (*pod["opens"], *pod.get("takes", ()))}
    for each in flows():
        owned = [end for end in (*each.source, *each.target) if isinstance(end, Pods) and end.namespace in ns.EKS_OWNED]
        others = [end for end in (*each.source, *each.target) if isinstance(end, Pods) and end not in owned]
        assert not owned or others or each.name in needed, each.name
