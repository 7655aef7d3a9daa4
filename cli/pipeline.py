"""`./parapet pipeline`: from a feed's records to a registered model; by `delivery/pipeline`, in its environment."""

from pathlib import Path
from typing import Annotated

import typer

from cli.model import GATES
from cli.programs import Packages
from local import images

app = typer.Typer(help="Make a model of a feed's records by gates, and tell of what.", no_args_is_help=True)

ENVIRONMENT = "pipeline-packages"
LOCK = images.DELIVERY / "pipeline" / "requirements.txt"
PACKAGES = Packages(ENVIRONMENT, LOCK, "the pipeline's", "two minutes, 940 MB")
COMPILED = images.DELIVERY / "pipeline" / "pipeline.yaml"
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]
Run = Annotated[Path, typer.Argument(help="The folder of a run, or its run.json.", show_default=False)]


@app.command("run")
def run(
    intake: Annotated[str, typer.Argument(help="The folder of the feed's Parquet files, or s3://BUCKET/PREFIX.")],
    model: Annotated[str, typer.Option(help="The model's name, without its environment.", show_default=False)],
    key_file: Annotated[
        Path,
        typer.Option(
            envvar="PARAPET_DATA_KEY_FILE", help="The secret key of the hashes, 32 bytes or more; a mounted secret."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for what comes out: new, empty, or one of this.")],
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The same seed and the same inputs give the same model.")
    ] = 0,
    first: Annotated[
        bool, typer.Option("--first", help="There is none in production yet: compare with the rate by earlier stays.")
    ] = False,
    gates: Annotated[Path, typer.Option(help="What the model is held to.")] = GATES,
    experiment: Annotated[str, typer.Option(help="The experiment in MLflow, else of the model's name.")] = "",
    code: Annotated[str, typer.Option(help="The commit, where this is no clone.")] = "",
    image: Annotated[str, typer.Option(help="The image that this runs in, by its digest; else none.")] = "",
    started_by: Annotated[
        str, typer.Option(help="Who starts it, where its account in MLflow is no person's; else that account.")
    ] = "",
    override: Annotated[list[str] | None, typer.Option(help="A failed gate that two people let pass.")] = None,
    why: Annotated[str, typer.Option(help="Their reason: nothing about a patient.")] = "",
    asked_by: Annotated[str, typer.Option(help="Who asks for it, by their account.")] = "",
    agreed_by: Annotated[str, typer.Option(help="Who agrees, somebody else.")] = "",
    runs: Annotated[
        str,
        typer.Option(help="Where how it went is told to the model's check: s3://BUCKET/runs/model=NAME, or a folder."),
    ] = "",
    late_after: Annotated[
        int, typer.Option(min=0, help="Hours without a new model after which the check tells; 0 never.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Ingest, validate, de-identify, split, train, evaluate, and register what passed its gates.

    Ends with 0 where a model is registered, 3 where a gate stopped it, 1 where something cannot be.
    """
    asked = {"intake": intake, "model": model, "key_file": str(key_file), "out": str(out), "seed": seed, "first": first}
    asked |= {"gates": str(gates), "experiment": experiment, "code": code, "image": image}
    asked |= {"started_by": started_by, "override": override or [], "why": why}
    asked |= {"asked_by": asked_by, "agreed_by": agreed_by, "json": as_json}
    asked |= {"runs": runs, "late_after": late_after}
    raise typer.Exit(PACKAGES.run("delivery.pipeline", step="run", **asked))


@app.command("compile")
def compile_pipeline(
    image: Annotated[str, typer.Option(help="The image of the steps, NAME@sha256:...; else a name without one.")] = "",
    out: Annotated[Path, typer.Option(help="The file to write.")] = COMPILED,
) -> None:
    """Write the pipeline as Kubeflow Pipelines takes it; the same bytes for the same image."""
    raise typer.Exit(PACKAGES.run("delivery.pipeline", step="compile", image=image, out=str(out)))


@app.command("compare")
def compare(first: Run, second: Run, as_json: AsJson = False) -> None:
    """Tell whether two runs had the same inputs and gave the same model, or which differ; then it ends with 3."""
    raise typer.Exit(
        PACKAGES.run("delivery.pipeline", step="compare", first=str(first), second=str(second), json=as_json)
    )
