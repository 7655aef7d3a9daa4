"""`./parapet images`, and the registry that takes ECR's place for a local stack."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

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
from operations.images import ImagesFailed, Registry, State, build, charts, mirror, plan

app = typer.Typer(help="The images that a stack runs: list them, mirror them, build our own.", no_args_is_help=True)

Stack = Annotated[str, typer.Option("--stack", help="The stack whose registry is meant.")]


@app.command("plan")
def tell_plan(stack: Stack) -> None:
    """Tell of each image whether it is in the stack's registry; exit with 1 where one is not."""
    rows = _or_refuse(lambda: plan(*_of(Workspace(), stack)))
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
    _or_refuse(lambda: mirror(registry, lock_file, tools.crane(workspace), note, built_in))


@app.command("build")
def build_own(stack: Stack) -> None:
    """Build the images of this repository, push them, and write their digests into images.lock.yaml."""
    workspace = Workspace()
    registry, lock_file = _of(workspace, stack)
    _or_refuse(lambda: build(registry, lock_file, tools.crane(workspace), note))


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
    return f"parapet-{_settings(stack).get('environment', '')}"


def _of(workspace: Workspace, stack: str) -> tuple[Registry, Path]:
    """The stack's registry and its lock; raises Refused where there is no such stack."""
    settings = _settings(stack)
    lock_file = ROOT / "images.lock.yaml"
    if settings.get("localAws") in (True, "true"):
        endpoint = server.url(workspace)
        if not endpoint:
            raise Refused("The local AWS API does not run: `./parapet up` starts it, and fills its registry.")
        enter(workspace, endpoint)
        lock_file = workspace.images_lock
    return Registry(prefix(stack), settings["region"], settings.get("allowedAccountId", "")), lock_file


def _settings(stack: str) -> dict[str, Any]:
    """A stack's settings by name, defaults included, as they are written."""
    file = ROOT / f"Pulumi.{stack}.yaml"
    if not file.exists():
        there = ", ".join(sorted(each.name.split(".")[1] for each in ROOT.glob("Pulumi.*.yaml")))
        raise Refused(f"There is no stack {stack!r} (no Pulumi.{stack}.yaml). Stacks: {there}.")
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    given = yaml.safe_load(file.read_text()).get("config") or {}
    defaults = {name: each["default"] for name, each in declared.items() if "default" in each}
    return defaults | {name.removeprefix("parapet:"): value for name, value in given.items()}


def _or_refuse(ask: Any) -> Any:
    try:
        return ask()
    except ImagesFailed as error:
        raise Refused(str(error)) from None
