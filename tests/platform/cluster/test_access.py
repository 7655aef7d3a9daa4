"""Who may do what, as people ask it, and how they come in; `test_whole_truth.py` asks the rest."""

import pulumi
import pytest

from cluster import namespaces as ns
from cluster.roles import AUDITOR, PLATFORM_OPERATOR, ROLES
from foundation.data_class import DataClass
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Api

GROUPS = {role.name: role.group for role in ROLES}
ARN = "arn:aws:iam::111122223333:role/"
WHOLE = ("--output=json", "--as=someone")


@pytest.fixture(scope="module")
def governed(guarded: Api) -> Api:
    roles = [each for each in manifests.objects(manifests.record(manifests.access)) if "rbac" in each["apiVersion"]]
    answer = guarded.apply(*roles)
    assert answer.done, answer.text
    return guarded


@pytest.mark.engine
@pytest.mark.parametrize(
    ("role", "question", "answer"),
    [
        ("data-scientist", ["create", "jobs.batch", "--namespace=training"], "yes"),
        ("data-scientist", ["create", "deployments.apps", "--namespace=serving"], "no"),
        ("ml-engineer", ["patch", "deployments.apps", "--namespace=serving"], "yes"),
        ("platform-operator", ["get", "secrets", "--namespace=kube-system"], "no"),
        ("auditor", ["list", "pods", "--all-namespaces"], "yes"),
        ("auditor", ["create", "pods", "--subresource=exec", "--namespace=notebooks"], "no"),
        ("platform-operator", ["get", "pods", "--subresource=log", "--namespace=training"], "no"),
        ("break-glass", ["get", "pods", "--subresource=log", "--namespace=training"], "yes"),
        ("break-glass", ["get", "pods", "--subresource=log", "--namespace=kube-system"], "no"),
        ("break-glass", ["create", "pods", "--subresource=exec", "--namespace=training"], "no"),
    ],
)
def test_the_api_server_says_the_same_to_who_asks_what_one_may(
    governed: Api, role: str, question: list[str], answer: str
) -> None:
    said = governed.run("auth", "can-i", *question, "--as=someone", f"--as-group={GROUPS[role]}")
    assert said.text.split()[-1] == answer


@pytest.mark.engine
def test_a_secret_is_refused_to_every_role_and_a_pod_shown_to_the_auditor(governed: Api) -> None:
    for group in GROUPS.values():
        said = governed.run("get", "secrets", *WHOLE, "--namespace=training", f"--as-group={group}")
        assert 'cannot list resource "secrets"' in said.text
    said = governed.run("get", "pods", *WHOLE, "--all-namespaces", f"--as-group={GROUPS['auditor']}")
    assert said.done, said.text


@pytest.mark.engine
def test_a_configmap_where_there_is_phi_is_shown_to_who_breaks_the_glass_alone(governed: Api) -> None:
    for role, group in GROUPS.items():
        asked = ("get", "configmaps", *WHOLE, "--namespace=monitoring", f"--as-group={group}")
        assert governed.run(*asked).done is (role == "break-glass"), role


def test_who_runs_or_audits_the_platform_reads_no_content_where_there_is_phi() -> None:
    phi = {each.name for each in ns.MADE if each.data_class == DataClass.PHI}
    for grant in (*PLATFORM_OPERATOR.grants, *AUDITOR.grants):
        for rule in grant.rules:
            if {"configmaps", "pods/log"} & set(rule["resources"]) and "get" in rule["verbs"]:
                assert grant.namespaces
                assert not phi & set(grant.namespaces)


@pytest.mark.engine
def test_no_namespaces_default_account_mounts_a_token(guarded: Api) -> None:
    accounts = guarded.items("serviceaccounts", "--all-namespaces", "--field-selector=metadata.name=default")
    mounts = {each["metadata"]["namespace"]: each.get("automountServiceAccountToken") for each in accounts}
    every = (*ns.EVERY, *(each.name for each in manifests.SPACES))
    assert {each: mounts.get(each) for each in every} == dict.fromkeys(every, False)


def test_no_rule_has_a_wildcard_verb_or_group() -> None:
    for role in ROLES:
        for rule in (rule for grant in role.grants for rule in grant.rules):
            assert "*" not in rule["verbs"]
            assert "*" not in rule["apiGroups"]
            if "*" in rule["resources"]:
                assert set(rule["verbs"]) == {"get", "list", "watch"}
                assert rule["apiGroups"] != [""]


def test_an_iam_role_enters_as_a_member_of_its_group_and_nothing_else() -> None:
    made = manifests.record(lambda: manifests.access((), auditor=[ARN + "audit/reader"], ml_engineer=[ARN + "ml"]))
    entries = [each for each in made if each.type == "aws:eks/accessEntry:AccessEntry"]
    assert [(each.inputs["principalArn"], each.inputs["kubernetesGroups"]) for each in entries] == [
        (ARN + "ml", ["parapet:ml-engineers"]),
        (ARN + "audit/reader", ["parapet:auditors"]),
    ]
    assert {each.inputs["type"] for each in entries} == {"STANDARD"}
    assert not [each for each in made if "accessPolicyAssociation" in each.type]


def test_who_gets_another_role_keeps_his_entry() -> None:
    """EKS refuses a second entry for one principal, and the engine would make it before it deletes the first."""

    def name(**principals: list[str]) -> str:
        made = manifests.record(lambda: manifests.access((), **principals))
        (entry,) = (each for each in made if each.type == "aws:eks/accessEntry:AccessEntry")
        return entry.name

    assert name(auditor=[ARN + "kim"]) == name(ml_engineer=[ARN + "kim"])


def test_an_iam_role_in_two_lists_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match=f"{ARN}x is listed for auditor and data-scientist"):
        manifests.record(lambda: manifests.access(auditor=[ARN + "x"], data_scientist=[ARN + "x"]))


@pytest.mark.engine
def test_prometheus_finds_what_it_scrapes_and_reads_nothing_else(guarded: Api) -> None:
    answer = guarded.apply(*manifests.objects(manifests.record(manifests.monitor)))
    assert answer.done, answer.text
    who = f"--as=system:serviceaccount:{ns.MONITORING.name}:{ns.MONITORING.service_account}"
    for may, question in (
        ("yes", ["list", "pods", "--namespace=serving"]),
        ("yes", ["watch", "endpointslices.discovery.k8s.io", "--namespace=istio-system"]),
        ("yes", ["get", "nodes", "--subresource=metrics"]),
        ("no", ["get", "nodes", "--subresource=proxy"]),
        ("no", ["list", "pods", "--namespace=kube-system"]),
        ("no", ["get", "secrets", "--namespace=monitoring"]),
        ("no", ["get", "configmaps", "--namespace=monitoring"]),
        ("no", ["create", "pods", "--namespace=monitoring"]),
    ):
        assert guarded.run("auth", "can-i", *question, who).text.split()[0] == may, question
