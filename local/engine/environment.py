"""Which Python runs a program or a policy pack, and what is installed for it."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class NoEnvironment(Exception):
    """The environment that a project names is not there. The text says which, and how to make it."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, or the host's own interpreter where the project names none."""

    root: Path | None

    @classmethod
    def of(cls, folder: Path, options: Mapping[str, Any]) -> "Environment":
        """The one named by `runtime.options` (`virtualenv`, or uv's default), then VIRTUAL_ENV, then the host's own."""
        named = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
        if named:
            return cls(folder / str(named))
        active = os.environ.get("VIRTUAL_ENV")
        return cls(Path(active) if active else None)

    @property
    def python(self) -> Path:
        """Its interpreter. Raises NoEnvironment where there is none."""
        if self.root is None:
            return Path(sys.executable)
        python = self.root / "bin" / "python"
        if not python.exists():
            raise NoEnvironment(f"The virtual environment {self.root} is not there; `pulumi install` makes it.")
        return python

    @property
    def exists(self) -> bool:
        return self.root is None or (self.root / "bin" / "python").exists()

    def site_packages(self) -> Iterator[Path]:
        root = self.root or Path(sys.prefix)
        yield from sorted(root.glob("lib/python3.*/site-packages"))

    def distributions(self) -> Iterator[tuple[str, str]]:
        """Name and version of every installed distribution."""
        for site in self.site_packages():
            for info in sorted(site.glob("*.dist-info")):
                name, _, version = info.name.removesuffix(".dist-info").partition("-")
                yield name.replace("_", "-"), version

    def plugins(self) -> Iterator[tuple[str, str, str]]:
        """Name, version and server of the resource plugins that the installed Pulumi packages ask for."""
        for site in self.site_packages():
            for file in sorted(site.glob("pulumi_*/pulumi-plugin.json")):
                wanted = json.loads(file.read_text())
                if wanted.get("resource"):
                    yield wanted["name"], wanted.get("version", ""), wanted.get("server", "")
