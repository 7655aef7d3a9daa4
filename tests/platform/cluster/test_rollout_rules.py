"""That a new version of a model is judged by what those who roll it out do not write, asked of a live API server in an
ML engineer's name. What holds whoever asks is in `test_object_rules.py`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.guardrails.rollout_analyses import FEWEST, FIRST_SHARE
from cluster.roles import ML_ENGINEER
from tests.platform.cluster import cases
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, govern, refused

pytestmark = pytest.mark.engine

RULE = "rollouts-are-judged"
SERVING = "namespaces/serving"
ROLLOUTS = f"/apis/argoproj.io/v1alpha1/{SERVING}/rollouts"
SERVICES = f"/api/v1/{SERVING}/services"
GATE = {"analysis": {"templates": [{"templateName": "success-rate", "clusterScope": True}]}}
OWN = {"analysis": {"templates": [{"templateName": "always"}]}}
A_TENTH, HALF, ALL = {"setWeight": 10}, {"setWeight": 50}, {"setWeight": 100}
ROUTED = {
    "stableService": "model-stable",
    "canaryService": "model-next",
    "trafficRouting": {"istio": {"virtualService": {"name": "model"}}},
}
HEADERS = {"setHeaderRoute": {"name": "some", "match": [{"headerName": "x", "headerValue": {"regex": ".*"}}]}}
MIRROR = {"setMirrorRoute": {"name": "copy", "match": [{"path": {"prefix": "/"}}], "percentage": 100}}
BLUE_GREEN = {
    "activeService": "model-stable",
    "previewService": "model-next",
    "autoPromotionEnabled": False,
    "prePromotionAnalysis": GATE["analysis"],
    "scaleDownDelayRevisionLimit": 0,
    "abortScaleDownDelaySeconds": 0,
}


@pytest.fixture(scope="module")
def engineer(guarded: Api) -> Member:
    return Member.of(ML_ENGINEER, govern(guarded))


def canary(*steps: dict[str, Any], of: int | None = None, **more: Any) -> dict[str, Any]:
    """A canary whose share of calls is the mesh's to say."""
    traffic = {**ROUTED["trafficRouting"], **({"maxTrafficWeight": of} if of else {})}
    return {"canary": {**ROUTED, "trafficRouting": traffic, "steps": list(steps), **more}}


def experiment(**template: Any) -> dict[str, Any]:
    return {"experiment": {"templates": [{"name": "next", "specRef": "canary", **template}]}}


def rollout(strategy: dict[str, Any], **spec: Any) -> dict[str, Any]:
    manifest = cases.controller("Rollout", cases.compliant_pod("serving"))
    manifest["spec"] |= {"strategy": strategy, **spec}
    return manifest


def rolls_out(member: Member, strategy: dict[str, Any], **spec: Any) -> Answer:
    return member.apply(ROLLOUTS, rollout(strategy, **spec))


JUDGED = canary(A_TENTH, GATE, {"pause": {}}, ALL)
UNJUDGED = {
    "no step": {"canary": {}},
    "an empty canary with a service": {"canary": {"stableService": "a", "canaryService": "b"}},
    "steps that wait alone": canary(A_TENTH, {"pause": {"duration": 60}}),
    "a judgement when all is done": canary(ALL, GATE),
    "a judgement in the background alone": canary(A_TENTH, **GATE),
    "a judgement in the background, from a later step": canary(
        A_TENTH, HALF, **{"analysis": {**GATE["analysis"], "startingStep": 1}}
    ),
    "an experiment alone": canary(experiment()),
    "all calls by another measure": canary(A_TENTH, GATE, of=10),
    "half of the calls by another measure": canary(A_TENTH, GATE, of=20),
    "nearly all calls before it": canary({"setWeight": 99}, GATE),
    "nearly all calls before it, after a few": canary(A_TENTH, {"setWeight": 99}, GATE),
    "nearly all calls for a moment before it": canary({"setWeight": 99}, {"setWeight": 1}, GATE),
    "just more than a first share": canary({"setWeight": FIRST_SHARE + 1}, GATE),
    "no calls yet": canary(GATE),
    "no calls yet, by a weight": canary({"setWeight": 0}, GATE, ALL),
    "no calls again": canary(A_TENTH, {"setWeight": 0}, GATE, ALL),
    "no calls yet, then all": canary(GATE, ALL, GATE),
    "so few calls that there are none": canary({"setWeight": 1}, GATE, of=1_000_000),
    "no pod that could be called": canary({"setCanaryScale": {"replicas": 0}}, A_TENTH, GATE, ALL),
    "no share of the pods that could be called": canary(A_TENTH, {"setCanaryScale": {"weight": 0}}, GATE, ALL),
    "calls by their headers before": canary(HEADERS, A_TENTH, GATE),
    "calls by their headers before, at a weight": canary(A_TENTH, HEADERS, GATE),
    "copies of calls before": canary(MIRROR, A_TENTH, GATE),
    "an experiment's share before": canary(experiment(weight=50), A_TENTH, GATE),
    "a step that is two": canary({**A_TENTH, "setCanaryScale": {"replicas": 1}}, {**GATE, **ALL}),
}


@pytest.mark.parametrize("case", UNJUDGED)
def test_a_canary_that_nobody_judges_is_refused(engineer: Member, case: str) -> None:
    answer = rolls_out(engineer, UNJUDGED[case], replicas=20)
    assert refused(answer, RULE, "kubectl get clusteranalysistemplates")


@pytest.mark.parametrize("replicas", [None, 1, FEWEST - 1])
def test_without_the_mesh_one_pod_of_few_is_no_small_share(engineer: Member, replicas: int | None) -> None:
    spec = {"replicas": replicas} if replicas else {}
    for strategy in (
        {"canary": {"steps": [A_TENTH, GATE]}},
        {"canary": {"steps": [A_TENTH, GATE], "trafficRouting": {"istio": {}}}},
    ):
        assert refused(rolls_out(engineer, strategy, **spec), RULE, f"replicas: {FEWEST}")
    beside = {"canary": {"steps": [experiment(replicas=20), A_TENTH, GATE]}}
    assert refused(rolls_out(engineer, beside, replicas=FEWEST), RULE, "many calls")


@pytest.mark.parametrize(
    "strategy",
    [
        canary(A_TENTH, OWN),
        canary(A_TENTH, GATE, OWN),
        canary(A_TENTH, {"analysis": {"templates": [*GATE["analysis"]["templates"], {}]}}),
        canary(A_TENTH, {"analysis": {}}),
        canary(A_TENTH, GATE, **OWN),
        canary(A_TENTH, GATE, {"experiment": {"templates": [], "analyses": [{"name": "a", "templateName": "b"}]}}),
        {"blueGreen": {**BLUE_GREEN, "prePromotionAnalysis": OWN["analysis"]}},
        {"blueGreen": {**BLUE_GREEN, "postPromotionAnalysis": {}}},
    ],
)
def test_what_judges_is_the_platforms(engineer: Member, strategy: dict[str, Any]) -> None:
    assert refused(rolls_out(engineer, strategy), RULE, "it would be judged by")


LATEST, STABLE = ({"podTemplateHashValue": which} for which in ("Latest", "Stable"))


def asks(*args: dict[str, Any]) -> dict[str, Any]:
    return {"analysis": {**GATE["analysis"], "args": list(args)}}


@pytest.mark.parametrize(
    "arg",
    [
        {"name": "service-name", "value": "another-model"},
        {"name": "service-name", "value": "model-stable"},
        {"name": "service-name", "value": "model-next.training.svc.cluster.local"},
        {"name": "service-name", "value": 'model-next"} or vector(1) #'},
        {"name": "service-name", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['of']"}}},
        {"name": "service-name", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "canary-hash", "valueFrom": STABLE},
        {"name": "canary-hash", "value": "0123456789"},
        {"name": "stable-hash", "valueFrom": LATEST},
        {"name": "stable-service", "value": "model-next"},
        {"name": "rollout", "value": "another-model"},
        {"name": "rollout", "valueFrom": {"fieldRef": {"fieldPath": "spec.selector.matchLabels.app"}}},
        {"name": "namespace", "value": "mlflow"},
        {"name": "namespace", "value": "mlflow", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "threshold", "value": "0"},
        {"name": "prometheus-service", "value": "model-next"},
        {"name": "canary-hash"},
    ],
    ids=str,
)
def test_what_judges_looks_at_the_new_version(engineer: Member, arg: dict[str, Any]) -> None:
    told = f"it tells what judges it {arg['name']}"
    for strategy in (
        canary(A_TENTH, asks(arg)),
        canary(A_TENTH, GATE, **asks(arg)),
        {"blueGreen": {**BLUE_GREEN, "prePromotionAnalysis": asks(arg)["analysis"]}},
        {"blueGreen": {**BLUE_GREEN, "postPromotionAnalysis": asks(arg)["analysis"]}},
    ):
        assert refused(rolls_out(engineer, strategy), RULE, told)


def test_another_way_than_a_canary_is_judged_too(engineer: Member) -> None:
    unjudged = {key: value for key, value in BLUE_GREEN.items() if key != "prePromotionAnalysis"}
    assert refused(rolls_out(engineer, {"blueGreen": unjudged}), RULE, "Give blueGreen a prePromotionAnalysis")
    later = {**unjudged, "postPromotionAnalysis": GATE["analysis"]}
    assert refused(rolls_out(engineer, {"blueGreen": later}), RULE, "Give blueGreen a prePromotionAnalysis")
    empty = {"blueGreen": {**BLUE_GREEN, "previewReplicaCount": 0}}
    assert refused(rolls_out(engineer, empty), RULE, "has no pod")


@pytest.mark.parametrize(
    "kept",
    [{"scaleDownDelayRevisionLimit": None}, {"scaleDownDelayRevisionLimit": 1}, {"abortScaleDownDelaySeconds": 600}],
    ids=str,
)
def test_what_was_let_go_does_not_come_back_unjudged(engineer: Member, kept: dict[str, Any]) -> None:
    """A ReplicaSet that waits for its end is promoted at once when its version is asked for again
    (argo-rollouts 1.9.1, rollout/bluegreen.go, `isBlueGreenFastTracked`)."""
    strategy = {"blueGreen": {key: value for key, value in (BLUE_GREEN | kept).items() if value is not None}}
    assert refused(rolls_out(engineer, strategy), RULE, "come back with nothing that judges it")


@pytest.fixture
def rolling(guarded: Api, request: pytest.FixtureRequest) -> Iterator[Api]:
    """A Rollout that is there, with the strategy of the test's parameter."""
    assert (answer := guarded.apply(rollout(request.param, replicas=0))).done, answer.text
    yield guarded
    guarded.run("delete", "rollout", "case", "--namespace=serving")


@pytest.mark.parametrize(
    ("rolling", "strategy"),
    [
        # To a blueGreen without an active ReplicaSet every version is the first (rollout/sync.go, `shouldFullPromote`).
        (JUDGED, {"canary": None, "blueGreen": BLUE_GREEN}),
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": {**BLUE_GREEN, "activeService": "another"}}),
    ],
    indirect=["rolling"],
    ids=["by another way", "to another Service"],
)
def test_no_version_is_made_the_first(rolling: Api, engineer: Member, strategy: dict[str, Any]) -> None:
    answer = engineer.patch(f"{ROLLOUTS}/case", {"spec": {"strategy": strategy}})
    assert refused(answer, RULE, "its next version would count as the first")


@pytest.mark.parametrize(
    ("rolling", "strategy"),
    [
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": {**BLUE_GREEN, "autoPromotionEnabled": True}}),
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": None, **JUDGED}),
        (JUDGED, canary(A_TENTH, GATE, HALF, GATE)),
    ],
    indirect=["rolling"],
    ids=["blueGreen as before", "to a canary", "a canary as before"],
)
def test_a_rollout_goes_on(rolling: Api, engineer: Member, strategy: dict[str, Any]) -> None:
    answer = engineer.patch(f"{ROLLOUTS}/case", {"spec": {"strategy": strategy}})
    assert answer.done, answer.text


def test_no_judgement_is_passed_over(engineer: Member) -> None:
    tried = {"analysis": {**GATE["analysis"], "dryRun": [{"metricName": ".*"}]}}
    assert refused(rolls_out(engineer, canary(A_TENTH, tried)), RULE, "is a dry run")
    assert refused(rolls_out(engineer, JUDGED, rollbackWindow={"revisions": 3}), RULE, "rollbackWindow")


@pytest.mark.parametrize(
    ("strategy", "replicas"),
    [
        (JUDGED, 1),
        (canary(A_TENTH, GATE, **GATE), 1),
        (canary({"setWeight": FIRST_SHARE}, {"pause": {"duration": 60}}, GATE, HALF, GATE, ALL), 1),
        (canary({"setWeight": 0}, A_TENTH, {"setWeight": 1}, GATE), 1),
        (canary(GATE, A_TENTH, GATE, ALL), 1),
        (canary({"setWeight": 100}, GATE, of=1000), 1),
        (canary({"setCanaryScale": {"replicas": 1}}, A_TENTH, GATE, HEADERS, MIRROR, experiment(weight=5)), 1),
        (canary(experiment(), A_TENTH, GATE), 1),
        (canary(A_TENTH, {"setHeaderRoute": {"name": "some"}}, GATE), 1),
        ({"canary": {"steps": [A_TENTH, GATE]}}, FEWEST),
        (
            canary(
                A_TENTH,
                asks(
                    {"name": "service-name", "value": "model-next"},
                    {"name": "canary-service", "value": "model-next.serving.svc.cluster.local"},
                    {"name": "stable-service", "value": "model-stable"},
                    {"name": "canary-hash", "valueFrom": LATEST},
                    {"name": "stable-hash", "valueFrom": STABLE},
                    {"name": "rollout", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "namespace", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                ),
            ),
            1,
        ),
        ({"blueGreen": BLUE_GREEN}, 1),
        ({"blueGreen": {**BLUE_GREEN, "previewReplicaCount": 1, "postPromotionAnalysis": GATE["analysis"]}}, 2),
        (
            {
                "blueGreen": {
                    **BLUE_GREEN,
                    "prePromotionAnalysis": asks({"name": "service-name", "value": "model-next"})["analysis"],
                }
            },
            1,
        ),
    ],
)
def test_a_version_that_is_judged_rolls_out(engineer: Member, strategy: dict[str, Any], replicas: int) -> None:
    answer = rolls_out(engineer, strategy, replicas=replicas)
    assert answer.done, answer.text


def test_who_keeps_the_stack_may_try_without(guarded: Api) -> None:
    answer = guarded.apply(rollout({"canary": {}}), dry_run=True)
    assert answer.done, answer.text


# Whose pods a Service leads to, and whose a pod is


def service(selector: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "case", "namespace": "serving"},
        "spec": {"selector": selector, "ports": [{"port": 80}]},
    }


MARK = {"rollouts-pod-template-hash": "6f5b9c8d7"}


@pytest.fixture
def led(guarded: Api) -> Iterator[Api]:
    """A Service that the controller leads to one version."""
    assert (answer := guarded.apply(service({"app": "case", **MARK}))).done, answer.text
    yield guarded
    guarded.run("delete", "service", "case", "--namespace=serving")


def test_who_is_judged_leads_no_service_to_a_version(engineer: Member, guarded: Api) -> None:
    answer = engineer.create(SERVICES, service({"app": "case", **MARK}))
    assert refused(answer, "versions-are-the-controllers", "rollouts-pod-template-hash")
    assert (answer := engineer.create(SERVICES, service({"app": "case"}))).done, answer.text


@pytest.mark.parametrize("value", [None, "55555"])
def test_a_service_that_a_rollout_leads_stays_led(led: Api, engineer: Member, value: str | None) -> None:
    """One that no Rollout leads is led to the next version at once (`isBlueGreenFastTracked`)."""
    patch = {"spec": {"selector": {"rollouts-pod-template-hash": value}}}
    assert refused(engineer.patch(f"{SERVICES}/case", patch), "versions-are-the-controllers")
    applied = {"spec": {"selector": {"app": "case"}, "ports": [{"port": 81}]}}  # as `kubectl apply` patches it
    assert (answer := engineer.patch(f"{SERVICES}/case", applied)).done, answer.text


def test_a_service_goes_once_no_rollout_leads_it(led: Api, engineer: Member) -> None:
    """Made anew, it would be led to the next version at once."""
    assert refused(engineer.delete(f"{SERVICES}/case"), "versions-are-the-controllers", "Delete the Rollout first")
    let_go = json.dumps(
        [{"op": "remove", "path": "/spec/selector/rollouts-pod-template-hash"}]
    )  # as the controller does
    answer = led.run("patch", "service", "case", "--namespace=serving", "--type=json", f"--patch={let_go}")
    assert answer.done, answer.text
    assert (answer := engineer.delete(f"{SERVICES}/case")).done, answer.text


@pytest.mark.parametrize("rolling", [JUDGED], indirect=True, ids=["a canary"])
def test_a_rollout_is_its_team_s_to_end(rolling: Api, engineer: Member) -> None:
    assert (answer := engineer.delete(f"{ROLLOUTS}/case")).done, answer.text


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_no_other_pod_takes_itself_for_a_judged_one(engineer: Member, kind: str) -> None:
    pod = cases.compliant_pod("serving")
    made = cases.controller(kind, pod)
    made["metadata"]["name"] = "of-another-name"
    if kind == "Rollout":
        made["spec"]["strategy"] = JUDGED
    group = "apis/apps/v1" if kind == "Deployment" else "apis/argoproj.io/v1alpha1"
    path = f"/{group}/{SERVING}/{kind.lower()}s"
    assert (answer := engineer.create(path, made)).done, answer.text
    made["spec"]["template"]["metadata"]["labels"] |= MARK
    answer = engineer.create(path, made)
    assert refused(answer, "versions-are-the-controllers", "rollouts-pod-template-hash")
