"""What Argo Rollouts' controller may write, asked of a live API server in its name, whom RBAC lets do everything."""

from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, ROLLOUTS_CONTROLLER
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, refused
from tests.platform.cluster.test_callers import path

pytestmark = pytest.mark.engine

RULE = "rollouts-are-in-serving"
HOME = ROLLOUTS_CONTROLLER.partition("/")[0]
MAKES = {"ReplicaSet": "/apis/apps/v1"}
PRIVILEGED = {
    "a privileged container": {"privileged": True},
    "a capability": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_ADMIN"]}},
}


@pytest.fixture(scope="module")
def controller(guarded: Api) -> Member:
    return Member.allowed(PREFIX + ROLLOUTS_CONTROLLER.replace("/", ":"), guarded)


def lease(namespace: str) -> dict[str, Any]:
    meta = {"name": "argo-rollouts-controller-lock", "namespace": namespace}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": {}}


def analysis(kind: str, namespace: str) -> dict[str, Any]:
    meta = {"name": "case", "namespace": namespace}
    spec = {"metrics": []} if kind == "AnalysisRun" else {"templates": []}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


@pytest.mark.parametrize("kind", MAKES)
def test_it_makes_what_a_rollout_needs_in_serving(controller: Member, kind: str) -> None:
    answer = controller.create(path(kind, "serving"), cases.controller(kind, cases.compliant_pod("serving")))
    assert answer.done, answer.text


@pytest.mark.parametrize("kind", ["AnalysisRun", "Experiment"])
def test_it_judges_where_models_are_and_nowhere_else(controller: Member, kind: str) -> None:
    for namespace in ("serving", "models", "training", ns.KUBE_SYSTEM):
        at = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{kind.lower()}s"
        answer = controller.create(at, analysis(kind, namespace))
        assert (
            answer.done
            if namespace in ("serving", "models")
            else refused(answer, RULE, f"{kind.lower()}s {namespace}/")
        ), at


@pytest.mark.parametrize("namespace", ["training", "pipelines", "mlflow", ns.KUBE_SYSTEM, ns.ISTIO_CNI.name, "default"])
def test_it_makes_no_pods_elsewhere(controller: Member, namespace: str) -> None:
    others = ("controllers-start-nothing-else", "pods-of-the-stack-are-as-it-makes-them")
    for kind in ("Pod", "ReplicaSet", "Job", "DaemonSet", "Rollout"):
        made = cases.controller(kind, cases.compliant_pod(namespace))
        answer = controller.create(path(kind, namespace), made)
        assert refused(answer, RULE, or_by=others), (kind, answer.text)


@pytest.mark.parametrize("what", PRIVILEGED)
def test_what_it_makes_is_never_the_node(controller: Member, what: str) -> None:
    pod = cases.changed(cases.compliant_pod("serving"), {"/spec/containers/0/securityContext": PRIVILEGED[what]})
    for kind in MAKES:
        answer = controller.create(path(kind, "serving"), cases.controller(kind, pod))
        assert refused(answer, RULE, "main could be the node"), (kind, answer.text)


@pytest.mark.parametrize("kind", ["Pod", "Job"])
def test_it_makes_no_pod_itself_and_no_job(controller: Member, kind: str) -> None:
    """What judges by a job of its own has no role for it."""
    answer = controller.create(path(kind, "serving"), cases.controller(kind, cases.compliant_pod("serving")))
    assert refused(answer, "controllers-start-nothing-else", f"{kind.lower()}s serving/case")


def test_what_it_makes_is_judged_as_a_team_s(controller: Member) -> None:
    pod = cases.changed(
        cases.compliant_pod("serving"), {"/spec/containers/0/image": "docker.io/library/busybox@sha256:" + "0" * 64}
    )
    for kind in MAKES:
        answer = controller.create(path(kind, "serving"), cases.controller(kind, pod))
        assert refused(answer, "images-from-the-registry"), kind


def test_who_leads_is_written_at_home(controller: Member, guarded: Api) -> None:
    for namespace, home in (("training", False), (ns.KUBE_SYSTEM, False), (HOME, True)):
        answer = controller.create(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", lease(namespace))
        assert answer.done if home else refused(answer, RULE, or_by="controllers-start-nothing-else"), answer.text
    cluster = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "case"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    }
    answer = controller.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", cluster)
    assert refused(answer, RULE)


def test_it_changes_and_ends_no_team_s_work_elsewhere(controller: Member, guarded: Api) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "training"}}
    assert guarded.apply(config).done
    try:
        answer = controller.delete("/api/v1/namespaces/training/configmaps/kept")
        assert refused(answer, RULE, or_by="controllers-start-nothing-else")
        assert refused(
            controller.patch("/api/v1/namespaces/training/configmaps/kept", {"data": {"a": "b"}}),
            RULE,
            or_by="controllers-start-nothing-else",
        )
    finally:
        guarded.run("delete", "configmap", "kept", "--namespace=training")


ELSEWHERE = "system:serviceaccount:rollouts:rollouts-argo-rollouts"


@pytest.mark.parametrize("kind", ["AnalysisRun", "Experiment"])
def test_under_another_name_it_judges_nothing(guarded: Api, kind: str) -> None:
    """As the release `rollouts` of its chart has it, beside the stack's: the other rules know it by one name."""
    at = f"/apis/argoproj.io/v1alpha1/namespaces/serving/{kind.lower()}s"
    answer = Member.allowed(ELSEWHERE, guarded).create(at, analysis(kind, "serving"))
    assert refused(answer, "rollouts-have-one-controller", "Leave it to argo-rollouts/argo-rollouts")
    for who in ("an-administrator", "system:serviceaccount:kube-system:generic-garbage-collector"):
        assert (answer := Member.allowed(who, guarded).create(at, analysis(kind, "serving"))).done, answer.text


def test_under_another_name_it_brings_no_rollout_on(guarded: Api, controller: Member) -> None:
    rollout = cases.controller("Rollout", cases.compliant_pod("serving"))
    rollout["spec"] |= {"replicas": 0, "strategy": {"canary": {}}}
    assert (answer := guarded.apply(cases.changed(rollout, {"/metadata/name": "one"}))).done, answer.text
    at = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts/one/status"
    on = {"status": {"stableRS": "a", "currentPodHash": "a"}}
    try:
        answer = Member.allowed(ELSEWHERE, guarded).patch(at, on)
        assert refused(answer, "rollouts-have-one-controller", "rollouts-argo-rollouts would roll out")
        assert (answer := controller.patch(at, on)).done, answer.text
    finally:
        guarded.run("delete", "rollout", "one", "--namespace=serving")
