"""The cluster that `./parapet up` provisions, by its user's means: kubectl and pulumi."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.roles import GROUP_PREFIX, ROLES
from local.registry import Registry, of
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.e2e.user import ONE_STACK, ROOT, User
from tests.e2e.work import GPU, TRAINER, Work
from tests.platform.cluster import cases

pytestmark = ONE_STACK
LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
CHAOS = "node-not-ready.stage.kwok.x-k8s.io"


@pytest.fixture(scope="module")
def registry(user: User, said_by_up: str) -> str:
    account = user.client("sts").get_caller_identity()["Account"]
    return f"{account}.dkr.ecr.us-east-1.amazonaws.com/parapet-local"


@pytest.fixture(scope="module")
def images(user: User, said_by_up: str) -> Registry:
    """What takes ECR's place."""
    found = of(Workspace(home=user.home))
    assert found
    return found


@pytest.fixture(scope="module")
def trainer(images: Registry) -> str:
    """The digest of an image that somebody pushed for workloads."""
    return images.push_stand_in(TRAINER, "1", "a trainer")


@pytest.fixture
def work(user: User, registry: str, trainer: str) -> Iterator[Work]:
    work = Work(user, registry, trainer)
    yield work
    kinds = "pods,deployments,poddisruptionbudgets"
    for place in ("training", "notebooks", "serving"):
        user.kubectl("delete", kinds, "--all", f"--namespace={place}", "--cascade=foreground")


def _nodes(user: User, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.get("nodes", f"--selector=parapet.dev/node-role={role}")["items"]
    return found


def _is_ready(node: dict[str, Any]) -> bool:
    """Also without the taints of a lost node, for which pods are still deleted when its condition is well again."""
    lost = any(one["key"] in LOST for one in node["spec"].get("taints", ()))
    return not lost and any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def test_the_kubeconfig_that_status_names_leads_to_the_nodes_of_the_node_groups(user: User, said_by_up: str) -> None:
    status = user.status()
    _, config = user.kubectl("config", "view", "--output=jsonpath={.clusters[*].cluster.server}")
    assert config.endswith(status["kubernetes_url"])
    assert Path(status["kubeconfig"]).is_relative_to(user.home)
    system, workload, gpu = (_nodes(user, role) for role in ("system", "workload", "gpu"))
    assert (len(system), len(workload), len(gpu)) == (2, 2, 1)
    assert all(_is_ready(node) for node in (*system, *workload, *gpu))
    assert gpu[0]["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in gpu[0]["spec"]["taints"]
    assert not [node for node in (*system, *workload) if "nvidia.com/gpu" in node["status"]["allocatable"]]


def test_the_platforms_nodes_are_the_platforms(work: Work) -> None:
    system, workload = (
        {node["metadata"]["name"] for node in _nodes(work.user, role)} for role in ("system", "workload")
    )
    intruder = work.pod("intrudes", **{"/spec/nodeSelector": {"parapet.dev/node-role": "system"}})
    status, said = work.apply(work.pod("works"), intruder)
    assert status == 0, said
    wait_for(lambda: work.running("training") and work.unschedulable("training"))
    assert work.running("training")["works"] in workload
    assert "untolerated taint" in work.unschedulable("training")["intrudes"]
    assert set(work.running("mlflow").values()) <= system
    assert work.running("mlflow")


def test_a_gpu_pod_lands_on_a_gpu_node_and_only_there(work: Work) -> None:
    node = _nodes(work.user, "gpu")[0]["metadata"]["name"]
    status, said = work.apply(
        work.pod("trains", **GPU),
        work.pod("waits", **GPU),
        work.pod("needs-none"),
        work.pod("intrudes", **{"/spec/nodeSelector": {"parapet.dev/node-role": "gpu"}}),
    )
    assert status == 0, said
    wait_for(lambda: len(work.running("training")) == 2 and len(work.unschedulable("training")) == 2)
    running, waiting = work.running("training"), work.unschedulable("training")
    gpu_pods = {"trains", "waits"}
    assert [running[name] for name in gpu_pods & set(running)] == [node]
    assert running["needs-none"] != node
    assert "Insufficient nvidia.com/gpu" in waiting[next(iter(gpu_pods & set(waiting)))]
    assert "untolerated taint" in waiting["intrudes"]


def test_the_quota_stops_the_gpu_pod_past_the_limit(work: Work) -> None:
    """Of the four GPUs that the stack's group can grow to, the workspace was given one."""
    assert work.apply(work.pod("first", "notebooks", **GPU))[0] == 0
    status, said = work.apply(work.pod("past-the-limit", "notebooks", **GPU))
    assert status != 0
    assert "exceeded quota" in said
    assert "limited: requests.nvidia.com/gpu=1" in said


REFUSED = {case.guardrail: case for case in reversed(cases.read()) if not case.admitted and case.says}


@pytest.mark.parametrize("guardrail", sorted({case.guardrail for case in cases.read()}))
def test_a_guardrail_of_the_stack_refuses_and_says_why(work: Work, guardrail: str) -> None:
    """One violation of each; tests/platform/cluster has every one of them."""
    manifest = work.manifest(REFUSED[guardrail])
    status, said = work.user.kubectl("apply", "--dry-run=server", "--filename=-", given=manifest)
    assert status != 0
    assert guardrail in said
    assert REFUSED[guardrail].says in said


def test_a_pod_below_the_restricted_standard_is_refused(work: Work) -> None:
    manifest = work.pod("root", **{"/spec/containers/0/securityContext": {"privileged": True}})
    status, said = work.user.kubectl("apply", "--dry-run=server", "--filename=-", given=manifest)
    assert status != 0
    assert 'violates PodSecurity "restricted' in said


def test_every_namespace_denies_by_default_both_ways(user: User, said_by_up: str) -> None:
    denying = {
        policy["metadata"]["namespace"]
        for policy in user.get("networkpolicies", "--all-namespaces")["items"]
        if policy["spec"]["podSelector"] == {}
        and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not {"ingress", "egress"} & set(policy["spec"])
    }
    assert denying == {one["metadata"]["name"] for one in user.get("namespaces")["items"]}
    assert denying >= set(ns.EVERY)


@pytest.mark.parametrize(
    ("role", "question", "answer"),
    [
        ("data-scientist", "create jobs.batch --namespace=training", "yes"),
        ("data-scientist", "get secrets --namespace=training", "no"),
        ("ml-engineer", "patch deployments.apps --namespace=serving", "yes"),
        ("ml-engineer", "create pods --subresource=exec --namespace=serving", "no"),
        ("workspace:notebooks", "create pods --subresource=exec --namespace=notebooks", "yes"),
        ("workspace:notebooks", "create pods --subresource=exec --namespace=second-team", "no"),
        ("data-scientist", "create pods --subresource=exec --namespace=notebooks", "no"),
        ("platform-operator", "patch nodes", "yes"),
        ("auditor", "list pods --all-namespaces", "yes"),
        ("auditor", "delete pods --namespace=training", "no"),
    ],
)
def test_a_role_may_what_it_needs_and_no_more(
    user: User, said_by_up: str, role: str, question: str, answer: str
) -> None:
    group = next((each.group for each in ROLES if each.name == role), GROUP_PREFIX + role)
    _, said = user.kubectl("auth", "can-i", *question.split(), "--as=someone", f"--as-group={group}")
    assert said.split()[0] == answer, said


def _served(work: Work) -> dict[str, Any]:
    soon = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1} for key in LOST]
    served = work.manifest(
        cases.Case("", "", True, kind="Deployment", namespace="serving", set={"/spec/tolerations": soon}), "served"
    )
    served["spec"]["replicas"] = 2
    return served


def test_a_node_dies_and_its_pods_run_elsewhere(work: Work) -> None:
    status, said = work.apply(_served(work))
    assert status == 0, said
    before = wait_for(lambda: found if len(found := work.running("serving")) == 2 else None)
    lost = next(iter(before.values()))
    work.user.kubectl("label", "node", lost, f"{CHAOS}=true")
    try:

        def moved() -> bool:
            running = work.running("serving")
            return len(running) == 2 and lost not in running.values()

        wait_for(moved)
    finally:
        work.user.kubectl("label", "node", lost, f"{CHAOS}-")
    wait_for(lambda: all(_is_ready(node) for node in _nodes(work.user, "workload")))


def test_a_disruption_budget_holds_against_a_drain(work: Work) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "served", "namespace": "serving"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "case"}}},
    }
    status, said = work.apply(_served(work), budget)
    assert status == 0, said
    wait_for(lambda: work.user.get("pdb", "served", "--namespace=serving")["status"].get("currentHealthy") == 2)
    running = work.running("serving")
    node = next(iter(running.values()))
    try:
        status, said = work.user.kubectl("drain", node, "--pod-selector=app=case", "--timeout=3s")
        assert status != 0
        assert "violate the pod's disruption budget" in said
        assert work.running("serving") == running
    finally:
        work.user.kubectl("uncordon", node)


def test_a_pod_whose_image_is_gone_from_the_registry_does_not_start_until_it_is_back(
    work: Work, images: Registry
) -> None:
    images.delete(TRAINER, "1")
    images.delete(TRAINER, work.digest)
    pod = work.pod("lacking")
    assert work.apply(pod)[0] == 0

    def status() -> dict[str, Any]:
        found: dict[str, Any] = work.user.get("pod", "lacking", "--namespace=training")["status"]
        return found

    (told,) = wait_for(lambda: status().get("containerStatuses"))
    image = pod["spec"]["containers"][0]["image"]
    assert told["state"]["waiting"] == {"reason": "ErrImagePull", "message": f"{image}: not found in the registry"}
    assert status()["phase"] == "Pending"
    images.push_stand_in(TRAINER, "1", "a trainer")
    wait_for(lambda: status()["phase"] == "Running")


PRIVILEGED = """
    import pulumi_kubernetes as kubernetes

    kubernetes.apps.v1.Deployment(
        "unsound",
        metadata={"namespace": "amazon-cloudwatch"},
        spec={
            "selector": {"matchLabels": {"app": "unsound"}},
            "template": {
                "metadata": {"labels": {"app": "unsound"}},
                "spec": {"containers": [{"name": "c", "image": "x", "securityContext": {"privileged": True}}]},
            },
        },
    )
"""
MISSPELT = """
    import pulumi_kubernetes as kubernetes

    kubernetes.core.v1.Service(
        "misspelt", metadata={"namespace": "serving"}, spec={"ports": [{"port": 80, "tragetPort": 8080}]}
    )
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [(PRIVILEGED, "workload-runs-confined"), (MISSPELT, "tragetPort: field not declared in schema")],
    ids=["by a rule of the pack", "in the API server's own words"],
)
def test_a_preview_refuses_what_the_cluster_must_not_get(
    user: User, said_by_up: str, tmp_path: Path, program: str, told: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(json.dumps({"name": "foreign-cluster", "runtime": "python"}))
    (tmp_path / "__main__.py").write_text(textwrap.dedent(program))
    status, said = user.shell("pulumi stack init dev", tmp_path)
    assert status == 0, said
    status, said = user.shell(f"pulumi preview --stack dev --policy-pack {ROOT / 'policies'}", tmp_path)
    user.shell("pulumi stack rm dev --yes", tmp_path)
    assert status != 0
    assert told in said, said
