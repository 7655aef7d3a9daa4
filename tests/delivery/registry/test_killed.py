"""Killed before any of its writes, a decision leaves what the same command sets right: over the real MLflow and S3."""

import signal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from delivery.registry import promotion
from delivery.registry.documents import Environment, canonical, digest
from delivery.registry.refused import Refused
from delivery.registry.state import state
from tests.delivery.mlflow import ALICE, BOB, Mlflow
from tests.delivery.registry.killed import decided
from tests.delivery.registry.test_served import registered
from tests.delivery.registry.world import FACTS, WHY, World, founded
from tests.delivery.teams import API, GRANT, asked

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

STAGING, PROD = Environment.STAGING, Environment.PROD


NAME = "killed-on-its-way"
DEV = f"{NAME}-dev"


@pytest.fixture
def live(shared: Mlflow, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Bob decides on what Alice registers; processes of their own reach the same as this one."""
    own = {
        **{"AWS_ENDPOINT_URL": aws, "AWS_DEFAULT_REGION": "us-east-1"},
        **{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"},
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    asked(shared, ALICE, "POST", f"{API}/registered-models/create", name=DEV)
    shown = {"resource_type": "registered_model", "resource_id": DEV, "permission": "READ"}
    asked(shared, ALICE, "POST", GRANT, username=BOB[0], **shown)
    account = {"MLFLOW_TRACKING_USERNAME": BOB[0], "MLFLOW_TRACKING_PASSWORD": BOB[1]}
    world = founded(tmp_path, {**own, "MLFLOW_TRACKING_URI": shared.url})
    world.name, world.author = NAME, ALICE[0]
    world.variables |= account
    return world


@pytest.fixture
def experiment(shared: Mlflow) -> str:
    return str(asked(shared, ALICE, "POST", f"{API}/experiments/create", name=NAME)["experiment_id"])


def promoted(world: World, model: bytes, to: Environment, why: str = WHY) -> None:
    """By this process. What was done before it was killed needs no more than to be looked at."""
    report = world.report(model)
    given = [world.approve(report, "bob", why=why)] if to is PROD else []
    try:
        world.promote(model, to, *given, desk=world.desk("bob"))
    except Refused as refused:
        if "is that model already" not in str(refused):
            raise


def killed(world: World, step: str, to: Environment, writes: int, model: bytes = b"", bad: str | None = None) -> bool:
    """Whether a process that dies before the write after so many came to its end."""
    told: dict[str, Any] = {"step": step, "model": NAME, "to": to, "why": WHY, "bad": bad, "json": True}
    told |= {"approvers": str(world.approvers), "declared": str(world.declared)}
    if step == "promote":
        report, approval = world.report(model), world.folder / "approval.json"
        approval.write_bytes(canonical(world.approve(report, "bob")))
        given = [str(approval)] if to is PROD else []
        told |= {"gates": str(report), "approvals": given, "version": None}
    status = decided(told, world.variables, writes)
    assert status in (0, -signal.SIGKILL), status
    return status == 0


def agree(world: World, to: Environment, model: str) -> None:
    """Ledger, registry, bundles and what serves; and nothing is under way."""
    desk = world.desk("bob")
    kept, found = desk.verified(NAME)
    now = state(each.entry for each in kept if each.entry)
    served = now.serving(to)
    assert not found
    assert now.under_way is None
    assert served
    release = served.release
    assert release.model == model
    desk.bundles.check(NAME, to, release.version, release.manifest)
    copied = desk.mlflow.version(f"{NAME}-{to}", release.version)
    assert digest(desk.mlflow.file(copied, "model.onnx")) == model
    told = {where: desk.mlflow.alias(f"{NAME}-{where}") for where in (STAGING, PROD)}
    assert told == {where: found.release.version if (found := now.serving(where)) else None for where in told}
    assert desk.followed(now)


def test_after_a_kill_at_each_write_registry_ledger_and_what_serves_agree(
    live: World, shared: Mlflow, experiment: str
) -> None:
    """To staging, to production, and back: by the same command again, or to staging by a rollback that gives it up."""
    ways = (STAGING, PROD)
    registered(shared, experiment, b"the first", FACTS, DEV)
    for to in ways:
        promoted(live, b"the first", to)
    ended: dict[Environment, int] = {}
    for writes in count():
        model = f"model {writes}".encode()
        registered(shared, experiment, model, FACTS, DEV)
        for to in ways:
            if to not in ended and killed(live, "promote", to, writes, model):
                ended[to] = writes
            elif to not in ended and to is STAGING and writes % 2:
                promotion.rollback(live.desk("bob"), NAME, to, WHY)
                assert live.desk("bob").state(NAME).under_way is None
                promoted(live, model, to, why="It was given up, and is wanted all the same.")
            else:
                promoted(live, model, to)
            agree(live, to, digest(model))
        if len(ended) == len(ways):
            break
    # Begun, a version, four files, done, the alias, the head.
    assert min(ended.values()) >= 9
    for writes in count():
        now = live.desk("bob").state(NAME)
        before, serving = now.before(PROD), now.serving(PROD)
        assert before
        assert serving
        bad = serving.release.version
        done = killed(live, "rollback", PROD, writes, bad=bad)
        if not done:
            promotion.rollback(live.desk("bob"), NAME, PROD, WHY, bad)
        agree(live, PROD, before.release.model)
        if done:
            assert writes == 3, "done, the alias, the head"
            break
