"""`./parapet drift`: whether rows are still as those a model was made with; by `delivery/`, in its environment."""

from pathlib import Path
from typing import Annotated

import typer

from cli.model import APPROVERS, GATES, Approvers, Declared
from cli.programs import DELIVERY

app = typer.Typer(
    help="Tell whether what a model is given, answers and gets right is still as it was.", no_args_is_help=True
)

Predictions = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column with what the model answered.")]
Labels = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column with what came; it may come late.")]


@app.command("check")
def check(
    reference: Annotated[
        list[str],
        typer.Option(
            metavar="FILE|MODEL",
            help="Parquet or CSV that it should be like, or its profile; or a model that serves, NAME[@staging|@prod].",
            show_default=False,
        ),
    ],
    current: Annotated[
        list[Path],
        typer.Option(help="Parquet or CSV that is looked at; may be given more than once.", show_default=False),
    ],
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files to look at.")] = None,
    predictions: Predictions = None,
    labels: Labels = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Also judge each group of this column.")] = None,
    digest: Annotated[
        str | None, typer.Option(metavar="SHA256", help="The profile must be this one, as `drift profile` said.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write it as a page; it replaces what is there.")
    ] = None,
    approvers: Approvers = APPROVERS,
    declared: Declared = GATES,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Hold rows against a reference: their columns, values, predictions and quality.

    A model by its name is asked of the registry, as `./parapet model` does: what it was tried on, by its profile.

    Ends with 0 where nothing drifted, 3 where something did, 1 where a file cannot be read.
    """
    files = [str(each) for each in [*current, *(more or [])]]
    asked = {"reference": reference, "current": files, "by": by, "json": as_json}
    asked |= {"approvers": str(approvers), "declared": str(declared)}
    asked |= {"predictions": predictions, "labels": labels, "digest": digest}
    asked |= {"html": None if html is None else str(html)}
    raise typer.Exit(DELIVERY.run("delivery.monitoring", step="check", **asked))


@app.command("report")
def report(
    model: Annotated[str, typer.Argument(help="The model that an alert names.", show_default=False)],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write it as a page; it replaces what is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: the report as it is kept.")] = False,
) -> None:
    """Show the newest report of a model's daily check: which columns drifted, and what it noted.

    It takes PARAPET_ARTIFACTS_BUCKET, and the policy `responders` (runbooks/README.md).
    """
    asked = {"model": model, "html": None if html is None else str(html), "json": as_json}
    raise typer.Exit(DELIVERY.run("delivery.monitoring", step="report", **asked))


@app.command("profile")
def profile(
    files: Annotated[list[Path], typer.Argument(help="Parquet or CSV of the reference.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The document to write, JSON; it replaces what is there.")],
    predictions: Predictions = None,
    labels: Labels = None,
) -> None:
    """Write a reference's profile, beside the model version: a check reads it in place of the rows."""
    asked = {"files": [str(each) for each in files], "out": str(out), "predictions": predictions, "labels": labels}
    raise typer.Exit(DELIVERY.run("delivery.monitoring", step="profile", **asked))
