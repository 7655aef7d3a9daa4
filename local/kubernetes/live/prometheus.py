"""Prometheus: its pod's own arguments and configuration, at a loopback address.

A pod's address is KWOK's here, and nobody answers there. So what its configuration finds by the API server is found in
a file, with the same labels, and asked where the pod's process is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.live.process import Place, Process, container, variables

ADDRESS = 11
"""The last number of its address."""
PORT = 9090
CONTAINER = "prometheus"
CONFIGURATION = "prometheus.yaml"
TARGETS = "targets.json"
DISCOVERY = "kubernetes_sd_configs"
HERE = "__meta_parapet_address"
"""The label of a target that says where its process is."""


def process(pod: Mapping[str, Any], place: Place) -> Process:
    """The process; `CONFIGURATION` is in its folder by then (`configure`)."""
    of = container(pod, CONTAINER)
    at = address(place)
    own = {
        "config.file": str(place.folder / CONFIGURATION),
        "storage.tsdb.path": str(place.folder / "data"),
        "web.listen-address": at,
    }
    arguments = [each for each in of["args"] if not each.startswith(tuple(f"--{name}=" for name in own))]
    command = (
        str(place.workspace.bin / "prometheus"),
        *arguments,
        *(f"--{name}={value}" for name, value in own.items()),
    )
    return Process(command, {**variables(pod, of), "GOMAXPROCS": "1"}, f"http://{at}/-/ready")


def address(place: Place) -> str:
    """Where it listens, with its port."""
    return f"{place.address(ADDRESS)}:{PORT}"


def configure(text: str, folder: Path) -> None:
    """Writes its configuration, which is `text` but for how pods are found and where they are asked."""
    content = yaml.safe_load(text)
    for job in content["scrape_configs"]:
        if job.pop(DISCOVERY, None) is None:
            continue
        job["file_sd_configs"] = [{"files": [str(folder / TARGETS)], "refresh_interval": "5s"}]
        job["metrics_path"] = "/metrics"  # of the process itself, which its proxy would hand on
        job["relabel_configs"] = [
            *job.get("relabel_configs", []),
            {"source_labels": [HERE], "target_label": "__address__"},
        ]
    (folder / CONFIGURATION).write_text(yaml.safe_dump(content))
