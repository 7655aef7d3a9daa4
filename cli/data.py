"""`./parapet data`: records made up, held against their contract, de-identified; by `delivery/`, in its environment."""

from pathlib import Path
from typing import Annotated

import typer

from cli.programs import DELIVERY

app = typer.Typer(help="Make up, check and de-identify a hospital's intake records.", no_args_is_help=True)


@app.command("generate")
def generate(
    rows: Annotated[int, typer.Option(min=0, help="How many records, one for each stay in hospital.")],
    out: Annotated[Path, typer.Option(help="The folder to write them to: new, empty, or one that this wrote.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    inject: Annotated[
        list[str] | None, typer.Option(metavar="KIND:AMOUNT", help="A fault to put in; `help:` tells of each kind.")
    ] = None,
) -> None:
    """Make synthetic intake records as Parquet, of any size in the same memory."""
    raise typer.Exit(
        DELIVERY.run("delivery.data", step="generate", rows=rows, seed=seed, out=str(out), inject=inject or [])
    )


@app.command("validate")
def validate(
    files: Annotated[list[Path], typer.Argument(help="Parquet files of intake records.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The folder for what is accepted and what is not; else theirs, -validated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Hold records against their contract; what fails goes to quarantine with its reason.

    Ends with 0 where all was accepted, 3 where something was quarantined, 1 where a file cannot be read.
    """
    home = files[0].resolve().parent
    out = out or home.with_name(f"{home.name}-validated")
    raise typer.Exit(
        DELIVERY.run("delivery.data", step="validate", files=[str(file) for file in files], out=str(out), json=as_json)
    )


@app.command("deidentify")
def deidentify(
    files: Annotated[list[Path], typer.Argument(help="Accepted files of intake records.", show_default=False)],
    key_file: Annotated[
        Path,
        typer.Option(
            envvar="PARAPET_DATA_KEY_FILE", help="The secret key of the hashes, 32 bytes or more; a mounted secret."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for features and data card: new, empty, or one of this.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs: the data card as one JSON object.")] = False,
) -> None:
    """Make a table of features without the eighteen identifiers of Safe Harbor, and its data card."""
    asked = {"files": [str(file) for file in files], "key_file": str(key_file), "out": str(out), "json": as_json}
    raise typer.Exit(DELIVERY.run("delivery.data", step="deidentify", **asked))
