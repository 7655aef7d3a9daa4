"""That a new version of a model is judged by what those who roll it out do not write, asked of a live API server in an
ML engineer's name. What holds whoever asks is in `test_object_rules.py`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.guardrails.flows import PREDICTOR
from cluster.guardrails.rollout_analyses import FEWEST, FIRST_SHARE
from cluster.roles import ML_ENGINEER
from local.workspace import Workspace
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


def told_by(*args: dict[str, Any]) -> dict[str, Any]:
    """An experiment's own analysis."""
    return {"name": "compared", "templateName": "success-rate", "clusterScope": True, "args": list(args)}


def compares(*analyses: dict[str, Any]) -> dict[str, Any]:
    """An experiment with both versions."""
    versions = [{"name": "before", "specRef": "stable"}, {"name": "after", "specRef": "canary"}]
    return {"experiment": {"templates": versions, "analyses": list(analyses)}}


def test_these_are_all_places_at_which_an_analysis_is_told_something(workspace: Workspace) -> None:
    """As the pinned release defines a Rollout."""
    file = workspace.sources / "crds" / "argo-rollouts" / "rollout-crd.yaml"
    (version,) = yaml.load(file.read_text(), yaml.CSafeLoader)["spec"]["versions"]
    strategy = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["strategy"]
    assert sorted(places(strategy, "args")) == [
        "blueGreen.postPromotionAnalysis",
        "blueGreen.prePromotionAnalysis",
        "canary.analysis",
        "canary.steps.analysis",
        "canary.steps.experiment.analyses",
    ]


def places(schema: dict[str, Any], word: str, *path: str) -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        if name == word:
            yield ".".join(path)
        yield from places(each.get("items", each), word, *path, name)


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
        {"name": "canary-hash", "value": "{{templates.before.podTemplateHash}}"},
    ],
    ids=str,
)
def test_what_judges_looks_at_the_new_version(engineer: Member, arg: dict[str, Any]) -> None:
    told = f"it tells what judges it {arg['name']}"
    for strategy in (
        canary(A_TENTH, asks(arg)),
        canary(A_TENTH, GATE, **asks(arg)),
        canary(A_TENTH, GATE, compares({"name": "no-args", "templateName": "a", "clusterScope": True}, told_by(arg))),
        {"blueGreen": {**BLUE_GREEN, "prePromotionAnalysis": asks(arg)["analysis"]}},
        {"blueGreen": {**BLUE_GREEN, "postPromotionAnalysis": asks(arg)["analysis"]}},
    ):
        assert refused(rolls_out(engineer, strategy), RULE, told)


@pytest.mark.parametrize("strategy", [None, {}, {**JUDGED, "blueGreen": BLUE_GREEN}], ids=["none", "empty", "two"])
def test_a_rollout_has_one_way(engineer: Member, strategy: dict[str, Any] | None) -> None:
    """Without one the Services that it leads are let go (argo-rollouts 1.9.1, service/service.go, `syncService`)."""
    made = rollout(JUDGED)
    made["spec"]["strategy"] = strategy
    if strategy is None:
        del made["spec"]["strategy"]
    answer = engineer.apply(ROLLOUTS, made)
    says = f"has {'two strategies' if strategy else 'no strategy'}"
    assert refused(answer, RULE, says)
    assert "Give it one strategy, canary or blueGreen" in answer.text


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
        # One that the Services were let go of is no new Rollout.
        ({}, {"blueGreen": BLUE_GREEN}),
    ],
    indirect=["rolling"],
    ids=["by another way", "to another Service", "by a way where there was none"],
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


@pytest.mark.parametrize("rolling", [JUDGED, {"blueGreen": BLUE_GREEN}], indirect=True, ids=["canary", "blueGreen"])
def test_a_rollout_keeps_having_a_way(rolling: Api, engineer: Member) -> None:
    for patch in ({"strategy": None}, {"strategy": {"canary": None, "blueGreen": None}}):
        assert refused(engineer.patch(f"{ROLLOUTS}/case", {"spec": patch}), RULE, "has no strategy")


@pytest.mark.parametrize("rolling", [{"blueGreen": BLUE_GREEN}], indirect=True, ids=["blueGreen"])
def test_a_version_that_is_on_its_way_gets_no_calls_by_another_way(rolling: Api, engineer: Member) -> None:
    """Let go, the active Service would lead to the next version's pods too, as many as it has, for as long as the
    Rollout is paused."""
    stands(rolling, stableRS="5f8d", currentPodHash="7b9c")
    patch = {"spec": {"paused": True, "strategy": {"blueGreen": None, **JUDGED}}}
    assert refused(engineer.patch(f"{ROLLOUTS}/case", patch), RULE, "a version is on its way")
    assert (answer := engineer.patch(f"{ROLLOUTS}/case", {"spec": {"paused": True}})).done, answer.text
    stands(rolling, stableRS="7b9c", currentPodHash="7b9c")
    assert (answer := engineer.patch(f"{ROLLOUTS}/case", patch)).done, answer.text


def stands(api: Api, **status: str) -> None:
    """The controller has come this far."""
    patch = f"--patch={json.dumps({'status': status})}"
    answer = api.run("patch", "rollout", "case", "--namespace=serving", "--subresource=status", "--type=merge", patch)
    assert answer.done, answer.text


@pytest.mark.parametrize("rolling", [JUDGED, {"blueGreen": BLUE_GREEN}], indirect=True, ids=["canary", "blueGreen"])
def test_a_rollout_keeps_its_pods(rolling: Api, engineer: Member) -> None:
    """Its ReplicaSets would be nobody's, and the next one the first (rollout/replicaset.go,
    `getReplicaSetsForRollouts`)."""
    labels = {"metadata": {"labels": {"line": "two"}}}
    answer = engineer.patch(f"{ROLLOUTS}/case", {"spec": {"selector": None, "template": labels}})
    assert refused(answer, RULE, "its next version would count as the first")
    other = {"matchLabels": {"line": "two"}}
    answer = engineer.patch(f"{ROLLOUTS}/case", {"spec": {"selector": other, "template": labels}})
    assert ".spec.selector is immutable" in answer.text, "as its kind has it, of one that is there"
    assert (answer := engineer.patch(f"{ROLLOUTS}/case", {"spec": {"template": labels}})).done, answer.text


def test_a_rollout_whose_template_is_a_deployment_s_says_which_pods_it_has(engineer: Member) -> None:
    """Or another selector would come with another Deployment (rollout/templateref.go, `Resolve`)."""
    made = rollout(JUDGED)
    del made["spec"]["template"]
    made["spec"]["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "case"}
    assert (answer := engineer.apply(ROLLOUTS, made)).done, answer.text
    del made["spec"]["selector"]
    assert refused(engineer.apply(ROLLOUTS, made), RULE, "Say spec.selector")


@pytest.mark.parametrize("named", [("v1", "PodTemplate"), ("apps/v1", "ReplicaSet"), ("example.org/v1", "Deployment")])
def test_a_rollout_takes_its_template_from_a_deployment_or_has_its_own(
    engineer: Member, named: tuple[str, str]
) -> None:
    """Of a kind that it may not read the controller waits a minute for each try, and watches on for each."""
    made = rollout(JUDGED)
    del made["spec"]["template"]
    made["spec"]["workloadRef"] = {"apiVersion": named[0], "kind": named[1], "name": "case"}
    assert refused(engineer.apply(ROLLOUTS, made), "rollouts-tell-of-their-pods", named[1])


def test_a_model_whose_numbers_nobody_finds_is_told_before_it_is_aborted(engineer: Member) -> None:
    """What judges it says no where it finds none."""
    made = rollout(JUDGED)
    template = made["spec"]["template"]
    template["metadata"]["labels"] |= PREDICTOR
    said = {"prometheus.io/scrape": "true", "prometheus.io/port": "9464"}
    ports = [{"name": "metrics", "containerPort": 9464}]
    for annotations, opens in (({}, ports), (said, []), ({**said, "prometheus.io/port": "80"}, ports)):
        template["metadata"]["annotations"] = annotations
        template["spec"]["containers"][0]["ports"] = opens
        answer = engineer.apply(ROLLOUTS, made)
        assert refused(answer, "rollouts-tell-of-their-pods", "prometheus.io/scrape"), (annotations, opens)
    template["metadata"]["annotations"], template["spec"]["containers"][0]["ports"] = said, ports
    assert (answer := engineer.apply(ROLLOUTS, made)).done, answer.text


# Which Services lead to its versions

PLACES = "its Services would lead to another version"


@pytest.mark.parametrize(
    ("rolling", "strategy"),
    [
        (JUDGED, canary(A_TENTH, GATE, canaryService="model-stable", stableService="model-next")),
        (JUDGED, canary(A_TENTH, GATE, canaryService="model")),
        (JUDGED, canary(A_TENTH, GATE, stableService="model")),
        (JUDGED, canary(A_TENTH, GATE, canaryService="model-stable", stableService="model")),
        (JUDGED, {"canary": {"steps": [A_TENTH, GATE], **dict.fromkeys(ROUTED)}}),
        ({"canary": {"steps": [A_TENTH, GATE]}}, canary(A_TENTH, GATE)),
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": {**BLUE_GREEN, "previewService": "model"}}),
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": {**BLUE_GREEN, "previewService": None}}),
        (
            {"blueGreen": BLUE_GREEN},
            {"blueGreen": None, **canary(A_TENTH, GATE, canaryService="model-stable", stableService="model-next")},
        ),
        ({"blueGreen": BLUE_GREEN}, {"blueGreen": None, "canary": {"steps": [A_TENTH, GATE]}}),
    ],
    indirect=["rolling"],
    ids=[
        "changed about",
        "another for the next version",
        "another for the version that serves",
        "moved up",
        "let go",
        "named where there were none",
        "another preview",
        "the preview let go",
        "changed about by another way",
        "let go by another way",
    ],
)
def test_no_service_is_led_to_a_version_that_nobody_judged(
    rolling: Api, engineer: Member, strategy: dict[str, Any]
) -> None:
    """The next version's Service is led to its pods before any analysis (argo-rollouts 1.9.1, rollout/service.go,
    `reconcileStableAndCanaryService`), and one that is let go to all pods (service/service.go, `syncService`)."""
    patch = {"spec": {"replicas": FEWEST, "strategy": strategy}}
    assert refused(engineer.patch(f"{ROLLOUTS}/case", patch), RULE, PLACES)


def test_no_services_take_turns(engineer: Member) -> None:
    turns = {"pingService": "model-stable", "pongService": "model-next"}
    answer = rolls_out(engineer, canary(A_TENTH, GATE, pingPong=turns))
    assert refused(answer, RULE, "pingPong")


# How many pods it has


SUBSETS = {
    "virtualService": {"name": "model"},
    "destinationRule": {"name": "model", "canarySubsetName": "next", "stableSubsetName": "stable"},
}
BY_PODS = {
    "subsets alone": {"trafficRouting": {"istio": SUBSETS}},
    "subsets of Services": {**ROUTED, "trafficRouting": {"istio": SUBSETS}},
    "no Service of the next version": {**ROUTED, "canaryService": None},
    "no Service of the version that serves": {**ROUTED, "stableService": None},
}


@pytest.mark.parametrize("case", BY_PODS)
def test_who_does_not_see_the_routes_shares_by_pods(engineer: Member, case: str) -> None:
    """A Service of both versions leads to their pods alike, from namespaces that are not shown the team's routes."""
    told = {key: value for key, value in BY_PODS[case].items() if value is not None}
    few = {"canary": {**told, "steps": [A_TENTH, GATE]}}
    assert refused(rolls_out(engineer, few, replicas=1), RULE, f"replicas: {FEWEST}")
    for scale in ({"weight": FIRST_SHARE + 1}, {"replicas": 2}):
        large = {"canary": {**told, "steps": [{"setCanaryScale": scale}, A_TENTH, GATE]}}
        assert refused(rolls_out(engineer, large, replicas=FEWEST), RULE, "the canary would get many calls")
    answer = rolls_out(engineer, {"canary": {**few["canary"], "minPodsPerReplicaSet": 2}}, replicas=FEWEST)
    assert refused(answer, RULE, "minPodsPerReplicaSet")
    for scale in ({"weight": FIRST_SHARE}, {"replicas": 1}, {"matchTrafficWeight": True}):
        small = {"canary": {**told, "steps": [{"setCanaryScale": scale}, A_TENTH, GATE], "minPodsPerReplicaSet": 1}}
        assert (answer := rolls_out(engineer, small, replicas=FEWEST)).done, answer.text


def test_by_routes_to_its_own_services_a_version_has_as_many_pods_as_it_needs(engineer: Member) -> None:
    answer = rolls_out(engineer, canary({"setCanaryScale": {"weight": 50}}, A_TENTH, GATE, minPodsPerReplicaSet=2))
    assert answer.done, answer.text


@pytest.mark.parametrize("rolling", [JUDGED], indirect=True, ids=["a canary"])
def test_a_share_of_the_pods_stays_small_where_they_are_counted_apart(rolling: Api, engineer: Member) -> None:
    """Whoever scales sees the number alone, and not the routes."""
    for few in (1, FEWEST - 1):
        answer = engineer.patch(f"{ROLLOUTS}/case/scale", {"spec": {"replicas": few}})
        assert refused(answer, "rollouts-scale-with-their-routes", f"would have {few} pods")
        assert "in the Rollout itself" in answer.text
        assert (answer := engineer.patch(f"{ROLLOUTS}/case", {"spec": {"replicas": few}})).done, answer.text
    for lawful in (0, FEWEST, 50):
        answer = engineer.patch(f"{ROLLOUTS}/case/scale", {"spec": {"replicas": lawful}})
        assert answer.done, answer.text


AUTOSCALERS = "/apis/autoscaling/v2/namespaces/serving/horizontalpodautoscalers"


def autoscaler(kind: str, least: int | None, version: str = "v2") -> dict[str, Any]:
    group = {"Rollout": "argoproj.io/v1alpha1", "ReplicationController": "v1"}.get(kind, "apps/v1")
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "case", "namespace": "serving"},
        "spec": {
            "scaleTargetRef": {"apiVersion": group, "kind": kind, "name": "case"},
            "maxReplicas": 50,
            **({} if least is None else {"minReplicas": least}),
        },
    }


@pytest.mark.parametrize("least", [None, 1, FEWEST - 1])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_autoscaler_leaves_a_rollout_its_pods(engineer: Member, version: str, least: int | None) -> None:
    at = AUTOSCALERS.replace("v2", version)
    answer = engineer.apply(at, autoscaler("Rollout", least, version))
    assert refused(answer, "autoscalers-keep-shares-small", f"minReplicas: {FEWEST}")
    assert (answer := engineer.apply(at, autoscaler("Rollout", FEWEST, version))).done, answer.text


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController"])
def test_an_autoscaler_makes_no_one_version_large(engineer: Member, kind: str) -> None:
    answer = engineer.apply(AUTOSCALERS, autoscaler(kind, FEWEST))
    assert refused(answer, "autoscalers-keep-shares-small", f"scale the {kind} case")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_an_autoscaler_is_a_team_s_own_elsewhere(engineer: Member, guarded: Api, kind: str) -> None:
    assert (answer := engineer.apply(AUTOSCALERS, autoscaler(kind, 1))).done, answer.text


def test_who_keeps_the_stack_scales_as_he_likes(guarded: Api) -> None:
    assert (answer := guarded.apply(autoscaler("Rollout", 1), dry_run=True)).done, answer.text


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
        (
            canary(
                A_TENTH,
                GATE,
                compares(
                    told_by(
                        {"name": "stable-hash", "value": "{{templates.before.podTemplateHash}}"},
                        {"name": "canary-hash", "value": "{{templates.after.podTemplateHash}}"},
                    ),
                    told_by({"name": "canary-hash", "valueFrom": LATEST}),
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


@pytest.mark.parametrize("name", [None, "none"])
def test_a_service_that_is_led_keeps_its_rollout(led: Api, engineer: Member, name: str | None) -> None:
    """Of a Rollout that is not there the controller takes away what it led to (service/service.go, `syncService`)."""
    key = "argo-rollouts.argoproj.io/managed-by-rollouts"
    answer = led.run("annotate", "service", "case", "--namespace=serving", f"{key}=case")
    assert answer.done, answer.text
    answer = engineer.patch(f"{SERVICES}/case", {"metadata": {"annotations": {key: name}}})
    assert refused(answer, "versions-are-the-controllers", "managed-by-rollouts would change")
    answer = engineer.patch(f"{SERVICES}/case", {"metadata": {"annotations": {"note": "mine"}}})
    assert answer.done, answer.text


def test_no_new_service_says_whose_it_is(engineer: Member) -> None:
    made = service({"app": "case"})
    made["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": "another"}
    assert refused(engineer.create(SERVICES, made), "versions-are-the-controllers", "managed-by-rollouts would change")


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
