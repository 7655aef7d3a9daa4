"""What people may not write although their role lets them write the kind, asked of a live API server in their name."""

import json
from typing import Any

import pytest

from cluster.guardrails.admission import PREFIX
from cluster.guardrails.people_rules import AUTHORITIES
from cluster.roles import DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR, Role
from tests.cluster import wait_for
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Answer, Api

pytestmark = pytest.mark.engine

NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "case",
        "labels": {"parapet.dev/role": "gpu"},
        "finalizers": ["karpenter.sh/termination"],
    },
    "spec": {"providerID": "aws:///us-east-1a/i-0123456789abcdef0", "unschedulable": True},
}


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Api:
    roles = [each for each in manifests.objects(manifests.record(manifests.access)) if "rbac" in each["apiVersion"]]
    for objects in (roles, [NODE]):
        answer = guarded.apply(*objects)
        assert answer.done, answer.text
    wait_for(lambda: not as_one_of(PLATFORM_OPERATOR, guarded, {"metadata": {"labels": {"x": "y"}}}).done)
    return guarded


def as_one_of(role: Role, api: Api, patch: dict[str, Any], what: tuple[str, ...] = ("node/case",)) -> Answer:
    who = ("--as=someone", f"--as-group={role.group}", "--as-group=system:authenticated")
    return api.run("patch", *what, *who, "--dry-run=server", "--type=merge", f"--patch={json.dumps(patch)}")


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"metadata": {"labels": {"parapet.dev/role": "system"}}}, "parapet.dev/role"),
        ({"metadata": {"labels": {"parapet.dev/role": None}}}, "parapet.dev/role"),
        ({"metadata": {"labels": {"nvidia.com/device-plugin.config": "shared"}}}, "nvidia.com/device-plugin.config"),
        ({"metadata": {"annotations": {"karpenter.sh/do-not-disrupt": "true"}}}, "karpenter.sh/do-not-disrupt"),
        ({"metadata": {"finalizers": None}}, "finalizers would change"),
        ({"spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]}}, "more of the spec changes"),
    ],
)
def test_an_operator_does_not_make_a_node_another(governed: Api, patch: dict[str, Any], says: str) -> None:
    answer = as_one_of(PLATFORM_OPERATOR, governed, patch)
    assert f"ValidatingAdmissionPolicy '{PREFIX}operators-cordon-nodes'" in answer.text, answer.text
    assert says in answer.text
    assert governed.run(
        "patch", "node/case", "--dry-run=server", "--type=merge", f"--patch={json.dumps(patch)}"
    ).done, "whoever is no operator, as a node's own controllers, is not asked"


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"unschedulable": False}},
        {"spec": {"unschedulable": None}},
        {"spec": {"taints": [{"key": "example.com/broken", "effect": "NoExecute"}]}},
        {"metadata": {"labels": {"operators.parapet.dev/since": "monday"}}},
        {"metadata": {"annotations": {"operators.parapet.dev/why": "a fan"}}},
    ],
)
def test_an_operator_cordons_taints_and_notes(governed: Api, patch: dict[str, Any]) -> None:
    answer = as_one_of(PLATFORM_OPERATOR, governed, patch)
    assert answer.done, answer.text


@pytest.mark.parametrize(("role", "namespace"), [(ML_ENGINEER, "serving"), (DATA_SCIENTIST, "notebooks")])
@pytest.mark.parametrize("name", AUTHORITIES)
def test_nobody_says_whose_certificates_pods_trust(governed: Api, role: Role, namespace: str, name: str) -> None:
    forged = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": {}}
    if not governed.run("get", "configmap", name, f"--namespace={namespace}").done:
        assert governed.apply(forged).done
    patched = as_one_of(role, governed, {"data": {"ca.crt": "x"}}, ("configmap", name, f"--namespace={namespace}"))
    who = ("--as=someone", f"--as-group={role.group}")
    deleted = governed.run("delete", "configmap", name, f"--namespace={namespace}", *who, "--dry-run=server")
    for answer in (patched, deleted):
        assert f"ValidatingAdmissionPolicy '{PREFIX}authorities-are-the-controllers'" in answer.text, answer.text
    mine = {**forged, "metadata": {"name": "mine", "namespace": namespace}}
    assert governed.run("create", "-f", "-", "--dry-run=server", *who, stdin=json.dumps(mine)).done


def budget(namespace: str, **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "case", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": "case"}}, **spec},
    }


@pytest.mark.parametrize(
    "spec", [{"maxUnavailable": 0}, {"maxUnavailable": "0%"}, {"maxUnavailable": "00%"}, {"minAvailable": "100%"}]
)
def test_a_teams_budget_lets_a_node_be_emptied(guarded: Api, spec: dict[str, object]) -> None:
    answer = guarded.apply(budget("serving", **spec), dry_run=True)
    assert f"ValidatingAdmissionPolicy '{PREFIX}disruption-budgets-let-go'" in answer.text, answer.text


@pytest.mark.parametrize(
    ("namespace", "spec"),
    [
        ("serving", {"maxUnavailable": 1}),
        ("serving", {"maxUnavailable": "10%"}),
        ("serving", {"minAvailable": 2}),
        ("ingress", {"minAvailable": 1}),
        ("mlflow", {"minAvailable": "50%"}),
    ],
)
def test_a_budget_that_lets_pods_go_is_admitted(guarded: Api, namespace: str, spec: dict[str, object]) -> None:
    answer = guarded.apply(budget(namespace, **spec), dry_run=True)
    assert answer.done, answer.text
