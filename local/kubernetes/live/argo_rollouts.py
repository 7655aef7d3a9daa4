"""Argo Rollouts' controller: its pod's own arguments, against the API server of this machine."""

from collections.abc import Mapping
from typing import Any

from local.kubernetes.live import prometheus
from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.live.tokens import KUBECONFIG

BINARY = "argo-rollouts"
CONTAINER = "controller"


def process(pod: Mapping[str, Any], place: Place, ports: tuple[int, int]) -> Process:
    """The process; `ports` are those for its metrics and for its health.

    It knows ports alone, and is built for loopback (`local/toolchain/live.py`). Its pod is one of two, of which another
    would lead: here it is the only one. Raises LookupError where the pod has no such container.
    """
    of = container(pod, CONTAINER)
    own = {"metricsPort": ports[0], "healthzPort": ports[1]}
    arguments = [each for each in of.get("args", []) if not each.startswith(tuple(f"--{name}=" for name in own))]
    command = (
        str(place.workspace.bin / BINARY),
        *arguments,
        f"--kubeconfig={place.folder / KUBECONFIG}",
        # A kubeconfig says no namespace, where the token's folder in a pod does.
        f"--namespace={pod['metadata']['namespace']}",
        *(f"--{name}={port}" for name, port in own.items()),
        "--leader-elect=false",
    )
    # What its pod asks by a Service's name is asked of Prometheus at once, which answers a proxy's requests as its own.
    environment = {**variables(pod, of), "HTTP_PROXY": f"http://{prometheus.address(place)}", "GOMAXPROCS": "1"}
    return Process(command, environment, f"http://127.0.0.1:{ports[1]}/healthz")
