"""Where EKS gives pods their accounts' credentials, one that it gave none is refused. This API server has no webhook of
EKS, so the rule is put there for these tests alone."""

from collections.abc import Iterator

import pytest

from cluster import namespaces as ns
from cluster.guardrails.admission import PREFIX
from cluster.guardrails.identity_rules import WITH_A_ROLE, identity_rule
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.for_these import at_work
from tests.platform.cluster.test_eks_pods import with_a_role

pytestmark = pytest.mark.engine

IDENTITY = f"{PREFIX}{identity_rule().name}"


@pytest.fixture(scope="module")
def identifying(guarded: Api) -> Iterator[Api]:
    """As on EKS, whose webhook this API server does not have."""
    with at_work(guarded, IDENTITY, pod_identity=True) as api:
        yield api


@pytest.mark.parametrize("namespace", [each.name for each in WITH_A_ROLE])
def test_a_pod_whose_account_has_a_role_waits_until_eks_knows_it(identifying: Api, namespace: str) -> None:
    """A pod that came before has no credentials for as long as it lives."""
    pod = cases.compliant_pod(namespace)
    pod["spec"]["serviceAccountName"] = cases.ACCOUNTS.get(namespace) or next(
        each.service_account for each in WITH_A_ROLE if each.name == namespace
    )
    answer = identifying.apply(pod, dry_run=True)
    assert f"EKS gave the pod no credentials of {pod['spec']['serviceAccountName']}" in answer.text, answer.text
    answer = identifying.apply(with_a_role(pod), dry_run=True)
    assert answer.done, answer.text


@pytest.mark.parametrize("namespace", ns.NAMED_ACCOUNTS)
def test_a_models_and_its_checks_do_too(identifying: Api, namespace: str) -> None:
    name = f"{ns.NAMED_ACCOUNTS[namespace]}waits"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    assert identifying.apply(account).done
    pod = cases.compliant_pod(namespace)
    pod["spec"]["serviceAccountName"] = name
    answer = identifying.apply(pod, dry_run=True)
    assert f"EKS gave the pod no credentials of {name}" in answer.text, answer.text
    answer = identifying.apply(with_a_role(pod), dry_run=True)
    assert answer.done, answer.text
    identifying.run("delete", "serviceaccount", name, f"--namespace={namespace}")


def test_a_pod_whose_account_has_none_does_not_wait(identifying: Api) -> None:
    pod = cases.compliant_pod("training")
    pod["spec"]["serviceAccountName"] = "default"
    answer = identifying.apply(pod, dry_run=True)
    assert "EKS gave the pod" not in answer.text, answer.text
