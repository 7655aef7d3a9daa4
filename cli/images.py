"""`./parapet images`, and the registry that takes ECR's place for a local stack."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
import yaml

from cli import tools
from cli.output import Refused, note, results
from cluster.images import IMAGES, ROOT, Image, read_lock
from local import built
from local import charts as archives
from local.aws import server
from local.files import write_private
from local.images import InstallFailed
from local.made import made_once
from local.registry import Registry as LocalRegistry
from local.registry import stand_in_digest
from local.workspace import Workspace, enter
from operations.images import Registry, State, build, charts, mirror, plan

app = typer.Typer(help="The images that a stack runs: list them, mirror them, build our own.", no_args_is_help=True)

Stack = Annotated[str, typer.Option("--stack", help="The stack whose registry is meant.")]


@app.command("plan")
def tell_plan(stack: Stack) -> None:
    """Tell of each image whether it is in the stack's registry; exit with 1 where one is not."""
    rows = plan(*_of(Workspace(), stack))
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
    workspace = Workspace()
    registry, lock_file = _of(workspace, stack)
    mirror(registry, lock_file, tools.crane(workspace), note, built_in)


@app.command("build")
def build_own(
    stack: Stack,
    take: Annotated[
        str, typer.Option(help="The digest of an image that the registry has already, to be taken into the lock.")
    ] = "",
) -> None:
    """Build the images of this repository, push them, and write their digests into images.lock.yaml."""
    workspace = Workspace()
    registry, lock_file = _of(workspace, stack)
    build(registry, lock_file, tools.crane(workspace), note, take)


def fill(workspace: Workspace, registry: LocalRegistry, repositories: str) -> None:
    """Makes the local registry hold every image and chart of the stack, and the stack's lock say so.

    `repositories` is what the names of the stack's begin with. A stand-in takes the place of an image whose maker's
    registry is not asked here, and of one of our own that cannot be built here.
    """
    digests = fill_charts(workspace, registry, repositories)
    for image in (each for each in IMAGES.values() if not each.is_chart):
        repository = f"{repositories}/{image.name}"
        if own := built.found(Path(image.built).name) if image.built else None:
            digests[image.tagged] = registry.push(workspace.bin / "crane", own.layout, repository, image.tag)
        else:
            digests[image.tagged] = registry.push_stand_in(repository, image.tag, _stands_for(image))
    _write(workspace, digests)


def fill_charts(workspace: Workspace, registry: LocalRegistry, repositories: str) -> dict[str, str]:
    """Makes it hold the charts, which come out of their Go modules; returns their digests by NAME:TAG."""
    return {
        image.tagged: registry.push(
            workspace.bin / "crane", _packed(workspace, image), f"{repositories}/{image.name}", image.tag
        )
        for image in IMAGES.values()
        if image.is_chart
    }


def _packed(workspace: Workspace, image: Image) -> Path:
    """The layout of a chart, packed once for all clones."""
    key = sha256(f"{workspace.sources.resolve().name} {image.tagged}".encode())
    for packer in (charts, archives):
        key.update(Path(packer.__file__).read_bytes())

    def pack(folder: Path) -> None:
        draft = folder.with_name(f"{folder.name}.new")
        charts.lay_out(archives.archive(workspace.sources / image.name, image.tag), draft)
        draft.rename(folder)

    return made_once("charts", key.hexdigest()[:16], pack)


def prepare() -> None:
    """Builds our own images where this machine can, once; tells what takes their place where it cannot."""
    for image in (each for each in IMAGES.values() if each.built):
        source = Path(image.built).name
        if built.found(source):
            continue
        if why := built.lacking():
            note(f"{image.name} runs from an environment of its packages, not from its image: {why}.")
            continue
        note(f"Building the image of {image.name}, once for this machine ({built.MEASURED}, measured) ...")
        try:
            built.image(source)
        except InstallFailed as error:
            note(f"{error}\n{image.name} runs from an environment of its packages instead.")


def ensure_planned(workspace: Workspace, registry: LocalRegistry, repositories: str) -> None:
    """Makes sure of the charts, and of a lock, for a plan that nothing is made of: its images are stand-ins."""
    packed = fill_charts(workspace, registry, repositories)
    if not workspace.images_lock.exists() or len(read_lock(workspace.images_lock)) < len(IMAGES):
        stand_ins = {image.tagged: stand_in_digest(_stands_for(image)) for image in IMAGES.values()}
        _write(workspace, stand_ins | packed)


def _stands_for(image: Image) -> str:
    return f"{image.source or image.built}:{image.tag}"


def _write(workspace: Workspace, digests: dict[str, str]) -> None:
    text = yaml.safe_dump(digests)
    if not workspace.images_lock.exists() or workspace.images_lock.read_text() != text:
        write_private(workspace.images_lock, text.encode())


def prefix(stack: str) -> str:
    """What the names of the stack's repositories begin with."""
    return f"parapet-{_values(stack).get('environment', '')}"


def _of(workspace: Workspace, stack: str) -> tuple[Registry, Path]:
    """The stack's registry and its lock; raises Refused where there is no such stack."""
    values = _values(stack)
    lock_file = ROOT / "images.lock.yaml"
    if values.get("localAws") == "true":
        endpoint = server.url(workspace)
        if not endpoint:
            raise Refused("The local AWS API does not run: `./parapet up` starts it, and fills its registry.")
        enter(workspace, endpoint)
        lock_file = workspace.images_lock
    return Registry(prefix(stack), values["region"], values.get("allowedAccountId", "")), lock_file


def _values(stack: str) -> Mapping[str, str]:
    from operations import stack_settings  # seconds of imports that no other command should wait for

    return stack_settings.read(ROOT, stack).values
