"""The registry that takes ECR's place for a local stack, and what fills it."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import yaml

from cli.output import Refused, note
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
from operations import stack_settings
from operations.images import Registry, charts, layouts


def fill(workspace: Workspace, registry: LocalRegistry, repositories: str) -> None:
    """Makes the local registry hold every image and chart of the stack, and the stack's lock say so.

    `repositories` is what the names of the stack's begin with. A stand-in takes the place of an image whose maker's
    registry is not asked here, of one of our own that cannot be built here, and of those of our own which only some
    stacks ask for: nothing here would run them.
    """
    digests = fill_charts(workspace, registry, repositories)
    for image in (each for each in IMAGES.values() if not each.is_chart):
        repository = f"{repositories}/{image.name}"
        if own := built.found(Path(image.built).name) if image.built and not image.optional else None:
            digests[image.tagged] = registry.push(own.layout, repository, image.tag)
        else:
            digests[image.tagged] = registry.push_stand_in(repository, image.tag, _stands_for(image))
    _write(workspace, digests)


def fill_charts(workspace: Workspace, registry: LocalRegistry, repositories: str) -> dict[str, str]:
    """Makes it hold the charts, which come out of their Go modules; returns their digests by NAME:TAG."""
    return {
        image.tagged: registry.push(_packed(workspace, image), f"{repositories}/{image.name}", image.tag)
        for image in IMAGES.values()
        if image.is_chart
    }


def _packed(workspace: Workspace, image: Image) -> Path:
    """The layout of a chart, packed once for all clones."""
    key = sha256(f"{workspace.sources.resolve().name} {image.tagged}".encode())
    for packer in (charts, layouts, archives):
        key.update(Path(packer.__file__).read_bytes())

    def pack(folder: Path) -> None:
        draft = folder.with_name(f"{folder.name}.new")
        charts.lay_out(_archive(workspace.sources / image.name, image), draft)
        draft.rename(folder)

    return made_once("charts", key.hexdigest()[:16], pack)


def _archive(folder: Path, image: Image) -> bytes:
    """A chart's archive, as it is mirrored for an account: from its maker's folder, or packed of definitions alone."""
    if not image.sum:
        return archives.archive(folder, image.tag)
    return charts.pack(
        image, {each.name: each.read_bytes() for each in folder.iterdir() if charts.is_definition(each.name)}
    )


def prepare() -> None:
    """Builds our own images where this machine can, once; tells what takes their place where it cannot."""
    for image in (each for each in IMAGES.values() if each.built and not each.optional):
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


def registry_of(workspace: Workspace, stack: str) -> tuple[Registry, Path]:
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
    return stack_settings.read(ROOT, stack).values
