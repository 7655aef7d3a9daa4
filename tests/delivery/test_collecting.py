"""A command of MLflow's container collects no garbage while it imports MLflow, and does from then on."""

import gc
import sys
from unittest.mock import MagicMock

import pytest

import parapet_mlflow
from parapet_mlflow import __main__ as program
from parapet_mlflow import commands, configuration, logs
from parapet_mlflow.disposal import command
from parapet_mlflow.refusal import Refused

IMPORTED = (
    *("mlflow", "mlflow.store.tracking.sqlalchemy_store"),
    *(f"parapet_mlflow.{name}" for name in ("accounts", "artifacts", "database", "schema")),
    *(f"parapet_mlflow.disposal.{name}" for name in ("bucket", "garbage", "report", "sweep")),
)
"""What imports MLflow, or needs it, none of which is here."""
OPTIONS = {"backend_store_uri": "", "artifacts_destination": "", "static_prefix": "", "app_name": commands.APPLICATION}


@pytest.mark.parametrize("name", ["server", "migrate", "gc"])
def test_garbage_is_collected_once_all_is_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    collects: list[bool] = []

    def reached(*_: object) -> None:
        collects.append(gc.isenabled())
        raise Refused("far enough")

    for module in IMPORTED:
        package, _, last = module.rpartition(".")
        monkeypatch.setitem(sys.modules, module, standing := MagicMock())
        if package in ("parapet_mlflow", "parapet_mlflow.disposal"):
            monkeypatch.setattr(sys.modules[package], last, standing, raising=False)
    monkeypatch.setattr(parapet_mlflow.artifacts, "check", reached if name == "server" else MagicMock())  # type: ignore[attr-defined]
    for of, what in ((configuration, "decide"), (logs, "install"), (commands.SecretFiles, "named")):
        monkeypatch.setattr(of, what, MagicMock())
    monkeypatch.setattr(commands, "_parsed", lambda *_: OPTIONS)
    monkeypatch.setattr(commands, "_named", reached)
    monkeypatch.setattr(command, "parse", MagicMock())
    monkeypatch.setattr(command, "KINDS", MagicMock(__iter__=reached))
    try:
        asked = program._command(name)
        assert asked
        assert not gc.isenabled()
        with pytest.raises(Refused, match="far enough"):
            asked([])
    finally:
        gc.enable()
    assert collects == [True]
