"""The environment of an image: made once, whole or not at all, from the lock file and the package."""

import subprocess
from pathlib import Path

import pytest

from local import images

pytestmark = pytest.mark.process

METADATA = "Metadata-Version: 2.1\nName: parapet-thing\nVersion: 1\n"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image `thing` that needs nothing, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(images, "DELIVERY", tmp_path)
    folder = tmp_path / "thing"
    (folder / "parapet_thing").mkdir(parents=True)
    (folder / "parapet_thing" / "__init__.py").write_text("said = 'one'\n")
    information = folder / "parapet_thing-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(METADATA)
    (information / "entry_points.txt").write_text("[things]\nit = parapet_thing:said\n")
    (folder / "requirements.txt").write_text("")
    return folder


def said(environment: Path) -> str:
    """What the package says, found by its entry point as MLflow finds its applications."""
    program = "from importlib.metadata import entry_points as e; print(*(p.load() for p in e(group='things')))"
    done = subprocess.run([str(environment / "bin" / "python"), "-c", program], capture_output=True, text=True)
    return done.stdout.strip()


def test_it_has_the_package_and_is_made_once(image: Path) -> None:
    made = images.environment("thing")
    assert said(made) == "one"
    marker = made / "marker"
    marker.touch()
    assert images.environment("thing") == made
    assert marker.exists()


def test_a_change_of_the_package_makes_another_and_installs_nothing(image: Path) -> None:
    before = images.environment("thing")
    (image / "parapet_thing" / "__init__.py").write_text("said = 'two'\n")
    after = images.environment("thing")
    assert (said(before), said(after)) == ("one", "two")
    assert len(list((before.parents[1] / "thing-packages").iterdir())) == 1


@pytest.mark.parametrize("uv", [True, False])
def test_what_has_no_hash_is_not_installed_and_leaves_nothing(
    image: Path, uv: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not uv:
        monkeypatch.setattr(images, "_uv", lambda: None)
    (image / "requirements.txt").write_text("iniconfig==2.0.0\n")
    with pytest.raises(images.InstallFailed, match="hash"):
        images.environment("thing")
    made = image.parent / "cache" / "parapet" / "images" / "thing-packages"
    assert [path for path in made.iterdir() if path.suffix != ".new"] == []


def test_without_uv_it_is_made_too(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_uv", lambda: None)
    assert said(images.environment("thing")) == "one"
