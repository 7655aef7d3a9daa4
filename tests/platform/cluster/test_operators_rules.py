"""What operators may not do to the platform, nor teams to what judges a rollout, at a live API server in their name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.namespaces import GUARDDUTY
from cluster.roles import ML_ENGINEER, PLATFORM_OPERATOR
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused

pytestmark = pytest.mark.engine

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
STARTS = [
    {"key": key, "effect": effect}
    for key, effect in (
        ("ebs.csi.aws.com/agent-not-ready", "NoExecute"),
        ("node.cilium.io/agent-not-ready", "NoSchedule"),
        ("cni.istio.io/not-ready", "NoSchedule"),
        ("example.com/anybodys-agent", "NoSchedule"),
    )
]
"""What a node may start with, until what guards or serves it is there."""
MINE = {"key": "operators.parapet.dev/broken", "effect": "NoSchedule"}
NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "case",
        "labels": {"parapet.dev/role": "gpu"},
        "finalizers": ["karpenter.sh/termination"],
    },
    "spec": {
        "providerID": "aws:///us-east-1a/i-0123456789abcdef0",
        "unschedulable": True,
        "taints": [GPU_TAINT],
    },
}
POOL: dict[str, Any] = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "case", "annotations": {"karpenter.sh/nodepool-hash": "1"}},
    "spec": {
        "limits": {"nvidia.com/gpu": "8"},
        "template": {
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "case"},
                "requirements": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}],
            }
        },
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "10m"},
    },
}
ROUTED = {
    "stableService": "model-stable",
    "canaryService": "model-next",
    "trafficRouting": {"istio": {"virtualService": {"name": "model"}}},
}
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts"


@pytest.fixture(scope="module")
def governed(guarded: Api, workspace: Workspace) -> Api:
    pools = yaml.safe_load((workspace.sources / "crds" / "karpenter" / "karpenter.sh_nodepools.yaml").read_text())
    answer = govern(guarded).apply(NODE, pools)
    assert answer.done, answer.text
    operator = Member.of(PLATFORM_OPERATOR, guarded)
    wait_for(lambda: not operator.patch("/api/v1/nodes/case", {"metadata": {"labels": {"x": "y"}}}).done)
    wait_for(lambda: operator.connection.find("/apis/karpenter.sh/v1/nodepools"))
    return guarded


@pytest.fixture(scope="module")
def operator(governed: Api) -> Member:
    return Member.of(PLATFORM_OPERATOR, governed)


@pytest.fixture(scope="module")
def engineer(governed: Api) -> Member:
    return Member.of(ML_ENGINEER, governed)


@pytest.fixture(scope="module")
def watched(governed: Api) -> Iterator[Api]:
    """An account that has GuardDuty's Runtime Monitoring."""
    answer = governed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GUARDDUTY}})
    assert answer.done, answer.text
    yield governed
    governed.run("delete", "namespace", GUARDDUTY, "--wait=false")


# Nodes, and the platform's own


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"metadata": {"labels": {"parapet.dev/role": "system"}}}, "parapet.dev/role"),
        ({"metadata": {"labels": {"parapet.dev/role": None}}}, "parapet.dev/role"),
        ({"metadata": {"labels": {"nvidia.com/device-plugin.config": "shared"}}}, "nvidia.com/device-plugin.config"),
        ({"metadata": {"annotations": {"karpenter.sh/do-not-disrupt": "true"}}}, "karpenter.sh/do-not-disrupt"),
        ({"metadata": {"finalizers": None}}, "finalizers would change"),
        ({"spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]}}, "more of the spec changes"),
        ({"spec": {"taints": []}}, "the taint nvidia.com/gpu would come or go"),
        ({"spec": {"taints": [{**GPU_TAINT, "effect": "PreferNoSchedule"}]}}, "the taint nvidia.com/gpu"),
        ({"spec": {"taints": [GPU_TAINT, {"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}}, "the taint"),
        (
            {"spec": {"taints": [GPU_TAINT, {**MINE, "effect": "NoExecute"}]}},
            "the taint operators.parapet.dev/broken would end what runs there",
        ),
        (
            {"spec": {"taints": [GPU_TAINT, {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]}},
            "the taint node.kubernetes.io/out-of-service would come or go",
        ),
        (
            {"spec": {"taints": [GPU_TAINT, {"key": "node.kubernetes.io/out-of-service", "effect": "NoSchedule"}]}},
            "the taint node.kubernetes.io/out-of-service would come or go",
        ),
        (
            {"spec": {"taints": [GPU_TAINT, {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]}},
            "the taint node.kubernetes.io/unreachable would come or go",
        ),
        (
            {"spec": {"taints": [GPU_TAINT, {"key": "node.kubernetes.io/unschedulable", "effect": "NoExecute"}]}},
            "the taint node.kubernetes.io/unschedulable would end what runs there",
        ),
        (
            {"spec": {"taints": [GPU_TAINT, {"key": "example.com/broken", "effect": "NoSchedule"}]}},
            "Take a key that begins with operators.parapet.dev/",
        ),
    ],
)
def test_an_operator_does_not_make_a_node_another(
    governed: Api, operator: Member, patch: dict[str, Any], says: str
) -> None:
    assert refused(operator.patch("/api/v1/nodes/case", patch), "operators-cordon-nodes", says)
    assert governed.run(
        "patch", "node/case", "--dry-run=server", "--type=merge", f"--patch={json.dumps(patch)}"
    ).done, "whoever is no operator, as a node's own controllers, is not asked"


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"unschedulable": False}},
        {"spec": {"unschedulable": None}},
        {"spec": {"taints": [MINE, GPU_TAINT]}},
        {"spec": {"taints": [{**MINE, "effect": "PreferNoSchedule"}, GPU_TAINT]}},
        {"spec": {"taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, GPU_TAINT]}},
        {"metadata": {"labels": {"operators.parapet.dev/since": "monday"}}},
        {"metadata": {"annotations": {"operators.parapet.dev/why": "a fan"}}},
    ],
)
def test_an_operator_cordons_taints_and_notes(operator: Member, patch: dict[str, Any]) -> None:
    answer = operator.patch("/api/v1/nodes/case", patch)
    assert answer.done, answer.text


@pytest.fixture
def starting(governed: Api) -> Iterator[Api]:
    """A node whose agents are not there yet, with an operator's own taint."""
    node = cases.changed(NODE, {"/metadata/name": "starting", "/spec/taints": [*STARTS, MINE]})
    assert (answer := governed.apply(node)).done, answer.text
    yield governed
    governed.run("delete", "node", "starting", "--wait=false")


def test_an_operator_lets_no_pod_onto_a_node_before_its_agents(starting: Api, operator: Member) -> None:
    at = "/api/v1/nodes/starting"
    for each in STARTS:
        patch = {"spec": {"taints": [one for one in (*STARTS, MINE) if one != each]}}
        assert refused(operator.patch(at, patch), "operators-cordon-nodes", f"the taint {each['key']} would come or go")
    answer = operator.patch(at, {"spec": {"taints": STARTS, "unschedulable": True}})
    assert answer.done, answer.text


def test_an_operator_says_that_a_node_is_in_service_again(governed: Api, operator: Member) -> None:
    """Whoever said that it was out of service takes it for switched off: its volumes go to other nodes, whatever the
    taint's effect (kubernetes, pkg/controller/podgc and pkg/controller/volume/attachdetach)."""
    out = [{"key": "node.kubernetes.io/out-of-service", "effect": each} for each in ("NoSchedule", "NoExecute")]
    node = cases.changed(NODE, {"/metadata/name": "back", "/spec/taints": [GPU_TAINT, *out]})
    assert (answer := governed.apply(node)).done, answer.text
    try:
        at = "/api/v1/nodes/back"
        for kept in ([GPU_TAINT], [GPU_TAINT, out[1]]):
            answer = operator.patch(at, {"spec": {"taints": kept}})
            assert answer.done, answer.text
        answer = operator.patch(at, {"spec": {"taints": [GPU_TAINT, {**out[0], "value": "again"}]}})
        assert refused(answer, "operators-cordon-nodes", "out-of-service would come or go")
    finally:
        governed.run("delete", "node", "back", "--wait=false")


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"spec": {"limits": {"nvidia.com/gpu": "800"}}}, "more of the spec changes than disruption: limits"),
        ({"spec": {"limits": None}}, "limits"),
        ({"spec": {"template": {"spec": {"expireAfter": "1h"}}}}, "template"),
        ({"spec": {"weight": 100}}, "weight"),
        ({"metadata": {"annotations": {"karpenter.sh/nodepool-hash": "2"}}}, "karpenter.sh/nodepool-hash"),
        ({"metadata": {"finalizers": ["example.com/held"]}}, "labels, annotations or finalizers change"),
    ],
)
def test_an_operator_does_not_make_a_pool_larger(
    governed: Api, operator: Member, patch: dict[str, Any], says: str
) -> None:
    assert governed.apply(POOL).done
    at = "/apis/karpenter.sh/v1/nodepools/case"
    assert refused(operator.patch(at, patch), "operators-time-disruption", says)
    for lawful in (
        {"spec": {"disruption": {"consolidateAfter": "1h"}}},
        {"metadata": {"annotations": {"operators.parapet.dev/why": "an incident"}}},
    ):
        answer = operator.patch(at, lawful)
        assert answer.done, answer.text


@pytest.fixture(scope="module")
def scaled(governed: Api) -> Api:
    """Deployments that have no pod, so that no kubelet and no rule over pods has a say."""
    for namespace, name in (("kube-system", "coredns"), ("kube-system", "spare"), ("serving", "case")):
        deployment = cases.controller("Deployment", cases.compliant_pod(namespace))
        deployment["metadata"]["name"] = name
        deployment["spec"]["replicas"] = 0
        answer = governed.apply(deployment)
        assert answer.done, answer.text
    return governed


@pytest.mark.parametrize(
    ("name", "replicas", "needs"),
    [("coredns", 1, 2), ("coredns", 0, 2), ("coredns", 2, 0), ("spare", 0, 1), ("spare", 1, 0)],
)
def test_an_operator_scales_the_platform_and_not_to_nothing(
    scaled: Api, operator: Member, name: str, replicas: int, needs: int
) -> None:
    at = f"/apis/apps/v1/namespaces/kube-system/deployments/{name}/scale"
    answer = operator.patch(at, {"spec": {"replicas": replicas}, "metadata": {"resourceVersion": None}})
    if needs:
        says = f"kube-system/{name} would have {replicas} replicas, and needs {needs}"
        assert refused(answer, "operators-keep-the-platform-up", says)
    else:
        assert answer.done, answer.text


def test_a_team_scales_its_own_to_nothing(scaled: Api, engineer: Member) -> None:
    at = "/apis/apps/v1/namespaces/serving/deployments/case/scale"
    assert engineer.patch(at, {"spec": {"replicas": 2}}).done
    assert engineer.patch(at, {"spec": {"replicas": 0}}).done


@pytest.mark.parametrize(
    ("namespace", "name", "evicted"),
    [
        (GUARDDUTY, "aws-guardduty-agent-x7kq2", False),
        ("kube-system", "aws-node-x7kq2", False),
        ("kube-system", "kube-proxy-lw9xd", False),
        ("amazon-cloudwatch", "fluent-bit-4fb2v", False),
        ("istio-cni", "istio-cni-node-8zr6t", False),
        ("kube-system", "coredns-6d78c58c9f-4fb2v", True),
        ("istio-system", "istiod-7c9fd8b6d4-x7kq2", True),
        ("training", "a-job-x7kq2", True),
        ("serving", "a-set-0", True),
    ],
)
def test_an_operator_empties_a_node_but_of_its_agents(
    watched: Api, operator: Member, namespace: str, name: str, evicted: bool
) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    answer = operator.create(f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", eviction)
    if evicted:
        assert f'pods "{name}" not found' in answer.text
    else:
        assert refused(answer, "operators-leave-agents-on-nodes", "--ignore-daemonsets")


@pytest.mark.parametrize(
    ("who", "runs"),
    [
        ("system:serviceaccount:kube-system:daemon-set-controller", True),
        ("eks:addon-manager", True),
        ("system:serviceaccount:serving:predictor", False),
    ],
)
def test_guarddutys_agent_runs_where_the_organisation_manages_it(watched: Api, who: str, runs: bool) -> None:
    """What it takes of a node (Amazon GuardDuty User Guide, "Runtime Monitoring": the add-on aws-guardduty-agent)."""
    agent = {
        "name": "aws-guardduty-agent",
        "image": "602401143452.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent:v1",
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}},
    }
    pod = {
        **{"apiVersion": "v1", "kind": "Pod"},
        "metadata": {"name": "aws-guardduty-agent-x7kq2", "namespace": GUARDDUTY},
        "spec": {
            "containers": [agent],
            "hostPID": True,
            "hostNetwork": True,
            "volumes": [{"name": "proc", "hostPath": {"path": "/proc"}}],
        },
    }
    answer = Member.allowed(who, watched).create(f"/api/v1/namespaces/{GUARDDUTY}/pods", pod)
    assert answer.done is runs, answer.text


# A rollout, and what judges it


@pytest.fixture(scope="module")
def rolling(governed: Api) -> Iterator[Api]:
    pod = cases.compliant_pod("serving")
    deployment = cases.controller("Deployment", pod)
    rollout = {**deployment, "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    judge = {"analysis": {"templates": [{"templateName": "success-rate", "clusterScope": True}]}}
    strategy = {"canary": {**ROUTED, "steps": [{"setWeight": 10}, judge, {"pause": {}}]}}
    rollout["spec"] = {**rollout["spec"], "replicas": 0, "strategy": strategy}
    answer = governed.apply(rollout)
    assert answer.done, answer.text
    yield governed
    governed.run("delete", "rollout", "case", "--namespace=serving")


def _stands(api: Api, *reasons: str) -> None:
    """The controller has come this far."""
    paused = [{"reason": each, "startTime": "2026-01-01T00:00:00Z"} for each in reasons]
    status = {"currentStepIndex": 1, "stableRS": "a", "pauseConditions": paused, "controllerPause": bool(reasons)}
    patch = f"--patch={json.dumps({'status': status})}"
    answer = api.run("patch", "rollout", "case", "--namespace=serving", "--subresource=status", "--type=merge", patch)
    assert answer.done, answer.text


@pytest.mark.parametrize(
    ("paused", "status"),
    [
        ("", {"promoteFull": True}),
        ("", {"pauseConditions": None, "currentStepIndex": 2}),
        ("", {"currentStepIndex": 2}),
        ("", {"stableRS": "b"}),
        ("", {"phase": "Healthy"}),
        ("CanaryPauseStep", {"controllerPause": False}),
        ("CanaryPauseStep", {"pauseConditions": None, "currentStepIndex": 2}),
        ("InconclusiveAnalysisRun", {"pauseConditions": None}),
    ],
)
def test_no_step_and_no_analysis_is_skipped(
    rolling: Api, engineer: Member, paused: str, status: dict[str, Any]
) -> None:
    _stands(rolling, *([paused] if paused else []))
    answer = engineer.patch(f"{ROLLOUTS}/case/status", {"status": status})
    assert refused(answer, "rollouts-pass-their-gates")


def test_a_rollout_is_paused_promoted_aborted_and_tried_again(rolling: Api, engineer: Member) -> None:
    """As `kubectl argo rollouts` does it."""
    _stands(rolling, "CanaryPauseStep")
    for path, patch in (
        ("case", {"spec": {"paused": True}}),
        ("case/status", {"status": {"pauseConditions": None}}),
        ("case/status", {"status": {"abort": True}}),
        ("case/status", {"status": {"abort": False}}),
        ("case/scale", {"spec": {"replicas": 5}}),
        ("case", {"spec": {"restartAt": "2026-01-01T00:00:00Z"}}),
    ):
        answer = engineer.patch(f"{ROLLOUTS}/{path}", patch)
        assert answer.done, (patch, answer.text)


@pytest.mark.parametrize("kind", ["AnalysisRun", "AnalysisTemplate"])
def test_whoever_is_judged_writes_no_judgement(engineer: Member, kind: str) -> None:
    resource = f"{kind.lower()}s"
    passed = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "case", "namespace": "serving"},
        "spec": {"metrics": []},
    }
    answer = engineer.create(f"/apis/argoproj.io/v1alpha1/namespaces/serving/{resource}", passed)
    assert f'cannot create resource "{resource}"' in answer.text
