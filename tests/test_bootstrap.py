"""The bootstrap script, in a copy of its own with a pretended installer that writes down how it was called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ("requirements.txt", "local/requirements.txt", "policies/requirements.txt", "tests/requirements.txt")
PRETENDED_UV = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in venv) for last; do :; done; "{python}" -m venv --without-pip "$last" ;; esac
"""


class Copy:
    """A project of four requirement files and a command line that repeats its arguments."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder, self.tools = folder, tools
        self.log = tools / "uv.log"
        folder.mkdir()
        tools.mkdir()
        shutil.copy(ROOT / "parapet", folder)
        for name in REQUIREMENTS:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"# {name}\n")
        (folder / "cli").mkdir()
        (folder / "cli" / "__main__.py").write_text("import sys; print('cli', *sys.argv[1:])")
        for name in ("sh", "cat", "cksum", "dirname", "pwd", "rm"):
            if found := shutil.which(name):
                (tools / name).symlink_to(found)
        (tools / "python3").symlink_to(sys.executable)
        self.pretend_uv()

    def pretend_uv(self) -> None:
        uv = self.tools / "uv"
        uv.write_text(PRETENDED_UV.format(log=self.log, python=sys.executable))
        uv.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.tools), "PYTHONPATH": str(self.folder), "HOME": str(self.tools)} | variables
        return subprocess.run(
            [str(self.folder / "parapet"), *arguments], env=environment, capture_output=True, text=True
        )

    def installed(self) -> list[str]:
        """The requirement files that the installer was given, since the last time this was asked."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [name for line in lines for name in REQUIREMENTS if f"-r {self.folder / name}" in line]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "project", tmp_path / "tools")


def test_the_first_run_installs_by_hash_and_runs_the_command_line(copy: Copy) -> None:
    told = copy.run("status", "--json")
    assert told.returncode == 0, told.stderr
    assert told.stdout == "cli status --json\n"
    assert all("--require-hashes" in line for line in copy.log.read_text().splitlines() if " -r " in line)
    assert copy.installed() == ["requirements.txt", "local/requirements.txt", "policies/requirements.txt"]


def test_a_second_run_installs_nothing(copy: Copy) -> None:
    copy.run("status")
    copy.installed()
    assert copy.run("status").returncode == 0
    assert copy.installed() == []


def test_what_python_has_translated_is_kept_for_the_next_process(copy: Copy) -> None:
    """Images for CI often forbid it. `up` starts forty Pythons; each would translate its packages anew."""
    (copy.folder / "cli" / "__main__.py").write_text("import sys; print(sys.dont_write_bytecode)")
    assert copy.run("status", PYTHONDONTWRITEBYTECODE="1").stdout == "False\n"


def test_only_the_tests_bring_the_test_dependencies(copy: Copy) -> None:
    copy.run("status")
    copy.installed()
    copy.run("test")
    assert copy.installed() == ["tests/requirements.txt"]


def test_a_changed_requirement_is_installed(copy: Copy) -> None:
    copy.run("status")
    copy.installed()
    (copy.folder / "local" / "requirements.txt").write_text("# another\n")
    copy.run("status")
    assert copy.installed() == ["requirements.txt", "local/requirements.txt"]


def test_a_project_that_was_moved_is_installed_anew(copy: Copy) -> None:
    copy.run("status")
    copy.installed()
    copy.folder = copy.folder.rename(copy.folder.with_name("elsewhere"))
    assert copy.run("status").returncode == 0
    assert copy.installed()


def test_it_can_be_called_from_another_folder(copy: Copy, tmp_path: Path) -> None:
    told = subprocess.run(
        [os.path.relpath(copy.folder / "parapet", tmp_path), "up"],
        cwd=tmp_path,
        env={"PATH": str(copy.tools), "PYTHONPATH": str(copy.folder)},
        capture_output=True,
        text=True,
    )
    assert told.stdout == "cli up\n", told.stderr


def test_an_installation_that_fails_is_told_and_tried_again(copy: Copy) -> None:
    uv = copy.tools / "uv"
    uv.write_text(uv.read_text() + '\ncase "$*" in *require-hashes*) exit 1 ;; esac\n')
    told = copy.run("status")
    assert told.returncode == 1
    assert "could not install requirements.txt" in told.stderr
    assert "cli" not in told.stdout
    copy.pretend_uv()
    copy.log.unlink()
    assert copy.run("status").returncode == 0
    assert "requirements.txt" in copy.installed()


def test_a_machine_without_python_is_told_which_to_install(copy: Copy) -> None:
    (copy.tools / "python3").unlink()
    told = copy.run("status")
    assert told.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in told.stderr


def test_a_named_python_that_does_not_fit_is_refused_by_name(copy: Copy) -> None:
    old = copy.tools / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    told = copy.run("status", PARAPET_PYTHON=str(old))
    assert told.returncode == 1
    assert f"PARAPET_PYTHON={old}" in told.stderr
