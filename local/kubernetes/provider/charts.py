"""Charts: which one is at hand, and what the real Helm makes of it.

What a program takes from ECR is pulled from the registry on this machine, by the digest and version that it asks for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
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
from local.plugin.values import UNKNOWN
from local.registry import ECR

REGISTRY = "PARAPET_REGISTRY"
"""Environment variable with the address of the registry on this machine that takes ECR's place."""
OCI = "oci://"
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
    signed_in: bool = False
    """Whether it says who asks the registry; an answer that a preview has not yet counts."""
    values: Mapping[str, Any] = field(default_factory=dict)
    values_files: tuple[Any, ...] = ()
    with_definitions: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (self.repo, self.chart, self.version) if part)


def wanted(inputs: Mapping[str, Any]) -> Wanted:
    """The chart that the inputs of a Release or a Chart ask for."""
    given = inputs.get("repositoryOpts") or {}
    options = given if isinstance(given, Mapping) else {}
    return Wanted(
        chart=str(inputs.get("chart") or ""),
        release=str(inputs.get("name") or ""),
        namespace=str(inputs.get("namespace") or ""),
        version=str(inputs.get("version") or ""),
        repo=str(options.get("repo") or ""),
        signed_in=given is UNKNOWN or bool(options.get("username") and options.get("password")),
        values=inputs.get("values") or {},
        values_files=tuple(inputs.get("valueYamlFiles") or ()),
        with_definitions=not inputs.get("skipCrds"),
    )


def at_hand(chart: Wanted) -> str | None:
    """Where Helm finds a chart: on disk, or in the registry on this machine; None where nobody may ask for it here.

    UserError for a path that is not there, and for a program that asks ECR without signing in, as ECR answers it.
    """
    path = Path(chart.chart).expanduser()
    if not chart.repo and "://" not in chart.chart and (path.is_dir() or path.suffix == ".tgz"):
        if not path.exists():
            raise UserError(f"there is no chart {chart.chart} in {Path.cwd()}")
        return str(path.resolve())
    found = ECR.fullmatch(chart.chart.removeprefix(OCI)) if chart.chart.startswith(OCI) else None
    registry = os.environ.get(REGISTRY)
    if found is None or not registry:
        return None
    if not chart.signed_in:
        raise UserError(
            f"{chart.chart}: no basic auth credentials; repositoryOpts takes the username and the password of "
            "aws.ecr.get_authorization_token"
        )
    return f"{OCI}{registry}/{chart.chart.removeprefix(OCI).partition('/')[2]}"


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


def render(chart: Wanted, source: str, capabilities: Capabilities) -> Rendered:
    """What `helm template` makes of the chart. UserError with Helm's own words where it refuses."""
    for what, name in (("release", chart.release), ("namespace", chart.namespace)):
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise UserError(f"{name!r} is no name for a {what}: up to {_LONGEST_NAME} of a-z, 0-9, - and . are")
    with tempfile.TemporaryDirectory() as folder:
        at = _pull(source, chart, folder) if source.startswith(OCI) else source
        files = [_write(Path(folder), number, one) for number, one in enumerate([*chart.values_files, chart.values])]
        arguments = ["template", chart.release, at, "--namespace", chart.namespace, "--no-hooks"]
        arguments += [part for file in files for part in ("--values", str(file))]
        arguments += ["--kube-version", capabilities.version] if capabilities.version else []
        arguments += [part for kind in capabilities.kinds for part in ("--api-versions", kind)]
        text = _helm(arguments, chart, folder)
        asked = chart.with_definitions and may_define(Path(at))
        crds = _helm(["show", "crds", at], chart, folder) if asked else ""
        about = _about(Path(at))
    return Rendered(
        decode(crds, f"chart {chart}"),
        decode(text, f"chart {chart}"),
        str(about.get("name", "")),
        str(about.get("version", "")),
        str(about.get("appVersion", "")),
    )


def _pull(source: str, chart: Wanted, folder: str) -> str:
    """The archive of what the registry has under the digest; refused by Helm where another has the version's tag."""
    into = Path(folder) / "pulled"
    into.mkdir()
    version = ["--version", chart.version] if chart.version else []
    _helm(["pull", source, *version, "--plain-http", "--destination", str(into)], chart, folder)
    (archive,) = into.iterdir()
    return str(archive)


def may_define(source: Path) -> bool:
    """Whether a chart, or one in it, has a folder of definitions; most have none, and Helm need not start to say so.

    A packed chart in it may have one.
    """
    if source.is_dir():
        names = [str(each.relative_to(source)) for each in source.rglob("*")]
    else:
        with tarfile.open(source) as archive:
            names = archive.getnames()
    return any("crds" in Path(name).parts or name.endswith(".tgz") for name in names)


def _about(source: Path) -> Mapping[str, Any]:
    """What its Chart.yaml says; Helm has read it before."""
    if source.is_dir():
        text = (source / "Chart.yaml").read_bytes()
    else:
        with tarfile.open(source) as archive:
            names = [each for each in archive.getnames() if each.count("/") == 1 and each.endswith("/Chart.yaml")]
            file = archive.extractfile(names[0])
            text = file.read() if file else b""
    return yaml.safe_load(text) or {}


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
