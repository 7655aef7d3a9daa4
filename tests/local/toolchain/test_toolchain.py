"""Where the tools come from, and what a machine that lacks something is told."""

import os
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import toolchain
from local.toolchain import builder, go
from local.toolchain.builder import BuildFailed, explain
from local.toolchain.go import GoMissing
from local.workspace import Workspace

BROKEN = """\
module parapet.local/broken

go 1.26

tool example.invalid/no/such/tool

require example.invalid/no/such v1.2.3
"""


def test_the_engine_and_the_sdk_are_one_version() -> None:
    assert toolchain.engine_version() == version("pulumi")


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        ("v3.259.0", True),
        ("v3.300.1", True),
        ("v3.258.9", False),
        ("v4.0.0", False),
        ("", False),
        ("v3.259.0-dev", True),
    ],
)
def test_an_engine_fits_when_it_is_not_older_than_the_sdk(told: str, fits: bool) -> None:
    assert toolchain.fits(told) is fits


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with an empty cache and an empty PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Workspace(home=tmp_path / "home")


def _pretend_pulumi(folder: Path, told: str, host: bool = True) -> None:
    folder.mkdir(exist_ok=True)
    for name in ["pulumi", *(["pulumi-language-python"] if host else [])]:
        (folder / name).write_text(f"#!/bin/sh\necho {told}\n")
        (folder / name).chmod(0o755)


def test_an_official_engine_on_the_path_is_taken_and_nothing_is_built(alone: Workspace, tmp_path: Path) -> None:
    _pretend_pulumi(tmp_path / "bin", "v3.260.0")
    folder = toolchain.ensure(alone)
    assert str(tmp_path / "bin" / "pulumi") in (folder / "pulumi").read_text()
    assert not (folder / "pulumi-language-python").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("told", "host"), [("v3.100.0", True), ("v3.260.0", False)], ids=["too old", "without a Python host"]
)
def test_an_engine_that_does_not_fit_is_passed_over(
    alone: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, host: bool
) -> None:
    _pretend_pulumi(tmp_path / "bin", told, host)
    built: list[Path] = []

    def build(modules: Path, target: Path, variables: object) -> None:
        target.mkdir(parents=True)
        (target / "pulumi").write_text("built")
        built.append(target)

    monkeypatch.setattr(toolchain, "build", build)
    assert (toolchain.ensure(alone) / "pulumi").read_text() == "built"
    toolchain.ensure(alone)
    assert len(built) == 1, "a second run builds nothing"


def test_a_build_needs_free_disk_and_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(BuildFailed, match=r"needs \d+ GiB .* 0\.9 GiB are free.*XDG_CACHE_HOME"):
        builder.build(toolchain.MODULES, tmp_path / "target", {})


def test_without_go_and_without_its_wheel_the_user_is_told_what_to_install(
    alone: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go, "REQUIREMENTS", tmp_path / "absent.txt")
    with pytest.raises(GoMissing, match=r"Go 1\.\d+ or newer: the PATH has none.*Install Go"):
        go.find_go(tmp_path / "go")


@pytest.mark.skipif(not shutil.which("go"), reason="needs a Go on the PATH, whose answer is tested")
def test_a_failed_build_names_the_module_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "go.mod").write_text(BROKEN)
    (tmp_path / "go.sum").write_text("")
    monkeypatch.setenv("GOPROXY", "off")
    with pytest.raises(BuildFailed, match=re.compile(r"example\.invalid/no/such.*GOPROXY", re.S)):
        builder.build(tmp_path, tmp_path / "target", {})
    assert not (tmp_path / "target").exists()


def test_the_explanation_leaves_out_what_went_well() -> None:
    told = explain(
        [
            "go: downloading example.com/fine v1.0.0",
            "example.com/compiled/package",
            "# example.com/x",
            "x/y.go:3: undefined: z",
        ]
    )
    assert "compiled/package" not in told
    assert "undefined: z" in told


def test_only_the_modules_name_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    before = toolchain.key()
    monkeypatch.setitem(os.environ, "HOME", "/elsewhere")
    assert toolchain.key() == before
