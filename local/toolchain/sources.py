"""Files that lie in Go modules: fetched, checked against their pinned hashes, and laid out under names of our own."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = "sources.yaml"


class SourceFailed(Exception):
    """A module could not be fetched, or is not what its hash says. The text names it."""


def fetch(go: Path, modules: Path, target: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Lays out what `modules/sources.yaml` names under `target`; yields each module's name when it is there."""
    for name, source in yaml.safe_load((modules / FILE).read_text()).items():
        folder = _download(go, modules, name, source, environment)
        for place, path in source["files"].items():
            shutil.copytree(folder / path, target / place, ignore=shutil.ignore_patterns("*.go", "testdata"))
        yield name


def _download(go: Path, modules: Path, name: str, source: Mapping[str, Any], environment: Mapping[str, str]) -> Path:
    """The folder of a module's files. Where go.mod has the module, go itself checks it against go.sum."""
    wanted = f"{name}@{source['version']}" if "version" in source else name
    # Whose hash is pinned here is checked here: Go's public checksum database, which may be out of reach, adds nothing.
    unasked = {"GONOSUMDB": name} if "sum" in source else {}
    told = subprocess.run(
        [str(go), "mod", "download", "-json", wanted],
        cwd=modules,
        env={**environment, **unasked},
        capture_output=True,
        text=True,
    )
    found = json.loads(told.stdout or "{}")
    if told.returncode or "Dir" not in found:
        raise SourceFailed(f"{wanted}: {found.get('Error') or told.stderr.strip()}")
    if found["Sum"] != source.get("sum", found["Sum"]):
        raise SourceFailed(f"{wanted} has the hash {found['Sum']}; {FILE} pins {source['sum']}")
    return Path(found["Dir"])
