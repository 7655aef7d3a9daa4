"""Argo Rollouts' controller. The stack brings its kinds and not yet its Deployment, so it stands for no pod: it has a
certificate of its own, in the name of the account that its release has and with the rights of the role that it ships.
"""

import yaml

from local.files import write_private
from local.kubernetes.control_plane import configuration
from local.kubernetes.live.process import Place, Process
from local.kubernetes.live.tokens import KUBECONFIG


def process(place: Place, ports: tuple[int, int]) -> Process:
    """The process; `ports` are those for its metrics and for its health."""
    metrics, health = ports
    keys = place.workspace.kubernetes / "pki"
    content = configuration.kubeconfig(keys, "rollouts-controller", int(place.server.rpartition(":")[2]))
    write_private(place.folder / KUBECONFIG, yaml.safe_dump(content, sort_keys=False).encode())
    command = (
        str(place.workspace.bin / "argo-rollouts"),
        f"--kubeconfig={place.folder / KUBECONFIG}",
        f"--metricsPort={metrics}",
        f"--healthzPort={health}",
        "--leader-elect=false",  # there is one
    )
    return Process(command, {"GOMAXPROCS": "1"}, f"http://127.0.0.1:{health}/healthz")
