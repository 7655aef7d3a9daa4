"""Prometheus: its pod's own arguments and configuration, at a loopback address.

A pod's address is KWOK's here, and nobody answers there. So what its configuration finds by the API server is found in
a file, with the same labels, and asked where the pod's process is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.live.standing import Replica

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


def configure(told: Mapping[str, str], folder: Path, alerts_to: str, itself: str) -> None:
    """Writes its configuration and rules, which are those of its ConfigMap but for how pods are found, where they are
    asked, and where Alertmanager and it `itself` are."""
    rule_files, text = _here(told[CONFIGURATION], folder, alerts_to, itself)
    for name in rule_files:
        (folder / name).write_text(told[name])
    (folder / CONFIGURATION).write_text(text)


@lru_cache(8)  # each look asks, and it changes seldom
def _here(text: str, folder: Path, alerts_to: str, itself: str) -> tuple[tuple[str, ...], str]:
    """The names of its files of rules, and its configuration."""
    content = yaml.load(text, yaml.CSafeLoader)
    for each in content.get("alerting", {}).get("alertmanagers", []):
        each["static_configs"] = [{"targets": [alerts_to]}]
    for job in content["scrape_configs"]:
        if job.pop(DISCOVERY, None) is None:  # Alertmanager, which is asked where alerts are sent, or it itself
            own = job["static_configs"] == [{"targets": [f"127.0.0.1:{PORT}"]}]
            job["static_configs"] = [{"targets": [itself if own else alerts_to]}]
            continue
        job["file_sd_configs"] = [{"files": [str(folder / TARGETS)], "refresh_interval": "5s"}]
        job["metrics_path"] = "/metrics"  # of the process itself, which its proxy would hand on
        job["relabel_configs"] = [
            *job.get("relabel_configs", []),
            {"source_labels": [HERE], "target_label": "__address__"},
        ]
    return tuple(content.get("rule_files", [])), yaml.dump(content, Dumper=yaml.CSafeDumper)


def tell(replicas: Iterable[Replica], folder: Path) -> None:
    """Writes which pods' processes there are, as discovery tells them: one for each port of each container
    (Prometheus, "Configuration", kubernetes_sd_config, role pod)."""
    text = json.dumps([each for replica in replicas if replica.runs for each in targets(replica)], sort_keys=True)
    file = folder / TARGETS
    if folder.exists() and not (file.exists() and file.read_text() == text):
        staged = file.with_suffix(".new")
        staged.write_text(text)
        staged.replace(file)


def targets(replica: Replica) -> list[dict[str, Any]]:
    """Those of one pod, of the ports that its process listens at."""
    meta, status = replica.pod["metadata"], replica.pod.get("status", {})
    common = {
        "__meta_kubernetes_namespace": meta["namespace"],
        "__meta_kubernetes_pod_name": meta["name"],
        "__meta_kubernetes_pod_phase": status.get("phase", ""),
        "__meta_kubernetes_pod_ip": status.get("podIP", ""),
        **{f"__meta_kubernetes_pod_label_{_written(name)}": value for name, value in meta.get("labels", {}).items()},
    }
    found = []
    for each in replica.pod["spec"]["containers"]:
        for port in each.get("ports", []):
            if here := replica.workload.ports.get(port.get("name", "")):
                own = {
                    "__meta_kubernetes_pod_container_name": each["name"],
                    "__meta_kubernetes_pod_container_port_name": port["name"],
                    "__meta_kubernetes_pod_container_port_number": str(port["containerPort"]),
                    HERE: f"127.0.0.1:{here}",
                }
                found.append(
                    {"targets": [f"{status.get('podIP', '')}:{port['containerPort']}"], "labels": common | own}
                )
    return found


def _written(name: str) -> str:
    """A label's name, as discovery writes it."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
