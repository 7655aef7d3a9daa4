"""A model answers through the mesh's gateway, and other versions of it come, while a client goes on calling.

The stack is that of `test_the_live_controllers.py`, which comes after this.
"""

from pathlib import Path
from typing import Any

import psutil
import pytest

from local import processes
from local.kubernetes import live, workloads
from local.kubernetes.live.standing import ROLLOUTS
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace
from parapet_serving.telling.judged import ALONE
from tests.cluster import wait_for
from tests.e2e import inside, released
from tests.e2e.models import NAMESPACE, RATE, Calls, Client, Models
from tests.e2e.user import User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("live")]
GOOD = 0.02
"""A bias that moves no answer by much."""


@pytest.fixture(scope="module")
def workspace(live_user: User, said_by_live: str) -> Workspace:
    return Workspace(home=live_user.home)


@pytest.fixture(scope="module")
def models(live_user: User, said_by_live: str, outside: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(live_user, tmp_path_factory.mktemp("models"), outside / "bin" / "python")


@pytest.fixture(scope="module")
def client(workspace: Workspace, live_authority: Path) -> Client:
    return Client(workspace, live_authority)


@pytest.fixture(scope="module")
def answering(models: Models, client: Client) -> Models:
    """The first version serves, by an `up` with the settings that say so."""
    released.settle(models.user, models.publish("1"))
    status, said = models.user.parapet("up", "--live")
    assert status == 0, said
    models.status("Healthy")
    wait_for(lambda: client.once() == ("200", "1"))
    return models


def test_a_model_answers_through_the_gateway_and_its_pods_run(answering: Models, client: Client) -> None:
    assert client.once() == ("200", "1")
    assert {each["status"]["phase"] for each in answering.pods()} == {"Running"}


def test_who_has_no_token_is_not_answered(answering: Models, workspace: Workspace, live_authority: Path) -> None:
    nobody = Client(workspace, live_authority, token="")
    assert nobody.once() == ("401", "")


@pytest.fixture(scope="module")
def second(answering: Models, workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """A good version comes, and the controller is killed on its way; what a pod of `pipelines` saw of it.

    Nobody else calls meanwhile, as of a model that is not published: by these calls alone it is judged. Calls through
    the gateway, while a good version comes: `test_the_demo.py`.
    """
    entry = answering.publish("2", bias=GOOD)
    with inside.caller(answering.user, tmp_path_factory.mktemp("caller")) as pipeline, pipeline.steadily() as calls:
        # Of one caller no more counts than of others, until nobody else has asked for so long: as they just did.
        wait_for(lambda: calls.versions["1"] > RATE * (ALONE + 2), seconds=120)
        answering.bring_out(entry)
        wait_for(lambda: calls.versions["2"] > 0, seconds=120)
        assert answering.weight() == 10
        _kill(workspace, f"{live.PREFIX}{ROLLOUTS}")
        answering.status("Paused", "Degraded")
        assert answering.weight() == 100, answering.rollout()["status"]
        before = calls.versions["2"]
        wait_for(lambda: calls.versions["2"] > before + 40)
        answering.promote()
        answering.status("Healthy")
    return calls


def _kill(workspace: Workspace, name: str) -> processes.Record:
    """As `kill -9` does."""
    record = processes.read(workspace.run, name)
    assert record, name
    psutil.Process(record.pid).kill()
    return record


def test_a_good_version_comes_to_all_calls_and_none_fails_though_the_controller_is_killed(
    second: Calls, answering: Models, client: Client
) -> None:
    assert second.failed == {}
    assert client.once() == ("200", "2")
    assert {step: set(found.values()) for step, found in answering.judged().items()} == {
        "1": {"Successful"},
        "3": {"Successful"},
    }


# What must not come through. One that answers with another distribution, and the way back: `test_the_demo.py`.


@pytest.mark.parametrize(
    ("version", "made", "found"),
    [
        ("fails", {"bias": GOOD, "wrong": "fails"}, "failed"),
        ("slow", {"bias": GOOD, "wrong": "slow"}, "slower"),
    ],
    ids=["it fails for some", "it is slow"],
)
def test_a_version_that_is_not_good_is_let_go_at_the_first_step(
    second: Calls, answering: Models, client: Client, version: str, made: dict[str, Any], found: str
) -> None:
    entry = answering.publish(version, **made)
    with client.steadily() as calls:
        answering.bring_out(entry)
        status = answering.status("Degraded", "Paused", "Healthy")
        assert (status["phase"], status["abort"]) == ("Degraded", True), status
        wait_for(lambda: answering.weight() == 0)
        calls.last.clear()
        wait_for(lambda: calls.only("2"))
    (judged,) = answering.judged().items()
    assert judged[0] == "1", "it was judged at another step"
    assert judged[1][found] == "Failed"
    # Only what it answered itself, which had a tenth of the calls until then.
    answered = sum(calls.statuses.values())
    assert sum(calls.failed.values()) <= (answered * 0.2 if version == "fails" else 0), calls
    assert client.once() == ("200", "2")


def test_a_version_that_crashes_at_its_start_gets_no_call_and_is_let_go(
    second: Calls, answering: Models, client: Client
) -> None:
    entry = answering.publish("crashes", bias=GOOD, answer=0.1)
    with client.steadily() as calls:
        answering.bring_out(entry)
        waiting = wait_for(lambda: [why for why in _waiting(answering) if why["reason"] == "CrashLoopBackOff"])
        assert "Known case 0" in waiting[0]["message"], "a person has to look elsewhere for what is wrong"
        status = answering.status("Degraded", "Paused", "Healthy")
        assert (status["phase"], status["abort"]) == ("Degraded", True), status
    assert answering.judged() == {}
    assert (calls.failed, set(calls.versions)) == ({}, {"2"})


def _waiting(models: Models) -> list[dict[str, str]]:
    """What containers of the model's pods wait for."""
    states = [each for pod in models.pods() for each in pod["status"].get("containerStatuses", [])]
    return [each["state"]["waiting"] for each in states if "waiting" in each["state"]]


# What is killed


def test_while_a_models_process_is_gone_its_pods_are_not_ready_and_then_it_answers_again(
    second: Calls, answering: Models, client: Client, workspace: Workspace
) -> None:
    serving = answering.rollout()["status"]["stableRS"]

    def ready() -> dict[str, tuple[str, str]]:
        """Of each pod: whether it is, and since when."""
        pods = [each for each in answering.pods() if each["metadata"]["labels"][VERSION] == serving]
        return {
            pod["metadata"]["name"]: (each["status"], each["lastTransitionTime"])
            for pod in pods
            for each in pod["status"]["conditions"]
            if each["type"] == "Ready"
        }

    before = ready()
    record = _kill(workspace, workloads.record_of(NAMESPACE, f"{answering.rollout()['metadata']['name']}-{serving}"))
    # Not ready, or ready since another time: how long they were not is too short for whoever asks on a busy machine.
    wait_for(lambda: all(each != before[name] for name, each in ready().items()))
    wait_for(lambda: {status for status, _ in ready().values()} == {"True"})
    again = processes.read(workspace.run, record.name)
    assert again
    assert again.pid != record.pid
    wait_for(lambda: client.once() == ("200", "2"))


def test_a_version_whose_process_is_killed_on_its_way_serves_or_does_not_as_the_rollout_says(
    second: Calls, answering: Models, client: Client, workspace: Workspace
) -> None:
    entry = answering.publish("3", bias=GOOD)
    with client.steadily() as calls:
        answering.bring_out(entry)
        wait_for(lambda: calls.versions["3"] > 0, seconds=120)
        version = answering.rollout()["status"]["currentPodHash"]
        _kill(workspace, workloads.record_of(NAMESPACE, f"{answering.rollout()['metadata']['name']}-{version}"))
        status = answering.status("Degraded", "Paused")
        serves = "3" if status["phase"] == "Paused" else "2"
        assert answering.weight() == (100 if serves == "3" else 0), status
        calls.last.clear()
        wait_for(lambda: calls.only(serves))
