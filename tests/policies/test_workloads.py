"""Pods are found and judged wherever a program describes them."""

from typing import Any

import pytest

import hipaa
from hipaa.kubernetes.pods import WORKLOADS, example
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Rule
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict

OF_PODS = [rule for rule in hipaa.rules() if rule.on == WORKLOADS]


def described(kind: str, pod: dict[str, Any]) -> dict[str, Any]:
    """The properties of an object of this kind, as the Kubernetes API has them, whose pods are these."""
    template = {"metadata": {"labels": {"app": "app"}}, "spec": pod}
    match kind:
        case "Pod":
            return {"spec": pod}
        case "PodTemplate":
            return {"template": template}
        case "CronJob":
            return {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}}
    return {"spec": {"selector": {"matchLabels": {"app": "app"}}, "template": template}}


def judge(name: str, properties: dict[str, Any], type_: str = WORKLOADS[0]) -> Verdict:
    (rule,) = (rule for rule in hipaa.rules() if rule.name == name)
    resource = Resource(type_, properties)
    return rule.judge(resource, Stack([resource]))


def test_rules_over_pods_are_all_here() -> None:
    assert len(OF_PODS) == 12


@pytest.mark.parametrize("type_", WORKLOADS)
@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_each_kind_of_workload_is_read(rule: Rule, type_: str) -> None:
    environment = [{"name": "DB_PASSWORD", "value": "correct horse"}]
    container = {"name": "app", "image": "app:1", "command": ["mlflow", "server"], "env": environment}
    violating = {"hostNetwork": True, "containers": [container]}
    resource = Resource(type_, described(type_.rpartition(":")[2], violating))
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.FAILED


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
@pytest.mark.parametrize("spec", [UNKNOWN, {"template": UNKNOWN}, {"template": {"spec": UNKNOWN}}])
def test_unknown_template_is_not_yet_decided(rule: Rule, spec: Any) -> None:
    resource = Resource("kubernetes:apps/v1:Deployment", {"spec": spec})
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_what_describes_no_pod_is_not_applicable(rule: Rule) -> None:
    resource = Resource("kubernetes:apps/v1:Deployment", {"spec": {"replicas": 1}})
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.NOT_APPLICABLE


def test_unknown_container_hides_no_violation() -> None:
    verdict = judge("workload-runs-confined", {"spec": {"containers": [UNKNOWN, {"name": "app"}]}})
    assert any("containers.1.securityContext.allowPrivilegeEscalation" in text for text in verdict.violations)
    assert verdict.unknown == ("spec.containers.0",)


def test_unknown_setting_of_the_pod_leaves_what_containers_inherit_undecided() -> None:
    inherits = example(pod={"securityContext": UNKNOWN})
    assert judge("workload-runs-as-non-root", inherits).outcome is Outcome.UNDECIDED
    says_itself = example(pod={"securityContext": UNKNOWN}, securityContext={"runAsNonRoot": True, "runAsUser": 1000})
    assert judge("workload-runs-as-non-root", says_itself).outcome is Outcome.PASSED


def test_message_names_the_container_and_what_to_set() -> None:
    (message,) = judge("workload-has-read-only-root", example(securityContext={})).violations
    assert message == (
        "`spec.containers.0.securityContext.readOnlyRootFilesystem` is not set (which means false); it must be true"
    )


def test_value_that_the_program_keeps_secret_is_a_literal_secret_and_is_not_told() -> None:
    verdict = judge(
        "workload-holds-no-literal-secrets", example(env=[{"name": "GREETING", "value": Secret("hunter2")}])
    )
    assert verdict.outcome is Outcome.FAILED
    assert "GREETING" in verdict.violations[0]
    assert "hunter2" not in str(verdict)


def test_value_of_a_literal_secret_is_not_told() -> None:
    verdict = judge("workload-holds-no-literal-secrets", example(env=[{"name": "DB_PASSWORD", "value": "hunter2"}]))
    assert verdict.outcome is Outcome.FAILED
    assert "hunter2" not in str(verdict)


def test_numbers_of_the_wire_are_read() -> None:
    # The engine sends every number as a floating one.
    root = example(pod={"securityContext": {"runAsNonRoot": True, "runAsUser": 0.0}})
    assert judge("workload-runs-as-non-root", root).outcome is Outcome.FAILED
    assert judge("workload-stays-off-the-host", example(ports=[{"hostPort": 0.0}])).outcome is Outcome.PASSED
