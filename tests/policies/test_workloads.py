"""Pods are found and judged wherever a program describes them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

import hipaa
from hipaa.kubernetes import pods
from hipaa.kubernetes.pods import WORKLOADS, example, is_custom, may_describe_pods
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Rule
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict
from tests.policies import kubernetes_types

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
    assert len(OF_PODS) == 17


@pytest.mark.parametrize("type_", WORKLOADS)
@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_each_kind_of_workload_is_read(rule: Rule, type_: str) -> None:
    resource = Resource(type_, described(type_.rpartition(":")[2], BAD))
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


# Kinds that the provider does not know


ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
OTHERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    ROLLOUT: lambda pod: {"replicas": 2, "strategy": {"canary": {}}, "template": {"metadata": {}, "spec": pod}},
    "kubernetes:kubeflow.org/v1:PyTorchJob": lambda pod: {
        "pytorchReplicaSpecs": {"Master": {"replicas": 1, "template": {"spec": pod}}}
    },
    "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet": lambda pod: {
        "replicatedJobs": [{"name": "workers", "template": {"spec": {"template": {"spec": pod}}}}]
    },
    "kubernetes:serving.kserve.io/v1beta1:InferenceService": lambda pod: {"predictor": pod},
    "kubernetes:ray.io/v1:RayCluster": lambda pod: {
        "headGroupSpec": {"template": {"spec": {"containers": []}}},
        "workerGroupSpecs": [{"groupName": "small", "template": {"spec": pod}}],
    },
    "kubernetes:nobody-yet.example/v9:Thing": lambda pod: {"deep": [{"deeper": {"made": {"spec": pod}}}]},
}
"""By kind, the specification of one whose pods are these."""
_BAD_FOR_EACH: dict[str, Any] = {
    **{"name": "app", "image": "app:1", "command": ["mlflow", "server"]},
    "env": [{"name": "DB_PASSWORD", "value": "correct horse"}],
    "securityContext": {"appArmorProfile": {"type": "Unconfined"}},
    "livenessProbe": {"tcpSocket": {"host": "10.0.0.1", "port": 22}},
}
BAD: dict[str, Any] = {
    "hostNetwork": True,
    "shareProcessNamespace": True,
    "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]},
    "volumes": [{"name": "files", "nfs": {"server": "files.internal", "path": "/"}}],
    "containers": [_BAD_FOR_EACH],
}
"""It breaks each rule over pods."""


@pytest.mark.parametrize("type_", OTHERS)
@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_a_kind_that_nobody_listed_is_judged_by_the_pods_that_it_has(rule: Rule, type_: str) -> None:
    resource = Resource(type_, {"spec": OTHERS[type_](BAD)})
    assert rule.is_about(type_)
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.FAILED


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_a_rollout_is_judged_as_any_workload_is(rule: Rule) -> None:
    """By each of the rule's own examples, good and bad, in the place of the Pod that has it."""

    def in_a_rollout(resource: Resource) -> Resource:
        if not rule.is_about(resource.type):
            return resource
        spec = OTHERS[ROLLOUT](resource._values["spec"])
        return Resource(ROLLOUT, {**resource._values, "spec": spec}, name=resource.name)

    for shown in (*rule.sound, *rule.unsound):
        stack = [shown] if isinstance(shown, Mapping) else shown
        plain = [each if isinstance(each, Resource) else Resource(WORKLOADS[0], each) for each in stack]
        rolled = [in_a_rollout(each) for each in plain]
        told = [
            [rule.judge(each, Stack(every)).outcome for each in every if rule.is_about(each.type)]
            for every in (plain, rolled)
        ]
        assert told[0] == told[1], shown
        assert told[0]


GOOD_IMAGE = f"app@sha256:{'1' * 64}"
GOOD = {
    **{"name": "app", "image": GOOD_IMAGE},
    "securityContext": {
        **{"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
CONTAINER = {**_BAD_FOR_EACH, "securityContext": {**_BAD_FOR_EACH["securityContext"], "privileged": True}}
HELD: dict[str, dict[str, Any]] = {
    **{name: {name: [CONTAINER]} for name in ("containers", "initContainers", "ephemeralContainers")},
    **{name: {name: [CONTAINER]} for name in ("sidecars", "steps")},  # Argo, Tekton
    **{name: {name: CONTAINER} for name in ("container", "script", "driver")},  # Argo, Spark
    "by name": {"containers": {"app": CONTAINER}},
    "beside a text": {"containers": ["app", CONTAINER]},
    "an empty list": {"containers": [], "initContainers": [CONTAINER]},
    "no image": {"containers": [{"name": "app", "securityContext": {"privileged": True}}]},
    "a step of a template's image": {"steps": [{"name": "app", "securityContext": {"privileged": True}}]},
    "a container set": {"containerSet": {"containers": [CONTAINER]}},
    "a list in a list": {"groups": [[CONTAINER]]},
}
"""How a privileged container may stand in an object, by what is unusual."""
PLACED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "itself": lambda pod: pod,
    "a template": lambda pod: {"template": {"metadata": {}, "spec": pod}},
    "a list": lambda pod: {"jobs": [{"name": "first"}, {"spec": pod}]},
    "a list in a list": lambda pod: {"steps": [[{"name": "first", "inline": pod}]]},
    "by name": lambda pod: {"replicaSpecs": {"Worker": pod}},
    "below an empty pod": lambda pod: {"containers": [], "initContainers": [], "template": {"spec": pod}},
    "below a pod": lambda pod: {"containers": [GOOD], "template": {"spec": pod}},
    "below a container": lambda pod: {"containers": [{**GOOD, "spec": pod}]},
    "a text": lambda pod: {"podSpecPatch": json.dumps(pod)},
    "a manifest": lambda pod: {"manifest": "---\n" + yaml.safe_dump({"kind": "Pod", "spec": pod})},
    "a list of texts": lambda pod: {"manifests": ["kind: Namespace", yaml.safe_dump({"spec": pod})]},
}
"""How such an object may stand in another."""


@pytest.mark.parametrize("outer", PLACED)
def test_no_nesting_hides_a_privileged_container(outer: str) -> None:
    """Each way that a container stands in an object, in each way that objects stand in two others."""
    assert judge("workload-runs-confined", {"spec": {"containers": [GOOD]}}).outcome is Outcome.PASSED
    hidden = [
        (held, inner)
        for held, pod in HELD.items()
        for inner, place in PLACED.items()
        if judge(
            "workload-runs-confined", {"spec": PLACED[outer](place(pod))}, "kubernetes:nobody-yet.example/v9:Thing"
        ).violations
        == ()
    ]
    assert hidden == []


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_each_rule_finds_it_there(rule: Rule) -> None:
    for name in ("containers", "sidecars", "steps", "container", "script", "driver", "by name", "a list in a list"):
        of_the_pod = {part: BAD[part] for part in ("securityContext", "volumes")}
        templates = [HELD[name] | of_the_pod | {"hostPID": True, "shareProcessNamespace": True}]
        resource = Resource("kubernetes:argoproj.io/v1alpha1:Workflow", {"spec": {"templates": templates}})
        assert rule.judge(resource, Stack([resource])).outcome is Outcome.FAILED, name


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True, "templates": [{"container": {"image": GOOD_IMAGE}}]},
        {"podTemplate": {"hostPID": True}, "steps": [{"name": "a", "image": GOOD_IMAGE}]},
        {"volumes": [{"name": "node", "hostPath": {"path": "/"}}], "templates": [{"script": {"image": GOOD_IMAGE}}]},
        {"podSpecPatch": '{"hostIPC": true}'},
        {"podSpecPatch": "hostNetwork: true"},
    ],
    ids=["above a container", "beside steps", "volumes above", "a text", "a text in YAML"],
)
def test_the_node_is_kept_to_itself_wherever_a_kind_says_otherwise(spec: dict[str, Any]) -> None:
    verdict = judge("workload-stays-off-the-host", {"spec": spec}, "kubernetes:argoproj.io/v1alpha1:Workflow")
    assert verdict.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "spec",
    [
        {"podSpecPatch": '{"containers": [{"name": "main", {{inputs.parameters.more}}}]}'},
        {"templates": [UNKNOWN]},
        {"templates": [{"container": UNKNOWN}]},
        {"templates": [{"sidecars": UNKNOWN}]},
    ],
    ids=["a text with parameters", "a template", "a container", "sidecars"],
)
def test_what_may_be_a_pod_and_cannot_be_read_is_not_yet_decided(spec: dict[str, Any]) -> None:
    verdict = judge("workload-runs-confined", {"spec": spec}, "kubernetes:argoproj.io/v1alpha1:Workflow")
    assert verdict.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    "spec",
    [
        {"http": [{"route": [{"destination": {"host": "image"}}]}], "steps": [{"setWeight": 10}, {"pause": {}}]},
        {"image": GOOD_IMAGE, "resources": {}, "replicas": 2},
        {"description": "containers: those that the kind makes", "script": "set -eu\ncontainer: {{"},
        {"args": ["containers:\n- image: x"], "containerPolicies": [{"containerName": "*"}]},
        {"images": [{"name": "app", "newTag": "1"}], "volumes": [{"image": {"reference": GOOD_IMAGE}}]},
    ],
    ids=["steps of a release", "a word for an image", "prose", "arguments", "names of images"],
)
def test_what_only_sounds_like_a_container_is_none(spec: dict[str, Any]) -> None:
    verdict = judge("workload-runs-confined", {"spec": spec}, "kubernetes:any.example/v1:Thing")
    assert verdict.outcome is Outcome.NOT_APPLICABLE, verdict


def test_a_text_that_is_secret_is_told_by_no_message() -> None:
    text = json.dumps({"containers": [{"name": "app", "image": "hunter2"}]})
    verdict = judge(
        "workload-pins-images-by-digest",
        {"spec": {"podSpecPatch": Secret(text)}},
        "kubernetes:argoproj.io/v1alpha1:Workflow",
    )
    assert verdict.outcome is Outcome.FAILED
    assert "hunter2" not in str(verdict)


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_a_part_of_a_workload_and_a_list_of_some_are_judged_as_it_is(rule: Rule) -> None:
    known = kubernetes_types.tokens()
    for type_ in WORKLOADS:
        whole = described(type_.rpartition(":")[2], BAD)
        for found, properties in ((f"{type_}Patch", whole), (f"{type_}List", {"items": [whole]})):
            if found in known:
                assert rule.is_about(found)
                resource = Resource(found, properties)
                assert rule.judge(resource, Stack([resource])).outcome is Outcome.FAILED, found
    replicas = Resource("kubernetes:apps/v1:DeploymentPatch", {"spec": {"replicas": 3}})
    assert rule.judge(replicas, Stack([replicas])).outcome is Outcome.NOT_APPLICABLE


def test_one_bad_template_of_two_is_told_by_where_it_is() -> None:
    good = {"containers": [{"name": "app", "securityContext": {"readOnlyRootFilesystem": True}}]}
    spec = {"head": {"template": {"spec": good}}, "workers": [{"template": {"spec": {"containers": [{"name": "w"}]}}}]}
    (message,) = judge("workload-has-read-only-root", {"spec": spec}, "kubernetes:ray.io/v1:RayCluster").violations
    assert message.startswith(
        "`spec.workers.0.template.spec.containers.0.securityContext.readOnlyRootFilesystem` is not set"
    )


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
def test_a_rollout_of_anothers_template_is_judged_there(rule: Rule) -> None:
    """The Deployment that it refers to has the pods, and is a resource like any other."""
    reference = {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}}
    rollout = Resource(ROLLOUT, {"spec": {"selector": {"matchLabels": {"app": "app"}}, **reference}})
    deployment = Resource("kubernetes:apps/v1:Deployment", described("Deployment", BAD) | {"metadata": {"name": "app"}})
    stack = Stack([rollout, deployment])
    judged = {each.type: rule.judge(each, stack).outcome for each in stack.judged_by(rule.is_about)}
    assert judged == {ROLLOUT: Outcome.NOT_APPLICABLE, deployment.type: Outcome.FAILED}


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
@pytest.mark.parametrize("spec", [UNKNOWN, {"template": UNKNOWN}, {"template": {"spec": UNKNOWN}}])
def test_a_rollout_whose_template_is_unknown_is_not_yet_decided(rule: Rule, spec: Any) -> None:
    resource = Resource(ROLLOUT, {"spec": spec})
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("rule", OF_PODS, ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"spec": {"hosts": UNKNOWN, "http": [{"route": UNKNOWN}]}},
        {"spec": {"template": {"metadata": {"labels": {"app": UNKNOWN}}, "spec": {"requirements": []}}}},
        {"metadata": {"annotations": {"before": {"spec": BAD}}}, "status": {"last": {"spec": BAD}}},
    ],
    ids=["nothing", "a route", "a template of nodes", "what somebody else wrote"],
)
def test_what_has_no_pod_is_left_alone(rule: Rule, properties: dict[str, Any]) -> None:
    resource = Resource("kubernetes:any.example/v1:Thing", properties)
    assert rule.judge(resource, Stack([resource])).outcome is Outcome.NOT_APPLICABLE


def test_kinds_of_kubernetes_itself_are_those_that_are_listed() -> None:
    """All others are somebody's own, which may have pods in any place."""
    known = kubernetes_types.tokens()
    assert [token for token in sorted(known) if is_custom(token)] == []
    parts = {f"{each}{end}" for each in WORKLOADS for end in ("Patch", "List")}
    assert {token for token in known if may_describe_pods(token)} == parts & known
    assert {"kubernetes:apps/v1:DaemonSetPatch", "kubernetes:core/v1:PodList"} <= parts & known
    assert not any(map(may_describe_pods, ("kubernetes:core/v1:ResourceQuotaPatch", "aws:s3/bucket:BucketPatch")))
    assert all(is_custom(token) for token in OTHERS)
    assert not any(map(is_custom, ("aws:s3/bucket:Bucket", "pulumi:providers:kubernetes", "kubernetes:yaml/v2:File")))


def test_unknown_container_hides_no_violation() -> None:
    verdict = judge("workload-runs-confined", {"spec": {"containers": [UNKNOWN, {"name": "app"}]}})
    assert any("containers.1.security_context.allow_privilege_escalation" in text for text in verdict.violations)
    assert verdict.unknown == ("spec.containers.0",)


def test_unknown_setting_of_the_pod_leaves_what_containers_inherit_undecided() -> None:
    inherits = example(pod={"securityContext": UNKNOWN})
    assert judge("workload-runs-as-non-root", inherits).outcome is Outcome.UNDECIDED
    says_itself = example(pod={"securityContext": UNKNOWN}, securityContext={"runAsNonRoot": True, "runAsUser": 1000})
    assert judge("workload-runs-as-non-root", says_itself).outcome is Outcome.PASSED


def test_message_names_the_container_and_what_to_set() -> None:
    (message,) = judge("workload-has-read-only-root", example(securityContext={})).violations
    assert message == (
        "`spec.containers.0.security_context.read_only_root_filesystem` is not set (which means false); it must be true"
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


def test_the_pods_of_a_workload_are_looked_for_once_for_all_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    find = pods._places_of

    def finds(value: Any, *given: Any) -> Any:
        if isinstance(value, Resource):
            looked.append(value.name)
        return find(value, *given)

    monkeypatch.setattr(pods, "_places_of", finds)
    workloads = [Resource("kubernetes:core/v1:Pod", {"spec": BAD}, name=name) for name in ("one", "other")]
    for workload in workloads:
        for rule in OF_PODS:
            rule.judge(workload, Stack(workloads))
    assert sorted(set(looked)) == ["one", "other"]
    assert len(looked) == 4, "once as pods have containers, and once with what says something of the node"
