"""A process in the file system of an image: whose it is, what it may write, and what it sees."""

import os
import subprocess
from pathlib import Path

import pytest

from local.kubernetes.workloads.confined import in_memory, inside

PROGRAMS = {path: Path(path) for path in ("/bin", "/lib", "/lib64", "/usr") if Path(path).exists()}
USER = (10001, 10002)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of one's own needs root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("proc", "dev", "etc"):
        (root / name).mkdir(parents=True)
    (root / "of-the-image").write_text("here")
    return root


def run(root: Path, mounts: dict[str, Path], script: str, *arguments: str) -> list[str]:
    command = inside(root, {**PROGRAMS, **mounts}, USER, ["/bin/sh", "-c", script, *arguments])
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def test_it_is_the_pod_s_user_and_sees_the_image(root: Path) -> None:
    assert run(root, {}, "id -u; id -g; cat /of-the-image; ls /tmp 2>/dev/null") == ["10001", "10002", "here"]


def test_nobody_writes_the_image_and_a_volume_is_written_where_the_pod_mounts_it(root: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, *USER)
    (refused,) = run(root, {"/mnt/own": volume}, "echo kept > /mnt/own/file; echo x > /other")
    assert "Read-only file system" in refused or "Permission denied" in refused
    assert (volume / "file").read_text() == "kept\n"
    assert not (root / "other").exists()


def test_no_word_of_the_command_is_read_as_a_shell_s(root: Path) -> None:
    word = "$(touch /tmp/never); `id` --"
    assert run(root, {}, 'echo "$0"', word) == [word]


def test_what_was_mounted_is_gone_with_the_process(root: Path) -> None:
    run(root, {}, "true")
    assert str(root) not in Path("/proc/mounts").read_text()


def test_who_looks_from_outside_sees_which_image_a_process_is_in(root: Path) -> None:
    """So that `tests/e2e/test_the_mlflow_server.py` tells an image's process from one of this machine's own files."""
    command = inside(root, PROGRAMS, USER, ["/bin/sh", "-c", "echo here; read -r _"])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "here\n"
        seen = Path(f"/proc/{running.pid}/root/of-the-image")
        assert seen.samefile(root / "of-the-image")
        assert not Path("/proc/self/root/of-the-image").exists()
        running.communicate("\n")


FOLDER = "/var/run/parapet/certificates"


def test_a_folder_in_memory_is_the_process_s_own(tmp_path: Path) -> None:
    script = (
        f"ls {FOLDER} && touch {FOLDER}/key && stat -f -c %T {FOLDER} && stat -c %a {FOLDER} && ls -A /var/run && pwd"
    )
    command = in_memory(FOLDER, ["/bin/sh", "-c", script])
    for _ in range(2):  # the second finds nothing of the first
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=30)
        assert (done.stderr, done.stdout.splitlines()) == ("", ["tmpfs", "700", "parapet", str(tmp_path)])
    assert not Path(FOLDER).exists()


def test_whoever_is_not_root_has_one_by_a_user_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*as_nobody, "unshare", "--user", "true"], capture_output=True).returncode:
        pytest.skip("the kernel gives users no namespaces of their own")
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    command = in_memory(FOLDER, ["/bin/sh", "-c", f"touch {FOLDER}/key && ls {FOLDER}"])
    done = subprocess.run([*as_nobody, *command], capture_output=True, text=True, cwd="/", timeout=30)
    assert (done.stderr, done.stdout) == ("", "key\n")
    assert not Path(FOLDER).exists()


@pytest.mark.parametrize("path", ["/etc/certificates", "certificates", "/var/run", "/var/run/../lib/certificates"])
def test_no_other_folder_is_hidden_for_one_in_memory(path: str) -> None:
    with pytest.raises(LookupError, match="is made below /var/run only"):
        in_memory(path, ["true"])


def test_no_word_of_a_command_with_memory_is_read_as_a_shell_s() -> None:
    word = "$(touch /tmp/never); `id` --"
    done = subprocess.run(in_memory(FOLDER, ["/bin/echo", word]), capture_output=True, text=True, timeout=30)
    assert done.stdout == f"{word}\n"
