"""A control plane to throw away: etcd, kube-apiserver, kube-controller-manager; loopback, RBAC and admission on."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

BIN = Path(os.environ["PARAPET_TEST_TOOLS"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def control_plane(folder: Path) -> Iterator[Path]:
    """The kubeconfig of a running control plane, whose user is in `system:masters`."""
    etcd, peer, api, manager = (free_port() for _ in range(4))
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text('admin-token,admin,admin,"system:masters"\n')
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "t",
                "clusters": [
                    {"name": "t", "cluster": {"server": f"https://127.0.0.1:{api}", "insecure-skip-tls-verify": True}}
                ],
                "users": [{"name": "t", "user": {"token": "admin-token"}}],
                "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
            }
        )
    )
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, binary: str, *arguments: str) -> None:
        log = (folder / f"{name}.log").open("wb")
        processes.append(
            subprocess.Popen([name, *arguments], executable=BIN / binary, stdout=log, stderr=log, cwd=folder)
        )

    start(
        "etcd",
        "server",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{etcd}",
        f"--advertise-client-urls=http://127.0.0.1:{etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    )
    start(
        "kube-apiserver",
        "kube",
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={api}",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=172.20.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--endpoint-reconciler-type=none",
    )
    try:
        _wait(folder, kubeconfig)
        start(
            "kube-controller-manager",
            "kube",
            f"--kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={manager}",
            f"--cert-dir={folder / 'certs-manager'}",
            f"--service-account-private-key-file={key}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        )
        yield kubeconfig
    finally:
        # The API server before etcd, or its shutdown hangs.
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(folder: Path, kubeconfig: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={kubeconfig}", "get", "--raw=/readyz"],
            executable=BIN / "kube",
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return
        time.sleep(0.3)
    raise AssertionError((folder / "kube-apiserver.log").read_text()[-4000:])
