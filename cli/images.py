"""`./parapet images`: what a stack runs, listed, mirrored, built and verified."""

from pathlib import Path
from typing import Annotated

import typer

from cli import tools
from cli.output import Refused, note, results
from local.workspace import Workspace

# What knows the stack's images imports Pulumi's SDK, seconds that no other command should wait for: each command
# imports it by itself.

app = typer.Typer(
    help="The images that a stack runs: list them, mirror them, build, sign and verify our own.", no_args_is_help=True
)

Key = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="PARAPET_IMAGE_KEY",
        help="The ARN or alias of the KMS key that signs images; to verify, also a file of its public half (PEM).",
    ),
]
Stack = Annotated[str, typer.Option("--stack", help="The stack whose registry is meant.")]


@app.command("plan")
def tell_plan(stack: Stack) -> None:
    """Tell of each image whether it is in the stack's registry; exit with 1 where one is not."""
    from cli.filling import registry_of
    from operations.images import State, plan

    rows = plan(*registry_of(Workspace(), stack))
    for row in rows:
        source = row.image.source or row.image.built
        results.print(f"{row.image.tagged:<48} {row.state.value:<28} {row.locked or '-':<72} {source}", markup=False)
    raise typer.Exit(int(any(row.state is not State.THERE for row in rows)))


@app.command("mirror")
def bring(
    stack: Stack,
    built_in: Annotated[
        str, typer.Option(help="The registry and prefix of a stack that has the images built from this repository.")
    ] = "",
) -> None:
    """Copy the makers' images by digest into the stack's registry, and write the digests into images.lock.yaml."""
    from cli.filling import registry_of
    from operations.images import mirror

    workspace = Workspace()
    registry, lock_file = registry_of(workspace, stack)
    mirror(registry, lock_file, tools.crane(workspace), note, built_in)


@app.command("build")
def build_own(
    stack: Stack,
    take: Annotated[
        str, typer.Option(help="The digest of an image that the registry has already, to be taken into the lock.")
    ] = "",
    key: Key = "",
) -> None:
    """Build the images of this repository, push them with SBOMs, sign both, write the digests into images.lock.yaml."""
    from cli.filling import registry_of
    from operations.images import build

    workspace = Workspace()
    registry, lock_file = registry_of(workspace, stack)
    build(registry, lock_file, tools.crane(workspace), note, take, key)


@app.command("verify")
def verify_own(stack: Stack, key: Key = "") -> None:
    """Verify that the images of this repository are those of the lock, and that they and their SBOMs are signed."""
    from cli.filling import registry_of
    from operations.images import verify

    workspace = Workspace()
    registry, lock_file = registry_of(workspace, stack)
    verify(registry, lock_file, tools.crane(workspace), key, note)


@app.command("sbom")
def tell_sbom(
    name: Annotated[str, typer.Argument(help="An image that is built from this repository, such as mlflow.")],
    stack: Stack,
    out: Annotated[Path | None, typer.Option(help="The file to write; standard output without it.")] = None,
) -> None:
    """Tell what is installed in an image, read from its file system in the registry: an SBOM, CycloneDX 1.6 in JSON."""
    from cli.filling import registry_of
    from operations.images import bill_of

    workspace = Workspace()
    registry, lock_file = registry_of(workspace, stack)
    bill = bill_of(registry, lock_file, tools.crane(workspace), name)
    if out is None:
        typer.echo(bill, nl=False)
        return
    try:
        staged = out.with_name(f"{out.name}.new")
        staged.write_bytes(bill)
        staged.replace(out)
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror}. Name another file (--out).") from None
