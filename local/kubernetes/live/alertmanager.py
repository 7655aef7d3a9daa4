"""Alertmanager: its pod's own arguments and configuration, at a loopback address, against this machine's AWS API."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.live.karpenter import FORGOTTEN
from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.workloads.secrets import agent

ADDRESS = 12
"""The last number of its address."""
PORT = 9093
CONTAINER = "alertmanager"
CONFIGURATION = "alertmanager.yaml"


def process(pod: Mapping[str, Any], place: Place) -> Process:
    """The process; `CONFIGURATION` is in its folder by then (`configure`). It signs as the role of its service account,
    with what the agent of Pod Identity hands out. Raises LookupError where the pod has no such container."""
    of = container(pod, CONTAINER)
    at = address(place)
    own = {
        "config.file": str(place.folder / CONFIGURATION),
        "storage.path": str(place.folder / "data"),
        "web.listen-address": at,
    }
    arguments = [each for each in of["args"] if not each.startswith(tuple(f"--{name}=" for name in own))]
    command = (
        str(place.workspace.bin / "alertmanager"),
        *arguments,
        *(f"--{name}={value}" for name, value in own.items()),
    )
    role = agent(place.endpoint, pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"])
    told = {name: value for name, value in variables(pod, of).items() if name not in FORGOTTEN}
    environment = {
        **told,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": role,
        # No instance answers here; a real one would be another's.
        "AWS_EC2_METADATA_DISABLED": "true",
        "GOMAXPROCS": "1",
    }
    return Process(command, environment, f"http://{at}/-/ready")


def address(place: Place) -> str:
    """Where it listens, with its port."""
    return f"{place.address(ADDRESS)}:{PORT}"


def configure(text: str, place: Place) -> None:
    """Writes its configuration, which is `text` but for where SNS is."""
    write(text, place.folder / CONFIGURATION, place.endpoint)


def write(text: str, file: Path, endpoint: str) -> None:
    """The same, of any file and any place of SNS."""
    file.write_text(_with_sns_at(text, endpoint))


@lru_cache(8)  # each look asks, and it changes seldom
def _with_sns_at(text: str, endpoint: str) -> str:
    content = yaml.load(text, yaml.CSafeLoader)
    for receiver in content["receivers"]:
        for each in receiver.get("sns_configs", []):
            each["api_url"] = endpoint
    return yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False)
