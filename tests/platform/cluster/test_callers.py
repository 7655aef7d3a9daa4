"""For whom a rule steps back in a namespace that it exempts, asked of a live API server in the callers' names, whom
RBAC lets do everything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails import callers, stack_pods
from cluster.guardrails.account_names import MANAGER, NODES, PREFIX, ROLLOUTS_CONTROLLER
from cluster.guardrails.admission import PREFIX as POLICY
from cluster.roles import PLATFORM_OPERATOR
from tests.cluster import wait_for
from tests.platform.cluster import cases
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, refused
from tests.platform.cluster.test_add_on_contents import CONTENTS, PODS, manifest

pytestmark = pytest.mark.engine

RULE = "no-host-access"
RULES = (
    *(RULE, "one-identity-a-namespace", "pods-of-eks-are-as-their-add-ons-have-them"),
    "pods-of-the-stack-are-as-it-makes-them",
)
"""Of several that refuse, the API server tells of one."""
CONTROLLERS = f"{PREFIX}{ns.KUBE_SYSTEM}:"
OF_CHARTS = (
    *("istio-system:istiod", "karpenter:karpenter", "ingress:istio-ingress", MANAGER.replace("/", ":")),
    ROLLOUTS_CONTROLLER.replace("/", ":"),
)
OF_ADD_ONS = ("kube-system:aws-node", "kube-system:coredns", "amazon-cloudwatch:cloudwatch-agent")
OF_NOBODY = ("kube-system:default", "kube-system:node-controller", "serving:predictor", "mlflow:mlflow", "later:chart")
DEPLOYERS = ("an-administrator", "eks:addon-manager")
EXEMPT = (*(each for each in ns.EKS_OWNED if each != ns.GUARDDUTY), ns.ISTIO_CNI.name, ns.GPU_SOFTWARE.name)
"""Those that are there: GuardDuty's, EKS makes (`test_operators_rules.py`)."""
RESOURCES = {kind: f"{kind.lower()}s" for kind in ("Pod", *cases.KINDS)}


OF_EKS = {
    # An account and a path of the node by which a pod there is one of an add-on's (`test_eks_pods.py`).
    ns.KUBE_SYSTEM: ("default", ""),
    ns.CLOUDWATCH.name: ("cloudwatch-agent", "/var/log"),
    ns.SECRETS_STORE.name: ("secrets-store-csi-driver", "/var/lib/kubelet/pods"),
}


@pytest.fixture(scope="module", autouse=True)
def accounts(guarded: Api) -> None:
    """Without its account no pod is made."""
    made = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
        for namespace, (account, _) in OF_EKS.items()
        if account != "default"
    ]
    answer = guarded.apply(*made)
    assert answer.done, answer.text


def privileged(kind: str, namespace: str) -> dict[str, Any]:
    """What could be the node. In kube-system it breaks one rule of those that step back."""
    account, node = OF_EKS.get(namespace, ("default", "/"))
    pod = cases.compliant_pod(namespace)
    pod["spec"] |= {
        "hostNetwork": namespace != ns.SECRETS_STORE.name,
        "serviceAccountName": account,
        "volumes": [{"name": "node", "hostPath": {"path": node}}] if node else [],
    }
    pod["metadata"]["labels"]["parapet.dev/data-class"] = "phi"
    return cases.controller(kind, pod)


def path(kind: str, namespace: str) -> str:
    version = cases.KINDS.get(kind, "v1")
    return f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{namespace}/{RESOURCES[kind]}"


def create(api: Api, user: str, kind: str, namespace: str) -> Answer:
    return Member.allowed(user, api).create(path(kind, namespace), privileged(kind, namespace))


@pytest.mark.parametrize("account", [*OF_CHARTS, *OF_ADD_ONS])
def test_no_account_of_a_chart_starts_anything_where_rules_step_back(guarded: Api, account: str) -> None:
    for namespace in EXEMPT:
        for kind in ("Pod", "DaemonSet"):
            answer = create(guarded, PREFIX + account, kind, namespace)
            assert f"ValidatingAdmissionPolicy '{POLICY}" in answer.text, (namespace, kind, answer.text)


@pytest.mark.parametrize("account", OF_NOBODY)
def test_an_account_that_nobody_listed_is_judged_there_as_anywhere(guarded: Api, account: str) -> None:
    for namespace in EXEMPT:
        every = namespace == ns.KUBE_SYSTEM and account == OF_NOBODY[0]
        for kind in RESOURCES if every else ("Pod", "DaemonSet"):
            answer = create(guarded, PREFIX + account, kind, namespace)
            assert not answer.done
            assert any(f"ValidatingAdmissionPolicy '{POLICY}{rule}'" in answer.text for rule in RULES), answer.text


@pytest.mark.parametrize("user", DEPLOYERS)
def test_who_installs_is_not_asked_there_and_is_elsewhere(guarded: Api, user: str) -> None:
    for namespace in EXEMPT:
        # Of the pods of CloudWatch's agents and of the stack's own all is known, and this is none.
        known = namespace in (ns.CLOUDWATCH.name, *stack_pods.WHERE)
        for kind in ("DaemonSet", "Job", "Rollout", *(() if known else ("Pod",))):
            answer = create(guarded, user, kind, namespace)
            assert answer.done, (namespace, answer.text)
    assert refused(create(guarded, user, "Deployment", "training"), RULE)


def test_no_person_installs_there_nor_does_a_node(guarded: Api) -> None:
    assert refused(create(guarded, f"{NODES}a-node", "Pod", ns.KUBE_SYSTEM), RULE)
    who = ("--as=someone", f"--as-group={PLATFORM_OPERATOR.group}", "--as-group=system:masters", "--dry-run=server")
    answer = guarded.run("create", "--filename=-", *who, stdin=json.dumps(privileged("DaemonSet", ns.KUBE_SYSTEM)))
    assert refused(answer, RULE)


@pytest.mark.parametrize("controller", callers.MAKERS)
def test_a_controller_makes_what_it_is_there_to_make(guarded: Api, controller: str) -> None:
    made = callers.MAKERS[controller]
    every = controller == "daemon-set-controller"
    for kind, resource in RESOURCES.items() if every else [("Deployment", "deployments"), (_kind(made), made)]:
        answer = create(guarded, CONTROLLERS + controller, kind, ns.KUBE_SYSTEM)
        assert answer.done if resource == made else refused(answer, RULE), (kind, answer.text)
    assert "is forbidden" in create(guarded, CONTROLLERS + controller, _kind(made), "training").text


@pytest.mark.parametrize("namespace", [ns.KUBE_SYSTEM, ns.SECRETS_STORE.name])
@pytest.mark.parametrize(
    ("image", "runs"),
    [
        ("602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1", True),
        ("444455556666.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1", False),
        ("602401143452.dkr.ecr.us-east-1.amazonaws.com.attacker.example/eks/coredns:v1", False),
        ("docker.io/library/busybox:1", False),
    ],
)
def test_what_a_webhook_put_into_a_pod_of_eks_is_seen(guarded: Api, namespace: str, image: str, runs: bool) -> None:
    """Its maker is not asked for the rest: so another's container in it would be the node's master."""
    pod = privileged("Pod", namespace)
    pod["spec"]["initContainers"] = [{"name": "added", "image": image, "securityContext": {"privileged": True}}]
    maker = Member.allowed(f"{CONTROLLERS}daemon-set-controller", guarded)
    answer = maker.create(path("Pod", namespace), pod)
    assert answer.done if runs else refused(answer, "pods-of-eks-run-its-images", image), answer.text


def test_eks_makes_the_namespace_of_guarddutys_agent_and_nobody_else_such_a_one(guarded: Api) -> None:
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns.GUARDDUTY}}
    for who, done in (("eks:addon-manager", True), (f"{PREFIX}serving:predictor", False)):
        answer = Member.allowed(who, guarded).apply("/api/v1/namespaces", made)
        assert answer.done is done, answer.text
    other = {**made, "metadata": {"name": "amazon-guardduty-2"}}
    assert refused(
        Member.allowed("eks:addon-manager", guarded).create("/api/v1/namespaces", other), "namespaces-are-restricted"
    )


def _kind(resource: str) -> str:
    return next(kind for kind, each in RESOURCES.items() if each == resource)


def test_what_is_there_is_adopted_and_let_go_and_not_changed(guarded: Api) -> None:
    pod = privileged("Pod", ns.KUBE_SYSTEM)
    pod["metadata"]["name"] = "adopted"
    assert guarded.apply(pod).done
    at = f"{path('Pod', ns.KUBE_SYSTEM)}/adopted"
    note = {"metadata": {"finalizers": ["example.com/held"]}}
    other = {"spec": {"activeDeadlineSeconds": 60}}
    try:
        collector = Member.allowed(f"{CONTROLLERS}generic-garbage-collector", guarded)
        assert (answer := collector.patch(at, note)).done, answer.text
        assert refused(collector.patch(at, other), RULE)
        assert refused(collector.create(path("Pod", ns.KUBE_SYSTEM), privileged("Pod", ns.KUBE_SYSTEM)), RULE)
        assert refused(Member.allowed(f"{PREFIX}serving:predictor", guarded).patch(at, note), RULE)
    finally:
        guarded.run("delete", "pod", "adopted", f"--namespace={ns.KUBE_SYSTEM}", "--grace-period=0", "--force")


def test_other_rules_exempt_the_same_callers(guarded: Api) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "case", "namespace": ns.KUBE_SYSTEM},
        "spec": {"selector": {"matchLabels": {"app": "case"}}, "maxUnavailable": 0},
    }
    at = f"/apis/policy/v1/namespaces/{ns.KUBE_SYSTEM}/poddisruptionbudgets"
    lowered = {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "privileged"}}}
    strange = Member.allowed(f"{PREFIX}serving:predictor", guarded)
    assert refused(strange.create(at, budget), "disruption-budgets-let-go")
    assert refused(strange.patch(f"/api/v1/namespaces/{ns.KUBE_SYSTEM}", lowered), "namespaces-are-restricted")
    for user in DEPLOYERS:
        deployer = Member.allowed(user, guarded)
        assert (answer := deployer.create(at, budget)).done, answer.text
        assert (answer := deployer.patch(f"/api/v1/namespaces/{ns.KUBE_SYSTEM}", lowered)).done, answer.text


@pytest.fixture
def node(guarded: Api) -> Iterator[str]:
    labels = {"kubernetes.io/os": "linux"}  # kubelet's own
    made = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "for-agents", "labels": labels}}
    assert guarded.apply(made).done
    yield "for-agents"
    guarded.run("delete", "node/for-agents")


def test_the_agents_of_add_ons_come_up_on_each_node(guarded: Api, node: str) -> None:
    """EKS writes the DaemonSets, and the cluster's own controller their pods."""
    agents = [key for key, pod in PODS.items() if pod["kind"] == "DaemonSet"]
    made = [manifest(add_on, name, CONTENTS[add_on]["namespace"]) for add_on, name in agents]
    accounts = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": PODS[key]["account"], "namespace": CONTENTS[key[0]]["namespace"]},
        }
        for key in agents
        if "account" in PODS[key]
    ]
    assert guarded.apply(*accounts).done
    for each, (_, name) in zip(made, agents, strict=True):
        each["metadata"]["name"] = name
    try:
        who = ("--as=eks:addon-manager", "--as-group=system:masters")
        answer = guarded.run("create", "--filename=-", *who, stdin=_listed(made))
        assert answer.done, answer.text
        wait_for(lambda: _on_nodes(guarded) >= {each["metadata"]["name"] for each in made})
    finally:
        guarded.run("delete", "--filename=-", "--cascade=foreground", "--wait=false", stdin=_listed(made))
        # At once: others make the same accounts, and one that is still to go would go from under them.
        guarded.run("delete", "--filename=-", stdin=_listed(accounts))


def _on_nodes(api: Api) -> set[str]:
    sets = api.items("daemonsets", "--all-namespaces")
    return {each["metadata"]["name"] for each in sets if each["status"]["currentNumberScheduled"]}


def _listed(each: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": each})
