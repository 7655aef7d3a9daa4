"""What runs as a model, asked of a live API server in the names of those who may write where models are."""

from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, ROLLOUTS_CONTROLLER
from cluster.roles import ML_ENGINEER
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api
from tests.platform.cluster.members import Member, govern, refused
from tests.platform.cluster.test_callers import path
from tests.platform.cluster.test_model_service import objects
from tests.platform.cluster.test_rollout_rules import JUDGED

pytestmark = pytest.mark.engine

RULE = "models-run-as-the-stack-wrote-them"
ACCOUNT = f"{ns.MODEL_ACCOUNTS}sepsis"
HANDS_ON = {"ReplicaSet": PREFIX + ROLLOUTS_CONTROLLER.replace("/", ":")}
HANDS_ON |= {"Pod": f"{PREFIX}{ns.KUBE_SYSTEM}:replicaset-controller"}
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts"


@pytest.fixture(scope="module")
def serving(meshed: Api) -> Api:
    """With a model as the stack makes it: its account and its Rollout, whose pods nobody makes here."""
    made = objects(name="sepsis")
    answer = govern(meshed).apply(made[f"ServiceAccount {ACCOUNT}"], made["Rollout sepsis"])
    assert answer.done, answer.text
    return meshed


@pytest.fixture(scope="module")
def engineer(serving: Api) -> Member:
    return Member.of(ML_ENGINEER, serving)


def runs_as(kind: str, account: str, namespace: str = "serving", field: str = "serviceAccountName") -> dict[str, Any]:
    pod = cases.compliant_pod(namespace)
    del pod["spec"]["serviceAccountName"]
    pod["spec"][field] = account
    return cases.controller(kind, pod)


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
@pytest.mark.parametrize("field", ["serviceAccountName", "serviceAccount"])
def test_a_team_starts_nothing_as_a_model(engineer: Member, kind: str, field: str) -> None:
    made = runs_as(kind, ACCOUNT, field=field)
    if kind == "Rollout":
        made["spec"]["strategy"] = JUDGED
    answer = engineer.create(path(kind, "serving"), made)
    assert refused(answer, RULE, f"what runs as {ACCOUNT}"), answer.text
    own = engineer.create(path("Deployment", "serving"), runs_as("Deployment", ns.SERVING.service_account, field=field))
    assert own.done, own.text


@pytest.mark.parametrize("kind", ["Pod", *cases.KINDS])
@pytest.mark.parametrize("who", [f"{PREFIX}serving:predictor", f"{PREFIX}later:chart", f"{PREFIX}mlflow:mlflow"])
def test_nor_does_another_account_whatever_rbac_says(serving: Api, kind: str, who: str) -> None:
    made = runs_as(kind, ACCOUNT)
    answer = Member.allowed(who, serving).create(path(kind, "serving"), made)
    assert refused(answer, RULE, f"what runs as {ACCOUNT}"), answer.text


@pytest.mark.parametrize("kind", HANDS_ON)
def test_the_controllers_hand_on_what_the_stack_wrote(serving: Api, kind: str) -> None:
    made = runs_as(kind, ACCOUNT)
    answer = Member.allowed(HANDS_ON[kind], serving).create(path(kind, "serving"), made)
    assert answer.done, answer.text
    (other,) = (who for makes, who in HANDS_ON.items() if makes != kind)
    answer = Member.allowed(other, serving).create(path(kind, "serving"), made)
    assert refused(answer, RULE, or_by="controllers-start-nothing-else"), answer.text


def test_a_models_account_is_for_serving_alone(serving: Api) -> None:
    made = serving.apply(runs_as("Deployment", ACCOUNT, "training"), dry_run=True)
    assert refused(made, "one-identity-a-namespace", f"service account {ACCOUNT} is not for training")
    assert serving.apply(runs_as("Deployment", ACCOUNT), dry_run=True).done


CHANGES: dict[str, dict[str, Any]] = {
    "another pod": {"template": {"spec": {"enableServiceLinks": True}}},
    "another account": {"template": {"spec": {"serviceAccountName": "predictor"}}},
    "another configuration": {"template": {"metadata": {"annotations": {"parapet.dev/configuration": "{}"}}}},
    "no wait for a person": {"strategy": {"canary": {"maxSurge": 1}}},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_model_is_stays_what_the_stack_said(serving: Api, engineer: Member, what: str) -> None:
    answer = engineer.patch(f"{ROLLOUTS}/sepsis", {"spec": CHANGES[what]})
    assert refused(answer, RULE, "the setting models"), answer.text
    controller = Member.allowed(HANDS_ON["ReplicaSet"], serving)
    if "template" in CHANGES[what]:
        assert refused(controller.patch(f"{ROLLOUTS}/sepsis", {"spec": CHANGES[what]}), RULE)
    noted = {"metadata": {"annotations": {"rollout.argoproj.io/revision": "2"}}}
    assert (answer := controller.patch(f"{ROLLOUTS}/sepsis", noted)).done, answer.text


def test_people_pause_and_restart_a_model_and_do_not_end_it(engineer: Member) -> None:
    for waits in ({"paused": True}, {"restartAt": "2026-11-30T00:00:00Z"}):
        answer = engineer.patch(f"{ROLLOUTS}/sepsis", {"spec": waits})
        assert answer.done, answer.text
    assert refused(engineer.delete(f"{ROLLOUTS}/sepsis"), RULE, f"what runs as {ACCOUNT} would end")


def test_the_stack_changes_and_ends_it(serving: Api) -> None:
    deployer = Member.allowed("an-administrator", serving)
    answer = deployer.patch(f"{ROLLOUTS}/sepsis", {"spec": CHANGES["another configuration"]})
    assert answer.done, answer.text
    assert deployer.delete(f"{ROLLOUTS}/sepsis").done
