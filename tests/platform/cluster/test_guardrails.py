"""Every guardrail against a live API server: what it refuses, what it admits, and that nobody is left out."""

import json

import pytest

from cluster import namespaces as ns
from cluster.guardrails.admission import PREFIX
from cluster.guardrails.quotas import ROOMS
from cluster.roles import MESH, ROLES, WORKSPACE
from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api

pytestmark = pytest.mark.engine

CASES = cases.read()
WORKLOADS = (*ns.WORKLOADS, *manifests.SPACES)
PUBLIC = f"docker.io/library/busybox@sha256:{'0' * 64}"
SAFE = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}


def test_each_guardrail_has_a_manifest_that_it_refuses_and_one_that_it_admits() -> None:
    for rule in cases.RULES:
        assert {each.admitted for each in CASES if each.guardrail == rule} == {True, False}, rule
    assert {each.guardrail for each in CASES} == cases.RULES.keys()


@pytest.mark.parametrize("guardrail", cases.RULES)
def test_a_manifest_breaks_no_other_guardrail_than_its_own(guarded: Api, guardrail: str) -> None:
    """Without the one guardrail all its manifests are admitted, so each is refused for the one thing that it changes.

    But for GPUs elsewhere than in the GPU namespaces: those the quota refuses too.
    """
    binding = f"validatingadmissionpolicybinding/{PREFIX}{guardrail}"
    kept = json.loads(guarded.run("get", binding, "-o", "json").text)
    broken = [each.manifest() for each in CASES if each.guardrail == guardrail and not each.admitted]
    guarded.run("delete", binding)
    try:
        wait_for(lambda: f"'{PREFIX}{guardrail}'" not in guarded.apply(broken[0], dry_run=True).text)
        for manifest in broken:
            answer = guarded.apply(manifest, dry_run=True)
            assert answer.done or "exceeded quota: quota, requested: requests.nvidia.com" in answer.text, answer.text
    finally:
        metadata = {key: kept["metadata"][key] for key in ("name", "labels")}
        assert guarded.apply({**kept, "metadata": metadata}).done
        wait_for(lambda: f"'{PREFIX}{guardrail}'" in guarded.apply(broken[0], dry_run=True).text)


@pytest.mark.parametrize("kind", cases.KINDS)
def test_a_controller_of_compliant_pods_is_admitted(guarded: Api, kind: str) -> None:
    answer = guarded.apply(cases.controller(kind, cases.compliant_pod("training")), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.parametrize("namespace", [each.name for each in WORKLOADS if each is not ns.INGRESS])
def test_a_compliant_pod_is_admitted_in_every_namespace_of_workloads(guarded: Api, namespace: str) -> None:
    answer = guarded.apply(cases.compliant_pod(namespace), dry_run=True)
    assert answer.done, answer.text


def test_a_default_deny_policy_exists_in_every_namespace(guarded: Api) -> None:
    denying = {
        each["metadata"]["namespace"]
        for each in guarded.items("networkpolicies", "--all-namespaces")
        if each["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert denying == {each["metadata"]["name"] for each in guarded.items("namespaces")}


def test_a_container_that_is_put_into_a_running_pod_is_judged_too(guarded: Api) -> None:
    pod = cases.compliant_pod("mlflow")
    pod["metadata"]["name"] = "running"
    assert guarded.apply(pod).done
    debugger = {"name": "debugger", "image": PUBLIC, "securityContext": SAFE}
    answer = guarded.run(
        *("patch", "pod/running", "--namespace=mlflow", "--subresource=ephemeralcontainers", "--dry-run=server"),
        f"--patch={json.dumps({'spec': {'ephemeralContainers': [debugger]}})}",
    )
    assert f"{PUBLIC} is not from" in answer.text
    image = {"spec": {"containers": [{"name": "main", "image": PUBLIC}]}}
    answer = guarded.run(
        *("patch", "pod/running", "--namespace=mlflow", "--dry-run=server", f"--patch={json.dumps(image)}")
    )
    assert f"{PUBLIC} is not from" in answer.text


def test_a_secrets_value_is_not_repeated_in_the_refusal(guarded: Api) -> None:
    for case in CASES:
        if case.guardrail == "no-literal-secrets" and not case.admitted:
            text = guarded.apply(case.manifest(), dry_run=True).text
            assert not [each["value"] for each in case.set.values() if len(each["value"]) > 1 and each["value"] in text]


def test_pod_security_refuses_a_pod_that_may_become_root(guarded: Api) -> None:
    for namespace in WORKLOADS:
        pod = cases.compliant_pod(namespace.name)
        del pod["spec"]["containers"][0]["securityContext"]
        assert 'violates PodSecurity "restricted:v1.36"' in guarded.apply(pod, dry_run=True).text


def test_a_namespace_below_restricted_is_refused_and_a_restricted_one_admitted(guarded: Api) -> None:
    labels = {"parapet.dev/owner": "me", "parapet.dev/data-class": "none"}
    mine = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine", "labels": labels}}
    assert "Pod Security is not enforced" in guarded.apply(mine, dry_run=True).text
    labels["pod-security.kubernetes.io/enforce"] = "baseline"
    assert "Pod Security is not enforced" in guarded.apply(mine, dry_run=True).text
    labels["pod-security.kubernetes.io/enforce"] = "restricted"
    assert guarded.apply(mine, dry_run=True).done
    for version in ("v1.24", "v1.35"):
        labels["pod-security.kubernetes.io/enforce-version"] = version
        answer = guarded.apply(mine, dry_run=True)
        assert f"Pod Security is enforced as it was in {version}" in answer.text
        assert f"enforce-version: {ns.POD_SECURITY_VERSION}" in answer.text
    for version in (ns.POD_SECURITY_VERSION, "v1.40", "latest"):
        labels["pod-security.kubernetes.io/enforce-version"] = version
        answer = guarded.apply(mine, dry_run=True)
        assert answer.done, answer.text
    labels["parapet.dev/data-class"] = "public"
    assert "parapet.dev/data-class is missing or unknown" in guarded.apply(mine, dry_run=True).text


@pytest.mark.parametrize("label", ["enforce=privileged", "enforce-version=v1.20"])
def test_nobody_lowers_the_pod_security_of_a_workloads_namespace(guarded: Api, label: str) -> None:
    answer = guarded.run("label", "namespace", "training", f"pod-security.kubernetes.io/{label}", "--overwrite")
    assert f"{PREFIX}namespaces-are-restricted" in answer.text


def test_a_pod_that_the_scheduler_placed_takes_an_update_and_more_memory(guarded: Api) -> None:
    """It names its node then, as no pod may that somebody makes."""
    pod = cases.compliant_pod("monitoring")
    pod["metadata"]["name"] = "placed"
    assert guarded.apply(pod).done
    assert guarded.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a-node"}}).done
    room = json.dumps({"status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "8"}}})
    answer = guarded.run("patch", "node/a-node", "--subresource=status", f"--patch={room}")
    assert answer.done, answer.text
    place = ("pod/placed", "--namespace=monitoring")
    target = {"apiVersion": "v1", "kind": "Node", "name": "a-node"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "placed"}, "target": target}
    path = "/api/v1/namespaces/monitoring/pods/placed/binding"
    answer = guarded.run("create", f"--raw={path}", "--filename=-", stdin=json.dumps(binding))
    assert answer.done, answer.text
    more = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"memory": "256Mi"}}}]}}
    for patch, subresource in (({"metadata": {"labels": {"seen": "true"}}}, ()), (more, ("--subresource=resize",))):
        answer = guarded.run("patch", *place, *subresource, "--dry-run=server", f"--patch={json.dumps(patch)}")
        assert answer.done, answer.text
    guarded.run("delete", *place, "--grace-period=0", "--force")
    guarded.run("delete", "node/a-node")


def test_a_pod_is_judged_whichever_way_it_is_changed(guarded: Api) -> None:
    """But for its status, which kubelets write, and its place, which the scheduler does."""
    listed = json.loads(guarded.run("get", "--raw=/api/v1").text)["resources"]
    ways = {
        each["name"]
        for each in listed
        if each["name"].startswith("pods/") and each["kind"] == "Pod" and "patch" in each["verbs"]
    }
    judged = {
        resource
        for policy in guarded.items("validatingadmissionpolicies")
        if policy["metadata"]["name"] == f"{PREFIX}no-host-access"
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        for resource in rule["resources"]
    }
    assert ways - judged == {"pods/status"}


def test_the_label_that_exempts_a_namespace_cannot_be_forged(guarded: Api) -> None:
    guarded.run("label", "namespace", "training", f"{ns.NAME_LABEL}=kube-system", "--overwrite")
    (labels,) = [
        each["metadata"]["labels"] for each in guarded.items("namespaces") if each["metadata"]["name"] == "training"
    ]
    assert labels[ns.NAME_LABEL] == "training"


def test_every_policy_fails_closed_and_is_enforced_and_audited(guarded: Api) -> None:
    policies = [
        each for each in guarded.items("validatingadmissionpolicies") if each["metadata"]["name"].startswith(PREFIX)
    ]
    assert {each["spec"]["failurePolicy"] for each in policies} == {"Fail"}
    bindings = {
        each["spec"]["policyName"]: each["spec"]["validationActions"]
        for each in guarded.items("validatingadmissionpolicybindings")
    }
    assert all(bindings[each["metadata"]["name"]] == ["Deny", "Audit"] for each in policies)


def test_quota_stops_the_pod_past_the_last_gpu(guarded: Api) -> None:
    """The workspace was given two."""
    pod = cases.compliant_pod("notebooks")
    pod["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = 1
    for which in ("first", "second"):
        pod["metadata"]["name"] = which
        answer = guarded.apply(pod)
        assert answer.done, answer.text
    pod["metadata"]["name"] = "third"
    answer = guarded.apply(pod)
    assert "exceeded quota: quota, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=2" in answer.text
    for which in ("first", "second"):
        guarded.run("delete", "pod", which, "--namespace=notebooks", "--grace-period=0", "--force")


def test_quota_knows_network_adapters_and_leaves_no_other_way_to_a_device(guarded: Api) -> None:
    quotas = {
        each["metadata"]["namespace"]: each["spec"]["hard"]
        for each in guarded.items("resourcequotas", "--all-namespaces")
    }
    gpu = {*ns.GPU, *(each.name for each in manifests.SPACES if each.gpu)}
    assert {each["requests.vpc.amazonaws.com/efa"] for name, each in quotas.items() if name not in gpu} == {"0"}
    assert quotas["notebooks"]["requests.vpc.amazonaws.com/efa"] == "8"
    devices = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}
    for kind, spec in (("ResourceClaim", devices), ("ResourceClaimTemplate", {"spec": devices})):
        claim = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": "mine", "namespace": "training"},
            "spec": spec,
        }
        assert f"exceeded quota: quota, requested: count/{kind.lower()}s.resource.k8s.io=1" in guarded.apply(claim).text


def test_quota_counts_objects_too(guarded: Api) -> None:
    """Who may write a kind without end fills the API server's store. The mesh's cannot be counted from the start
    (`quotas.py`)."""
    quotas = {
        each["metadata"]["namespace"]: each["spec"]["hard"]
        for each in guarded.items("resourcequotas", "--all-namespaces")
    }
    written = {(namespace, "count/pods") for namespace in ROOMS} | {
        (namespace, f"count/{kind}" + (f".{rule['apiGroups'][0]}" if rule["apiGroups"][0] else ""))
        for grants, own in [
            *((role.grants, ()) for role in ROLES),
            (WORKSPACE[1:], [each.name for each in manifests.SPACES]),
        ]
        for grant in grants
        for namespace in (*grant.namespaces, *own)
        for rule in grant.rules
        if "create" in rule["verbs"] and rule["apiGroups"][0] != MESH
        for kind in rule["resources"]
        if "/" not in kind
    }
    assert written
    assert not [(namespace, kind) for namespace, kind in written if kind not in quotas[namespace]]
    for each in guarded.items("resourcequotas", "--all-namespaces"):
        assert each["status"]["used"].keys() == each["spec"]["hard"].keys(), "each is counted"


@pytest.mark.parametrize("namespace", ns.UNUSED)
def test_nothing_runs_in_the_namespaces_that_are_not_used(guarded: Api, namespace: str) -> None:
    pod = cases.compliant_pod(namespace)
    guarded.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}
    )
    assert "exceeded quota" in guarded.apply(pod).text


def test_a_load_balancer_is_to_be_had_in_the_ingress_namespace_only(guarded: Api) -> None:
    for namespace in (each.name for each in WORKLOADS if each is not ns.INGRESS):
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "open", "namespace": namespace},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 443}], "selector": {"app": "x"}},
        }
        assert "is of type LoadBalancer" in guarded.apply(service, dry_run=True).text
    (quota,) = guarded.items("resourcequotas", "--namespace=ingress")
    assert quota["spec"]["hard"]["services.loadbalancers"] == "1"


def test_a_container_that_asks_for_nothing_gets_limits_and_none_gets_a_whole_node(guarded: Api) -> None:
    pod = cases.compliant_pod("pipelines")
    pod["metadata"]["name"] = "modest"
    del pod["spec"]["containers"][0]["resources"]
    assert guarded.apply(pod).done
    (made,) = [each for each in guarded.items("pods", "--namespace=pipelines") if each["metadata"]["name"] == "modest"]
    assert made["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "17", "memory": "1Gi"}}
    pod["metadata"]["name"] = "greedy"
    assert "maximum cpu usage per Container is 16" in guarded.apply(pod, dry_run=True).text


def test_inference_comes_before_training_and_training_before_notebooks_and_batch(guarded: Api) -> None:
    classes = {each["metadata"]["name"]: each for each in guarded.items("priorityclasses")}
    order = ["system-node-critical", "inference", "training", "notebooks", "batch"]
    values = [classes[name]["value"] for name in order]
    assert values == sorted(values, reverse=True)
    assert classes["training"]["preemptionPolicy"] == "Never"
    assert not [name for name in order if classes[name].get("globalDefault")]


def test_quota_counts_rollouts(guarded: Api) -> None:
    (quota,) = guarded.items("resourcequotas", "--namespace=pipelines")
    rollout = cases.controller("Rollout", cases.compliant_pod("pipelines"))
    rollout["metadata"]["name"] = "counted"
    answer = guarded.apply(rollout)
    assert answer.done, answer.text

    def used() -> str:
        (now,) = guarded.items("resourcequotas", "--namespace=pipelines")
        return str(now["status"]["used"]["count/rollouts.argoproj.io"])

    wait_for(lambda: used() == "1")
    guarded.run("delete", "rollout", "counted", "--namespace=pipelines")
    assert int(quota["spec"]["hard"]["count/rollouts.argoproj.io"]) < 1_000
