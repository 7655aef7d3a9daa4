"""The environments of the platform's own images, without containers: the same lock file, the same package."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from local.made import made_once
from local.workspace import ROOT, Workspace, cache

DELIVERY = ROOT / "delivery"
SITE = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
IN_IMAGE = "/opt/parapet/env"
"""Where an image has its environment, as its programs' first lines say."""


class InstallFailed(Exception):
    """An image's packages could not be installed. The text has the installer's last words."""


def environment(name: str) -> Path:
    """The virtual environment of the image in `delivery/NAME`, made once for all clones; whole or not at all.

    Two lie in the cache: the packages of the lock file (installed with their hashes; minutes at the first time), and
    over them one with the image's own package, so that a change of the latter installs nothing. Raises InstallFailed.
    """
    image = DELIVERY / name
    lock = image / "requirements.txt"
    packages = installed(f"{name}-packages", lock)
    own = sorted(file for file in image.glob("parapet_*/**/*") if file.is_file() and file.suffix != ".pyc")
    programs = sorted(file for file in image.glob("parapet-*") if file.is_file())
    return _environment(
        name,
        _digest([lock, *own, *programs]),
        lambda folder: _lay_over(folder, packages, image, own, programs),
    )


def installed(kind: str, lock: Path) -> Path:
    """The virtual environment of a lock file's packages, made as an image's is. Raises InstallFailed."""
    return _environment(kind, _digest([lock]), lambda folder: _install(folder, lock))


def is_installed(kind: str, lock: Path) -> bool:
    """Whether `installed` would answer at once."""
    return (cache() / "images" / kind / _digest([lock])).exists()


def _environment(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    def whole(folder: Path) -> None:
        draft = folder.with_name(f"{key}.new")
        shutil.rmtree(draft, ignore_errors=True)
        make(draft)
        draft.rename(folder)

    return made_once(f"images/{kind}", key, whole)


def _digest(files: list[Path]) -> str:
    """Names what is made of them: changes with a name, a content, the Python version and the kind of machine."""
    total = sha256(f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode())
    for file in files:
        total.update(f"{os.path.relpath(file, DELIVERY)} {file.stat().st_size} ".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def _install(folder: Path, lock: Path) -> None:
    if uv := _uv():
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        into = ["--python", str(folder / "bin" / "python")]
        _run(uv, "pip", "install", "--quiet", "--compile-bytecode", *into, "--require-hashes", "-r", str(lock))
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-r",
            str(lock),
        )


def _lay_over(folder: Path, packages: Path, image: Path, own: list[Path], programs: list[Path]) -> None:
    if uv := _uv():
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    else:
        _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    for file in own:
        target = folder / SITE / file.relative_to(image)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    (folder / SITE / "packages.pth").write_text(f"{packages / SITE}\n")
    for program in programs:
        target = folder / "bin" / program.name
        target.write_text(program.read_text().replace(IN_IMAGE, str(folder.with_suffix("")), 1))
        target.chmod(0o755)


def _uv() -> str | None:
    """uv, where `./parapet` finds it or put it."""
    own = Workspace().root / ".parapet" / "uv" / "bin" / "uv"
    return shutil.which("uv") or (str(own) if os.access(own, os.X_OK) else None)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        words = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-12:])
        raise InstallFailed(
            f"`{' '.join(command[:3])} ...` failed for an image's packages:\n{words}\n"
            "Is the package index reachable? Then run the same command again."
        )
