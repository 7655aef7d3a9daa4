"""The platform's own images, really built: their Dockerfile, by buildah without a daemon, on Debian from mmdebstrap.

It needs root, and both programs (Debian: `apt-get install buildah mmdebstrap`); where one is missing, `local.images`
makes an environment of the same packages in its place.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from local.images import DELIVERY, InstallFailed
from local.made import made_once
from local.workspace import cache

NEEDED: Final = ("buildah", "mmdebstrap", "unshare", "chroot")
MEASURED: Final = "2 to 3 minutes on 2 cores"
SUITE: Final = "bookworm"
PACKAGES: Final = ("ca-certificates", "python-is-python3", "python3", "python3-pip", "python3-venv")
"""In place of the base image python:3.13-slim-bookworm, whose registry is not reached: Debian's own Python."""
CERTIFICATES: Final = Path("/etc/ssl/certs")
MADE: Final = ("etc/hosts", "etc/resolv.conf")
"""Files that a container runtime puts in place; they are there to be mounted over."""


@dataclass(frozen=True)
class Built:
    """An image that was built here."""

    folder: Path

    @property
    def root(self) -> Path:
        """Its file system."""
        return self.folder / "root"

    @property
    def layout(self) -> Path:
        """The image itself, as an OCI layout."""
        return self.folder / "layout"

    def variables(self) -> dict[str, str]:
        """The variables that its Dockerfile sets."""
        blobs = self.layout / "blobs" / "sha256"
        (entry,) = json.loads((self.layout / "index.json").read_text())["manifests"]
        manifest = json.loads((blobs / entry["digest"].partition(":")[2]).read_text())
        config = json.loads((blobs / manifest["config"]["digest"].partition(":")[2]).read_text())
        return dict(each.split("=", 1) for each in config["config"].get("Env", []))


def lacking() -> str:
    """What keeps images from being built on this machine; empty where nothing does."""
    if os.geteuid():
        return "building it needs root"
    missing = [program for program in NEEDED if not shutil.which(program)]
    return f"building it needs {', '.join(missing)}" if missing else ""


def image(name: str) -> Built:
    """The image of `delivery/NAME`, built once for all clones. Raises InstallFailed where that fails.

    RDS's authorities are a stand-in in it: those of the databases here are a clone's own, and mounted over it.
    """
    return Built(made_once(_shelf(name), _key(DELIVERY / name), lambda folder: _build(name, folder)))


def found(name: str) -> Built | None:
    """The same where it was built before, and where this user can run what is in it."""
    folder = cache() / _shelf(name) / _key(DELIVERY / name)
    return Built(folder) if folder.exists() and not os.geteuid() else None


def _shelf(name: str) -> str:
    return f"images/{name}-image"


def _key(folder: Path) -> str:
    total = sha256(" ".join((SUITE, *PACKAGES)).encode())
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".md":
            total.update(f"{file.relative_to(folder)} {file.stat().st_size} ".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def _base(folder: Path) -> None:
    """A Debian with Python in it, as an archive; the same bytes from the same packages."""
    draft = folder.with_name(f"{folder.name}.tar")
    _run(
        *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(draft)),
        variables={"SOURCE_DATE_EPOCH": "0"},
    )
    folder.mkdir()
    draft.rename(folder / "base.tar")


def _build(name: str, folder: Path) -> None:
    base = made_once("images/base", sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:16], _base)
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    context = shutil.copytree(DELIVERY / name, draft / "context", ignore=shutil.ignore_patterns("__pycache__"))
    (context / "rds-ca.pem").write_text("A stand-in: what the databases here are known by is mounted over this.\n")
    (draft / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
    store = ["buildah", f"--root={draft / 'store'}", f"--runroot={draft / 'run'}", "--storage-driver=vfs"]
    own = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.is_dir() else []
    arguments = ["--build-arg=BASE=localhost/base", "--build-arg=RDS_CA=rds-ca-from-context"]
    bud = [*store, "bud", "--quiet", "--isolation=chroot", "--network=host", "--timestamp=0", "--pull-never"]
    _run(*bud, "--tag=base", f"--file={draft / 'Dockerfile'}", str(base))
    _run(*bud, *own, *arguments, f"--tag={name}", str(context))
    _run(*store, "push", "--quiet", f"localhost/{name}", f"oci:{draft / 'layout'}:{name}")
    made = _run(*store, "from", "--pull-never", f"localhost/{name}")
    (draft / "whole").mkdir()
    Path(_run(*store, "mount", made)).rename(draft / "whole" / "root")
    for file in MADE:
        (draft / "whole" / "root" / file).touch()
    (draft / "layout").rename(draft / "whole" / "layout")
    (draft / "whole").rename(folder)
    shutil.rmtree(draft, ignore_errors=True)


def _run(*command: str, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=os.environ | (variables or {})
    )
    if done.returncode:
        words = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-12:])
        raise InstallFailed(
            f"An image could not be built: `{command[0]}` failed:\n{words}\nRun the same command again."
        )
    return done.stdout.strip()
