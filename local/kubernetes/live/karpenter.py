"""Karpenter: its pod's own variables, against the API server and the AWS API of this machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local import processes
from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.live.standing import KARPENTER
from local.kubernetes.live.tokens import KUBECONFIG
from local.kubernetes.workloads.secrets import agent

BINARY = "karpenter"
CONTAINER = "controller"
PORTS = ("METRICS_PORT", "HEALTH_PROBE_PORT")
"""The variables of what it listens at: it knows ports alone, and is built for loopback (`local/toolchain/live.py`)."""
FORGOTTEN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""No pod of EKS's has these, and they would come before its role."""


def process(pod: Mapping[str, Any], place: Place) -> Process:
    """The process, at ports that stay while it runs; raises LookupError where the pod has no such container."""
    running = processes.read(place.workspace.run, f"live-{KARPENTER}") is not None
    return of(pod, place, _ports(place.folder / "ports.json", keep=running))


def of(pod: Mapping[str, Any], place: Place, ports: Sequence[int]) -> Process:
    """The process at these ports, one for each of `PORTS`.

    It signs as the role of its service account, with what the agent of Pod Identity hands out, and so may do in AWS
    what that role may. Its pod is one of two, of which another would lead: here it is the only one.
    """
    told = variables(pod, container(pod, CONTAINER))
    meta, account = pod["metadata"], pod["spec"]["serviceAccountName"]
    own = {
        **dict(zip(PORTS, map(str, ports), strict=True)),
        "CLUSTER_ENDPOINT": place.server,
        "KUBECONFIG": str(place.folder / KUBECONFIG),
        "DISABLE_LEADER_ELECTION": "true",
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent(place.endpoint, meta["namespace"], account),
        # No instance answers here; a real one would be another's.
        "AWS_EC2_METADATA_DISABLED": "true",
        "GOMAXPROCS": "1",
    }
    return Process(
        command=(str(place.workspace.bin / BINARY),),
        environment={name: value for name, value in told.items() if name not in FORGOTTEN} | own,
        ready=f"http://127.0.0.1:{ports[PORTS.index('HEALTH_PROBE_PORT')]}/readyz",
    )


def _ports(file: Path, *, keep: bool) -> list[int]:
    """The last time's ports where they are to be kept, or are free."""
    try:
        last: list[int | None] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        last = [None] * len(PORTS)
    known = [each for each in last if each]
    if keep and len(known) == len(PORTS):
        return known
    chosen: list[int] = []
    for each in last:
        chosen.append(processes.choose_port(None, preferred=each, taken=chosen))
    file.write_text(json.dumps(chosen))
    return chosen
