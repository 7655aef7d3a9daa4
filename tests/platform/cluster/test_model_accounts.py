"""What the stack serves, asked of a live API server in the names of all who would have it otherwise."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, ROLLOUTS_CONTROLLER
from cluster.roles import ML_ENGINEER, PLATFORM_OPERATOR, ROLES
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused
from tests.platform.cluster.test_callers import path
from tests.platform.cluster.test_model_service import objects

pytestmark = pytest.mark.engine

RUNS, RULE = "models-run-as-the-stack-wrote-them", "models-are-the-stacks"
MADE = objects(name="sepsis", published=True)
WHERE = str(MADE["Rollout sepsis"]["metadata"]["namespace"])
ACCOUNT = f"{ns.MODEL_ACCOUNTS}sepsis"
HANDS_ON = {"ReplicaSet": PREFIX + ROLLOUTS_CONTROLLER.replace("/", ":")}
HANDS_ON |= {"Pod": f"{PREFIX}{ns.KUBE_SYSTEM}:replicaset-controller"}
ROLLOUT = f"/apis/argoproj.io/v1alpha1/namespaces/{WHERE}/rollouts/sepsis"
SERVICE = f"/api/v1/namespaces/{WHERE}/services/sepsis"
ROUTE = f"/apis/networking.istio.io/v1/namespaces/{WHERE}/virtualservices/sepsis"
SCALER = f"/apis/autoscaling/v2/namespaces/{WHERE}/horizontalpodautoscalers/sepsis"
BUDGET = f"/apis/policy/v1/namespaces/{WHERE}/poddisruptionbudgets/sepsis"


@pytest.fixture(scope="module")
def models(meshed: Api) -> Iterator[Api]:
    """With a model as the stack makes it, whose pods nobody makes here."""
    answer = govern(meshed).apply(*MADE.values())
    assert answer.done, answer.text
    yield meshed
    for each in MADE.values():
        meshed.run("delete", each["kind"], each["metadata"]["name"], f"--namespace={WHERE}", "--wait=false")


@pytest.fixture(scope="module")
def engineer(models: Api) -> Member:
    return Member.of(ML_ENGINEER, models)


@pytest.fixture(scope="module")
def mighty(models: Api) -> Iterator[Member]:
    """An ML engineer whom RBAC lets do everything, so that the rules alone are asked."""
    name = "mighty-engineer"
    made = models.run("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--user={name}")
    assert made.done, made.text
    yield Member.of(ML_ENGINEER, models, name)
    models.run("delete", "clusterrolebinding", name)


def runs_as(kind: str, account: str, namespace: str = WHERE, field: str = "serviceAccountName") -> dict[str, Any]:
    pod = cases.compliant_pod(namespace)
    pod["spec"].pop("serviceAccountName", None)
    pod["spec"][field] = account
    return cases.controller(kind, pod)


# What runs there


@pytest.mark.parametrize("kind", ["Pod", *cases.KINDS])
@pytest.mark.parametrize("who", [f"{PREFIX}serving:predictor", f"{PREFIX}later:chart", f"{PREFIX}mlflow:mlflow"])
def test_no_account_starts_anything_whatever_rbac_says(models: Api, kind: str, who: str) -> None:
    answer = Member.allowed(who, models).create(path(kind, WHERE), runs_as(kind, ACCOUNT))
    assert refused(answer, RUNS, "would be another's word"), answer.text


@pytest.mark.parametrize("kind", HANDS_ON)
def test_the_controllers_hand_on_what_the_stack_wrote(models: Api, kind: str) -> None:
    made = runs_as(kind, ACCOUNT)
    answer = Member.allowed(HANDS_ON[kind], models).create(path(kind, WHERE), made)
    assert answer.done, answer.text
    (other,) = (who for makes, who in HANDS_ON.items() if makes != kind)
    answer = Member.allowed(other, models).create(path(kind, WHERE), made)
    assert refused(answer, RUNS, or_by="controllers-start-nothing-else"), answer.text


@pytest.mark.parametrize("namespace", ["serving", "training"])
def test_a_models_account_is_for_the_stacks_models_alone(models: Api, engineer: Member, namespace: str) -> None:
    made = models.apply(runs_as("Deployment", ACCOUNT, namespace), dry_run=True)
    assert refused(made, "one-identity-a-namespace", f"service account {ACCOUNT} is not for {namespace}")
    if namespace == "serving":
        answer = engineer.create(path("Deployment", namespace), runs_as("Deployment", ACCOUNT, namespace))
        assert refused(answer, "one-identity-a-namespace"), answer.text


CHANGES: dict[str, dict[str, Any]] = {
    "another pod": {"template": {"spec": {"enableServiceLinks": True}}},
    "another account": {"template": {"spec": {"serviceAccountName": "model-readmission"}}},
    "another configuration": {"template": {"metadata": {"annotations": {"parapet.dev/configuration": "{}"}}}},
    "no wait for a person": {"strategy": {"canary": {"maxSurge": 1}}},
    "another number of pods": {"replicas": 50},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_model_is_stays_what_the_stack_said(models: Api, engineer: Member, what: str) -> None:
    answer = engineer.patch(ROLLOUT, {"spec": CHANGES[what]})
    assert refused(answer, RUNS, "the setting models", or_by=RULE), answer.text
    controller = Member.allowed(HANDS_ON["ReplicaSet"], models)
    if "template" in CHANGES[what]:
        assert refused(controller.patch(ROLLOUT, {"spec": CHANGES[what]}), RUNS)
    noted = {"metadata": {"annotations": {"rollout.argoproj.io/revision": "2"}}}
    assert (answer := controller.patch(ROLLOUT, noted)).done, answer.text


def test_the_stack_changes_and_ends_it(models: Api) -> None:
    deployer = Member.allowed("an-administrator", models)
    answer = deployer.patch(ROLLOUT, {"spec": CHANGES["another configuration"]})
    assert answer.done, answer.text
    assert deployer.delete(ROLLOUT).done


# What people say of it


def stands(models: Api, **status: Any) -> None:
    """The controller has come this far."""
    said = {"stableRS": "a", "currentPodHash": "a", "currentStepIndex": 1, "abort": False, **status}
    patch = f"--patch={json.dumps({'status': said})}"
    answer = models.run(
        *("patch", "rollout", "sepsis", f"--namespace={WHERE}", "--subresource=status", "--type=merge", patch)
    )
    assert answer.done, answer.text


def test_what_was_let_go_no_person_brings_again(models: Api, engineer: Member) -> None:
    """As `kubectl argo rollouts retry` does: who made a version would ask its judges as often as he likes."""
    stands(models, currentPodHash="b", abort=True)
    for said in ({"abort": False}, {"abort": None}):
        answer = engineer.patch(f"{ROLLOUT}/status", {"status": said})
        assert refused(answer, RULE, "sepsis that was let go would come again"), answer.text
    answer = engineer.patch(f"{ROLLOUT}/status", {"status": {"pauseConditions": None}})
    assert answer.done, answer.text


STEPS = len(MADE["Rollout sepsis"]["spec"]["strategy"]["canary"]["steps"])
STANDS: dict[str, tuple[dict[str, Any], bool]] = {
    # How far a version is, and whether its pods may be started anew.
    "no other is there": ({}, True),
    "it is judged": ({"currentPodHash": "b"}, False),
    "it has half of the calls": ({"currentPodHash": "b", "currentStepIndex": STEPS - 3}, False),
    "it has all calls": ({"currentPodHash": "b", "currentStepIndex": STEPS - 1}, True),
    "it was let go": ({"currentPodHash": "b", "abort": True}, True),
    "it is the first": ({"stableRS": "", "currentPodHash": "b"}, True),
}


@pytest.mark.parametrize("what", STANDS)
def test_while_a_version_is_judged_its_pods_do_not_begin_anew(models: Api, engineer: Member, what: str) -> None:
    """Their counters would, and who was judged by no calls is let go."""
    status, may = STANDS[what]
    stands(models, **status)
    answer = engineer.patch(ROLLOUT, {"spec": {"restartAt": f"2026-11-30T00:00:0{[*STANDS].index(what)}Z"}})
    if may:
        assert answer.done, answer.text
    else:
        assert refused(answer, RULE, "a version of sepsis is on its way"), answer.text


def test_people_pause_restart_and_abort(engineer: Member) -> None:
    for waits in ({"paused": True}, {"restartAt": "2026-11-30T00:00:00Z"}):
        answer = engineer.patch(ROLLOUT, {"spec": waits})
        assert answer.done, answer.text
    answer = engineer.patch(f"{ROLLOUT}/status", {"status": {"abort": True}})
    assert answer.done, answer.text
    answer = engineer.patch(f"{ROLLOUT}/status", {"status": {"promoteFull": True}})
    assert refused(answer, "rollouts-pass-their-gates"), answer.text


HTTP = MADE["VirtualService sepsis"]["spec"]["http"]
BEFORE = {"match": [{"uri": {"prefix": "/"}}], "route": [{"destination": {"host": "other", "port": {"number": 8080}}}]}
ALL = {"percentage": {"value": 100}, "httpStatus": 500}
TO_NEXT = [{**each, "weight": weight} for each, weight in zip(HTTP[0]["route"], (0, 100), strict=True)]
NOTED: dict[str, Any] = {"labels": {"a": "b"}, "annotations": {"rollout.argoproj.io/revision": "99"}}
NOTED["finalizers"] = ["example.com/stays"]
WRITES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "a route before its own": (ROUTE, {"spec": {"http": [BEFORE, *HTTP]}}),
    "a copy of every call": (ROUTE, {"spec": {"http": [{**HTTP[0], "mirror": {"host": "other"}}]}}),
    "all calls to what nobody has judged": (ROUTE, {"spec": {"http": [{**HTTP[0], "route": TO_NEXT}]}}),
    "an answer in its place": (ROUTE, {"spec": {"http": [{**HTTP[0], "fault": {"abort": ALL}}]}}),
    "no route": (ROUTE, None),
    "another port": (SERVICE, {"spec": {"ports": [{"name": "http", "port": 8080, "targetPort": 15020}]}}),
    "other pods": (SERVICE, {"spec": {"selector": {"app.kubernetes.io/name": "other"}}}),
    "no Service": (SERVICE, None),
    "more pods than the cluster has": (SCALER, {"spec": {"maxReplicas": 5000}}),
    "no more pods": (SCALER, None),
    "no pods": (f"{ROLLOUT}/scale", {"spec": {"replicas": 0}}),
    "pods that go at once": (BUDGET, None),
    "no Rollout": (ROLLOUT, None),
    **{f"its {part}": (ROLLOUT, {"metadata": {part: told}}) for part, told in NOTED.items()},
}


@pytest.mark.parametrize("what", WRITES)
def test_people_write_nothing_else_of_it(engineer: Member, mighty: Member, what: str) -> None:
    at, change = WRITES[what]
    for who in (engineer, mighty):
        answer = who.delete(at) if change is None else who.patch(at, change)
        assert not answer.done, answer.text
    assert refused(answer, RULE, or_by=(RUNS, "autoscalers-keep-shares-small")), answer.text


MEETS: dict[str, str] = {
    "deployments": "apps/v1",
    "services": "v1",
    "configmaps": "v1",
    "destinationrules": "networking.istio.io/v1",
    "virtualservices": "networking.istio.io/v1",
    "networkpolicies": "networking.k8s.io/v1",
    "jobs": "batch/v1",
    "pods": "v1",
}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_nobody_makes_anything_beside_it(models: Api, role: Any) -> None:
    asked: list[tuple[str, ...]] = [(verb, kind) for kind in MEETS for verb in ("create", "update", "patch", "delete")]
    asked += [("create", "pods", f"--subresource={way}") for way in ("exec", "attach", "portforward", "proxy")]
    if role is not PLATFORM_OPERATOR:
        asked += [("create", "pods", "--subresource=eviction")]  # by which nodes are drained
    for what in asked:
        who = ("--as=somebody", f"--as-group={role.group}")
        answer = models.run("auth", "can-i", *what, f"--namespace={WHERE}", *who)
        assert answer.text.split()[0] == "no", what


def test_nobodys_destination_is_written_beside_it_whatever_rbac_says(mighty: Member) -> None:
    starves = {"connectionPool": {"http": {"http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1}}}
    meta = {"name": "sepsis", "namespace": WHERE}
    spec = {"host": "sepsis", "exportTo": ["ingress"], "trafficPolicy": starves}
    made = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": meta, "spec": spec}
    answer = mighty.create(f"/apis/networking.istio.io/v1/namespaces/{WHERE}/destinationrules", made)
    assert refused(answer, RULE), answer.text


# What teams make


def test_a_teams_pods_are_none_of_its_endpoints_and_no_judge_takes_them_for_its_own(engineer: Member) -> None:
    """They may be called as they like: what leads to the stack's pods, and what asks them, looks in its namespace."""
    labels = MADE["Rollout sepsis"]["spec"]["template"]["metadata"]["labels"]
    for namespace, taken in (("serving", True), (WHERE, False)):
        pod = cases.compliant_pod(namespace)
        pod["metadata"].setdefault("labels", {}).update(labels)
        answer = engineer.create(path("Deployment", namespace), cases.controller("Deployment", pod))
        assert answer.done is taken, answer.text


def test_a_team_has_no_models_host(engineer: Member) -> None:
    """Before the model comes, or beside it: of two routes for one host the older one has the calls."""
    route = json.loads(json.dumps(MADE["VirtualService sepsis"]).replace(f".{WHERE}.svc", ".serving.svc"))
    route["metadata"] = {"name": "sepsis", "namespace": "serving"}
    at = "/apis/networking.istio.io/v1/namespaces/serving/virtualservices"
    answer = engineer.create(at, route)
    assert refused(answer, "routes-of-their-own-namespace", "sepsis.example.com is not a host"), answer.text
    own = json.loads(json.dumps(route).replace("sepsis", "team-sepsis"))
    assert (answer := engineer.create(at, own)).done, answer.text
