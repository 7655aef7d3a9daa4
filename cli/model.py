"""`./parapet model`: which model serves where, and the decisions on it; by `delivery/`, in its environment."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import note, results
from cli.programs import DELIVERY
from local import images
from local.workspace import Workspace

app = typer.Typer(
    help="Promote signed models by gates and approvals, take them back, and read the ledger of it.",
    no_args_is_help=True,
)

APPROVERS = images.DELIVERY / "registry" / "approvers.yaml"
GATES = images.DELIVERY / "gates" / "gates.yaml"


class To(StrEnum):
    """Where a model can be promoted to."""

    STAGING = "staging"
    PROD = "prod"


Model = Annotated[str, typer.Argument(help="The model's name, without its environment.", show_default=False)]
Gates = Annotated[Path, typer.Option(help="The report of the gates that it was held to.", show_default=False)]
Where = Annotated[To, typer.Option(help="The environment.", show_default=False)]
Why = Annotated[str, typer.Option(help="The reason, for the ledger: nothing about a patient.", show_default=False)]
Approvers = Annotated[Path, typer.Option(envvar="PARAPET_APPROVERS", help="The file with whose approvals count.")]
Declared = Annotated[
    Path, typer.Option(envvar="PARAPET_GATES", help="What models are held to; beside it, earlier.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]


@app.command("list")
def tell_models(approvers: Approvers = APPROVERS, declared: Declared = GATES, as_json: AsJson = False) -> None:
    """Tell which version of each model serves in which environment."""
    _end("list", approvers, declared, json=as_json)


@app.command("gate")
def hold_to_gates(
    model: Annotated[Path, typer.Argument(help="The model's file, model.onnx.", show_default=False)],
    candidate: Annotated[Path | None, typer.Option(help="Its predictions: Parquet, a row a record.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Predictions of the model in production, or of what is in use today.")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="The features it was trained on.")] = None,
    test: Annotated[Path | None, typer.Option(help="The features that the predictions are of.")] = None,
    injected: Annotated[
        list[str] | None, typer.Option(metavar="KIND=FILE", help="Its predictions where a fault was injected.")
    ] = None,
    latency: Annotated[Path | None, typer.Option(help="Parquet with `seconds` of at least 1,000 requests.")] = None,
    sbom: Annotated[Path | None, typer.Option(help="What it is made with, as CycloneDX's JSON.")] = None,
    contract: Annotated[Path | None, typer.Option(help="Its contract.json.")] = None,
    production: Annotated[
        Path | None, typer.Option(help="A folder with model.onnx and contract.json of what serves; none for the first.")
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Its dataset, code, image and environment, each; its profile and noise, if any."
        ),
    ] = None,
    gates: Annotated[Path, typer.Option(help="What it is held to.")] = GATES,
    out: Annotated[Path, typer.Option(help="The report to write, for `promote` and `approve`.")] = Path("gates.json"),
    override: Annotated[list[str] | None, typer.Option(help="A failed gate that two people let pass.")] = None,
    why: Annotated[str | None, typer.Option(help="Their reason: nothing about a patient.")] = None,
    asked_by: Annotated[str | None, typer.Option(help="Who asks for it, by their account.")] = None,
    agreed_by: Annotated[str | None, typer.Option(help="Who agrees, somebody else.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a model to its gates; a gate whose file is not given has failed.

    Ends with 0 where it may go on, 3 where a gate stops it, 1 where a file is not of its kind.
    """
    files = {"candidate": candidate, "reference": reference, "train": train, "test": test}
    files |= {"latency": latency, "sbom": sbom, "contract": contract, "production": production}
    asked = {name: None if path is None else str(path) for name, path in files.items()}
    asked |= {"model": str(model), "gates": str(gates), "out": str(out), "why": why}
    people = {"asked_by": asked_by, "agreed_by": agreed_by}
    raise typer.Exit(
        DELIVERY.run(
            "delivery.gates",
            injected=injected or [],
            facts=fact or [],
            override=override or [],
            json=as_json,
            **asked,
            **people,
        )
    )


@app.command("promote")
def promote(
    model: Model,
    to: Where,
    gates: Gates,
    why: Why,
    version: Annotated[str | None, typer.Option(help="To staging: the version in dev, else the newest.")] = None,
    approval: Annotated[list[Path] | None, typer.Option(help="A file of `approve`; for each who approves.")] = None,
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    as_json: AsJson = False,
) -> None:
    """Let a model serve in the next environment; what was begun before is finished."""
    files = [str(each) for each in approval or []]
    asked = {"to": to, "gates": str(gates), "why": why, "version": version, "approvals": files}
    _end("promote", approvers, declared, model=model, json=as_json, **asked)


@app.command("approve")
def approve(
    model: Model,
    to: Where,
    gates: Gates,
    why: Why,
    stack: Annotated[
        str,
        typer.Option(
            "--bucket", envvar="PARAPET_AUDIT_BUCKET", help="The stack that it is for, by its output buckets.audit."
        ),
    ],
    key: Annotated[Path | None, typer.Option(help="Your private key, Ed25519 or P-256, PEM, mode 600.")] = None,
    account: Annotated[str, typer.Option(envvar="MLFLOW_TRACKING_USERNAME", help="Your account in MLflow.")] = "",
    author: Annotated[
        str, typer.Option(help="Who registered the version, in MLflow; else what the pipeline left beside the report.")
    ] = "",
    show: Annotated[bool, typer.Option("--show", help="Tell what would be signed, and sign nothing.")] = False,
    reviews: Annotated[
        Path | None, typer.Option(help="In a job of GitHub's: who approved its run, as GitHub tells it.")
    ] = None,
    environment: Annotated[str, typer.Option(help="The job's Environment, whose key this is.")] = "production",
    override: Annotated[list[str] | None, typer.Option(help="A failed gate that you let pass.")] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=168, help="How long it may be used.")] = 24,
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("approval.json"),
) -> None:
    """Sign a statement that this model, with these gates, may go there. Asks nobody, and changes nothing."""
    if (key is None) != show:
        raise typer.BadParameter("Give your key by --key to sign, or --show to look, and not both.")
    encrypted = key is not None and key.is_file() and b"ENCRYPTED" in key.read_bytes()
    passphrase = typer.prompt("The key's passphrase", hide_input=True, err=True) if encrypted else None
    asked = {"to": to, "gates": str(gates), "why": why, "override": override or [], "hours": hours}
    asked |= {"stack": stack, "author": author}
    asked |= {
        "key": str(key) if key else None,
        "reviews": str(reviews) if reviews else None,
        "environment": environment,
    }
    # To look at what is asked for is nobody's approval.
    account = "nobody" if show else account
    _end("approve", approvers, declared, model=model, approver=account, passphrase=passphrase, out=str(out), **asked)


@app.command("rollback")
def roll_back(
    model: Model,
    why: Why,
    to: Annotated[To, typer.Option("--in", help="The environment.")] = To.PROD,
    bad: Annotated[
        str | None,
        typer.Option("--from", help="The version that is bad: where another serves by now, nothing is changed."),
    ] = None,
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    stack: Annotated[
        str | None, typer.Option(help="Also write it into this stack's settings, as `serve` does, and go back at once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the version before serve again. Gives up what is under way.

    A second one within an hour says by `--from` which version it goes back from: it would go back by one more.

    With `--stack` what is decided is done: on a stack of this machine within seconds, while the version before has its
    pods (`undoSeconds`).
    """
    if stack is None:
        _end("rollback", approvers, declared, model=model, to=to, why=why, bad=bad, json=as_json)
        return
    from cli import serving

    serving.file_of(Workspace(), stack)  # before anything is decided
    asked = {"model": model, "to": to, "why": why, "bad": bad}
    by = _by(approvers, declared)
    status, said = DELIVERY.told("delivery.registry", step="rollback", json=True, **by, **asked)
    if status:
        raise typer.Exit(status)
    decided = json.loads(said)
    if not as_json:
        note(f"{model} version {decided['version']} serves in {to} (entry {decided['sequence']})")
    _serve(stack, model, to, {}, by, as_json, decided)


@app.command("serve")
def serve(
    model: Model,
    environment: Annotated[To, typer.Option(help="Whose version it is.")] = To.PROD,
    published: Annotated[
        bool | None,
        typer.Option("--published/--not-published", help="Whether callers with tokens may ask it; else as it is."),
    ] = None,
    waits: Annotated[
        bool | None,
        typer.Option("--waits/--no-waits", help="Whether a person lets a version found good go on; else as it is."),
    ] = None,
    stack: Annotated[str, typer.Option(help="The stack that answers with it.")] = "local",
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    as_json: AsJson = False,
) -> None:
    """Write the version that the ledger has for an environment into a stack's settings, for its next `up`."""
    _serve(stack, model, environment, {"published": published, "waits": waits}, _by(approvers, declared), as_json, {})


@app.command("history")
def tell_history(
    model: Model, approvers: Approvers = APPROVERS, declared: Declared = GATES, as_json: AsJson = False
) -> None:
    """Tell who decided what on a model, when and why."""
    _end("history", approvers, declared, model=model, json=as_json)


@app.command("verify")
def verify(
    model: Annotated[str, typer.Argument(help="The model's name; without one, all.")] = "",
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    as_json: AsJson = False,
) -> None:
    """Look for what was edited, dropped, reordered, forked, cut off, or might not be decided; then it ends with 3."""
    _end("verify", approvers, declared, model=model, json=as_json)


def _serve(
    stack: str, model: str, to: To, said: dict[str, bool | None], by: dict[str, str], as_json: bool, decided: Any
) -> None:
    from cli import serving  # it imports the engine's side of `up`

    told = serving.entered(Workspace(), stack, model, to.value, said, by)
    if as_json:
        results.print_json(json.dumps({**decided, **told}))
    else:
        serving.tell(told, going_back=bool(decided))


def _end(step: str, approvers: Path, declared: Path, **asked: Any) -> None:
    raise typer.Exit(DELIVERY.run("delivery.registry", step=step, **_by(approvers, declared), **asked))


def _by(approvers: Path, declared: Path) -> dict[str, str]:
    """The files that a ledger is held to."""
    return {"approvers": str(approvers), "declared": str(declared)}
