"""What is pushed into the registry of this machine: read by another client, and not copied where that can be."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import registry, toolchain
from local.registry import Registry
from local.workspace import Workspace
from operations.images import layouts

pytestmark = pytest.mark.server

LAYERS = (b"the first layer", b"the second")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(home=tmp_path / "home")
    toolchain.ensure_crane(workspace)
    yield workspace
    registry.forget(workspace)


@pytest.fixture
def held(workspace: Workspace) -> Registry:
    return registry.at(workspace, registry.ensure(workspace)[0])


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    folder = tmp_path / "layout"
    config = {"mediaType": registry.CONFIG, **layouts.blob(folder, b"{}")}
    layers = [{"mediaType": "application/octet-stream", **layouts.blob(folder, each)} for each in LAYERS]
    layouts.close(folder, {"config": config, "layers": layers})
    return folder


def pulled(workspace: Workspace, reference: str) -> list[bytes]:
    """The layers, as a client that checks their sums reads them."""
    crane = workspace.bin / "crane"
    named = [f"{reference.rpartition(':')[0]}@{layouts.digest(each)}" for each in LAYERS]
    return [subprocess.run([crane, "blob", each], capture_output=True, check=True).stdout for each in named]


def test_an_image_is_whole_and_its_layers_take_no_second_place(
    workspace: Workspace, held: Registry, layout: Path
) -> None:
    digest = held.push(layout, "test/own", "1.0")
    assert held.digest("test/own", "1.0") == digest
    assert f'"{digest}"' in (layout / "index.json").read_text()
    assert pulled(workspace, f"{held.address}/test/own:1.0") == list(LAYERS)
    for each in layout.glob("blobs/sha256/*"):
        if not digest.endswith(each.name):  # the registry keeps manifests in memory
            assert (held.folder / "sha256" / each.name).samefile(each)


def test_a_layer_from_another_disk_is_copied(
    workspace: Workspace, held: Registry, layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def across(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", across)
    held.push(layout, "test/own", "1.0")
    assert pulled(workspace, f"{held.address}/test/own:1.0") == list(LAYERS)


def test_what_the_registry_forgets_its_maker_keeps(workspace: Workspace, held: Registry, layout: Path) -> None:
    digest = held.push(layout, "test/own", "1.0")
    held.delete("test/own", digest)
    registry.forget(workspace)
    assert {each.read_bytes() for each in layout.glob("blobs/sha256/*")} >= set(LAYERS)


def test_another_image_under_the_tag_is_left(held: Registry, layout: Path) -> None:
    stands = held.push_stand_in("test/own", "1.0", "somebody's")
    assert held.push(layout, "test/own", "1.0") == stands
