"""Charts: which one is at hand, and what the real Helm makes of it."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml

from local.kubernetes.provider.manifests import decode
from local.kubernetes.provider.objects import Object
from local.plugin.failures import UserError

CHARTS = "PARAPET_CHARTS"
"""Environment variable naming the folder with one folder a chart."""
# Helm's own rules for a release's name (helm.sh, "helm install"), and RFC 1123 for a namespace.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST_NAME = 53
_PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Wanted:
    """A chart as a program asks for it, and what it is to be rendered with."""

    chart: str
    release: str
    namespace: str
    version: str = ""
    repo: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    values_files: tuple[Any, ...] = ()
    with_definitions: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (self.repo, self.chart, self.version) if part)


def wanted(inputs: Mapping[str, Any]) -> Wanted:
    """The chart that the inputs of a Release or a Chart ask for."""
    options = inputs.get("repositoryOpts") or {}
    return Wanted(
        chart=str(inputs.get("chart") or ""),
        release=str(inputs.get("name") or ""),
        namespace=str(inputs.get("namespace") or ""),
        version=str(inputs.get("version") or ""),
        repo=str(options.get("repo") or ""),
        values=inputs.get("values") or {},
        values_files=tuple(inputs.get("valueYamlFiles") or ()),
        with_definitions=not inputs.get("skipCrds"),
    )


def at_hand(chart: Wanted) -> Path | None:
    """The folder or archive of a chart, None where it is not at hand in the version that is asked for."""
    path = Path(chart.chart).expanduser()
    if not chart.repo and "://" not in chart.chart and (path.is_dir() or path.suffix == ".tgz"):
        if not path.exists():
            raise UserError(f"there is no chart {chart.chart} in {Path.cwd()}")
        return path
    charts = os.environ.get(CHARTS)
    for name, entry in _known().items() if charts else ():
        if not any(_is(chart, reference) for reference in entry["references"]):
            continue
        folder = Path(str(charts)) / name
        same = not chart.version or chart.version.removeprefix("v") == str(entry["version"])
        return folder if same and folder.is_dir() else None
    return None


def _is(chart: Wanted, reference: Mapping[str, str]) -> bool:
    given = (chart.repo.rstrip("/"), chart.chart.rstrip("/"))
    known = (reference.get("repo", ""), reference["chart"])
    # A repository that is an OCI registry may be written apart from the name.
    return given == known or "/".join(part for part in given if part) == known[1]


@functools.cache
def _known() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "charts.yaml").read_text())
    return found


@dataclass(frozen=True)
class Rendered:
    """What is in a chart: definitions that Helm never takes away again, and the other objects. Hooks are left out."""

    definitions: list[Object]
    objects: list[Object]
    name: str
    version: str
    app_version: str


@dataclass(frozen=True)
class Capabilities:
    """What templates may ask of the cluster."""

    version: str = ""
    kinds: tuple[str, ...] = ()


def render(chart: Wanted, source: Path, capabilities: Capabilities) -> Rendered:
    """What `helm template` makes of the chart. UserError with Helm's own words where it refuses."""
    for what, name in (("release", chart.release), ("namespace", chart.namespace)):
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise UserError(f"{name!r} is no name for a {what}: up to {_LONGEST_NAME} of a-z, 0-9, - and . are")
    with tempfile.TemporaryDirectory() as folder:
        files = [_write(Path(folder), number, one) for number, one in enumerate([*chart.values_files, chart.values])]
        arguments = ["template", chart.release, str(source.resolve()), "--namespace", chart.namespace, "--no-hooks"]
        arguments += [part for file in files for part in ("--values", str(file))]
        arguments += ["--kube-version", capabilities.version] if capabilities.version else []
        arguments += [part for kind in capabilities.kinds for part in ("--api-versions", kind)]
        text = _helm(arguments, chart, folder)
        about = yaml.safe_load(_helm(["show", "chart", str(source.resolve())], chart, folder))
        crds = _helm(["show", "crds", str(source.resolve())], chart, folder) if chart.with_definitions else ""
    return Rendered(
        decode(crds, f"chart {chart}"),
        decode(text, f"chart {chart}"),
        str(about.get("name", "")),
        str(about.get("version", "")),
        str(about.get("appVersion", "")),
    )


def _write(folder: Path, number: int, values: Any) -> Path:
    """A file of values that only this user may read: they may be secret."""
    file = folder / f"values-{number}.yaml"
    file.touch(0o600)
    match values:
        case pulumi.StringAsset():
            file.write_text(values.text)
        case pulumi.FileAsset():
            file.write_text(Path(values.path).read_text())
        case dict():
            file.write_text(json.dumps(values))
        case _:
            raise UserError("valueYamlFiles takes files and texts (FileAsset, StringAsset)")
    return file


def _helm(arguments: list[str], chart: Wanted, home: str) -> str:
    program = shutil.which("helm")
    if program is None:
        raise UserError("helm is not on the PATH, so that no chart can be rendered; `./parapet up` puts it there")
    # Nothing of the user's own Helm: no plugins, repositories or credentials.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    own = {f"HELM_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("CONFIG", "CACHE", "DATA")}
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        env=kept | own,
        timeout=_PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise UserError(f"helm could not render the chart {chart}: {done.stderr.strip()}")
    return done.stdout
