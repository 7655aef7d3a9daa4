"""Killed before any of its writes, a promotion leaves what the next command sets right."""

import json
import os
import signal
import subprocess
import sys
from itertools import count

import pytest

from delivery.registry import promotion
from delivery.registry.desk import HEAD
from delivery.registry.documents import Environment
from delivery.registry.ledger import head
from delivery.registry.refused import Refused
from local.workspace import ROOT
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import AUTHOR, FACTS, MODEL, WHY, World

pytestmark = pytest.mark.process

STAGING = Environment.STAGING


def promoted(world: World, model: bytes, writes: int) -> int:
    """The exit status of a promotion that is killed before the write after so many."""
    asked = {
        **{"step": "promote", "model": MODEL, "to": "staging", "gates": str(world.report(model)), "why": WHY},
        **{"version": None, "approvals": [], "approvers": str(world.approvers), "declared": str(world.declared), "json": True},
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "tests.delivery.registry.killed", str(writes)],
        input=json.dumps(asked),
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
    ).returncode


def agree(world: World, pretended: Pretended, model: bytes | None) -> None:
    """What the ledger, the registry and the bundle say of staging; and nothing is under way."""
    desk = world.desk()
    now = desk.state(MODEL)
    served = now.serving(STAGING)
    assert now.under_way is None
    assert served
    release = served.release
    assert pretended.alias(f"{MODEL}-staging") == release.version
    assert pretended.models[f"{MODEL}-prod"]["tags"][HEAD] == head(now.entries)
    desk.bundles.check(MODEL, STAGING, release.version, release.manifest)
    if model is not None:
        assert pretended.files[f"models:/{MODEL}-staging/{release.version}"]["model.onnx"] == model


def test_after_a_kill_at_each_write_registry_ledger_and_what_serves_agree(
    reachable: World, pretended: Pretended
) -> None:
    """By the same promotion, or by a rollback, in turn."""
    reachable.promote(b"one", STAGING, version="1")
    reachable.promote(b"two", STAGING, version="2")
    survived = 0
    for writes in count():
        model = f"model {writes}".encode()
        pretended.register(f"{MODEL}-dev", AUTHOR, {"model.onnx": model, "contract.json": b"{}"}, FACTS)
        status = promoted(reachable, model, writes)
        if status == 0:
            survived = writes
            agree(reachable, pretended, model)
            break
        assert status == -signal.SIGKILL
        if writes % 2:
            promotion.rollback(reachable.desk(), MODEL, STAGING, WHY)
            agree(reachable, pretended, None)
            reachable.promote(model, STAGING)
        else:
            try:
                reachable.promote(model, STAGING)
            except Refused as refused:
                # It was done before it was killed, and only MLflow did not know yet.
                if "is that model already" not in str(refused):
                    raise
        agree(reachable, pretended, model)
    assert survived >= 9, "begun, a version, four files, done, the alias, the head"
