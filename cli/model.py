"""`./parapet model`: which model serves where, and the decisions on it; by `delivery/`, in its environment."""

import json
import os
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.data import python
from local import images
from local.workspace import ROOT

app = typer.Typer(
    help="Promote signed models by gates and approvals, take them back, and read the ledger of it.",
    no_args_is_help=True,
)

APPROVERS = images.DELIVERY / "registry" / "approvers.yaml"


class To(StrEnum):
    """Where a model can be promoted to."""

    STAGING = "staging"
    PROD = "prod"


Model = Annotated[str, typer.Argument(help="The model's name, without its environment.", show_default=False)]
Gates = Annotated[Path, typer.Option(help="The report of the gates that it was held to.", show_default=False)]
Where = Annotated[To, typer.Option(help="The environment.", show_default=False)]
Why = Annotated[str, typer.Option(help="The reason, for the ledger: nothing about a patient.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]


@app.command("list")
def tell_models(as_json: AsJson = False) -> None:
    """Tell which version of each model serves in which environment."""
    _end("list", json=as_json)


@app.command("promote")
def promote(
    model: Model,
    to: Where,
    gates: Gates,
    why: Why,
    version: Annotated[str | None, typer.Option(help="To staging: the version in dev, else the newest.")] = None,
    approval: Annotated[list[Path] | None, typer.Option(help="A file of `approve`; for each who approves.")] = None,
    approvers: Annotated[Path, typer.Option(help="The file with whose approvals count.")] = APPROVERS,
    as_json: AsJson = False,
) -> None:
    """Let a model serve in the next environment; what was begun before is finished."""
    files = [str(each) for each in approval or []]
    asked = {"to": to, "gates": str(gates), "why": why, "version": version, "approvals": files}
    _end("promote", model=model, approvers=str(approvers), json=as_json, **asked)


@app.command("approve")
def approve(
    model: Model,
    to: Where,
    gates: Gates,
    why: Why,
    key: Annotated[Path, typer.Option(help="Your private key, Ed25519 or P-256, PEM, mode 600.", show_default=False)],
    account: Annotated[str, typer.Option(envvar="MLFLOW_TRACKING_USERNAME", help="Your account in MLflow.")],
    override: Annotated[list[str] | None, typer.Option(help="A failed gate that you let pass.")] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=168, help="How long it may be used.")] = 24,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("approval.json"),
) -> None:
    """Sign a statement that this model, with these gates, may go there. Asks nobody, and changes nothing."""
    encrypted = key.is_file() and b"ENCRYPTED" in key.read_bytes()
    passphrase = typer.prompt("The key's passphrase", hide_input=True, err=True) if encrypted else None
    asked = {"to": to, "gates": str(gates), "why": why, "key": str(key), "override": override or [], "hours": hours}
    _end("approve", model=model, approver=account, passphrase=passphrase, out=str(out), **asked)


@app.command("rollback")
def roll_back(
    model: Model,
    why: Why,
    to: Annotated[To, typer.Option("--in", help="The environment.")] = To.PROD,
    as_json: AsJson = False,
) -> None:
    """Let the version before serve again. Gives up what is under way."""
    _end("rollback", model=model, to=to, why=why, json=as_json)


@app.command("history")
def tell_history(model: Model, as_json: AsJson = False) -> None:
    """Tell who decided what on a model, when and why."""
    _end("history", model=model, json=as_json)


@app.command("verify")
def verify(
    model: Annotated[str, typer.Argument(help="The model's name; without one, all.")] = "", as_json: AsJson = False
) -> None:
    """Look for what was edited, dropped, reordered, forked or cut off in the ledger; ends with 3 where it was."""
    _end("verify", model=model, json=as_json)


def _end(step: str, **asked: Any) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [str(python()), "-P", "-m", "delivery.registry"]
    done = subprocess.run(command, input=json.dumps({"step": step, **asked}), text=True, env=environment)
    raise typer.Exit(done.returncode)
