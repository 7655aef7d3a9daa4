"""How busy the GPUs are, and whether they fail: the DCGM exporter."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images, restricted
from cluster import namespaces as ns
from cluster.labels import Manifest, labels, metadata
from cluster.node_labels import GPU_NODES, TOLERATIONS
from foundation.stack import Stack

NAME: Final = "dcgm-exporter"
PORT: Final = 9400
USER: Final = 1000
"""Not root, which only the profiling fields need (NVIDIA/dcgm-exporter, docker/Dockerfile, "Security Note")."""
FOLDER: Final = "/etc/parapet"
FILE: Final = "counters.csv"
COUNTERS: Final = (
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %)."),
    ("DCGM_FI_DEV_FB_USED", "gauge", "Memory in use (in MiB)."),
    ("DCGM_FI_DEV_FB_FREE", "gauge", "Memory free (in MiB)."),
    ("DCGM_FI_DEV_SM_CLOCK", "gauge", "Clock of the multiprocessors (in MHz)."),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", "Temperature (in C)."),
    ("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W)."),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "Energy since the driver was loaded (in mJ)."),
    ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "counter", "Transfers over PCIe that were tried again."),
    ("DCGM_FI_DEV_XID_ERRORS", "gauge", "The last error of the driver (XID)."),
    ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "counter", "Errors of two bits, which cannot be corrected."),
    ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "counter", "Rows of memory taken out of use."),
    ("DCGM_FI_DEV_ROW_REMAP_FAILURE", "gauge", "Whether a bad row could not be taken out of use."),
)
"""Field, kind and help. The profiling fields (DCGM_FI_PROF_*) are left out: they take root and SYS_ADMIN."""


@dataclass(frozen=True, kw_only=True)
class GpuMetricsArgs:
    stack: Stack
    after: Sequence[pulumi.Resource]
    """The namespaces, and a network for pods."""


class GpuMetrics(pulumi.ComponentResource):
    """On every GPU node and nowhere else, an exporter without root, capability, token or way to the node's files.

    A metric names the GPU, its MIG instance and the node. It does not name the pod, which would take root: the kubelet
    tells that at a socket of root's. The exporter sees the GPUs as NVIDIA's container runtime shows them to an image
    that asks for all, without taking one from the device plugin.
    """

    def __init__(self, name: str, args: GpuMetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:GpuMetrics", name, {"counters": len(COUNTERS)}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        meta = metadata(NAME, args.stack.owner, namespace=ns.GPU_SOFTWARE.name)
        counters = kubernetes.core.v1.ConfigMap(f"{name}-{NAME}", metadata=meta, data={FILE: counters_file()}, opts=own)
        kubernetes.apps.v1.DaemonSet(
            f"{name}-{NAME}",
            metadata=meta,
            spec=_daemon_set(args.stack),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[counters]),
        )
        # Headless: each node's exporter is asked by itself.
        spec: Manifest = {"clusterIP": "None", "selector": _SELECTOR, "ports": [{"name": "metrics", "port": PORT}]}
        kubernetes.core.v1.Service(
            f"{name}-{NAME}",
            # Where no GPU node is up it has no endpoint, and an update would wait for one.
            metadata={**meta, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec=spec,
            opts=own,
        )
        self.register_outputs({})


_SELECTOR: Final = {"app.kubernetes.io/name": NAME}


def counters_file() -> str:
    """The fields, as the exporter reads them."""
    return "".join(f"{', '.join(counter)}\n" for counter in COUNTERS)


def _daemon_set(stack: Stack) -> Manifest:
    changed = {"parapet.dev/counters": sha256(counters_file().encode()).hexdigest()[:16]}
    return {
        "selector": {"matchLabels": _SELECTOR},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {
            "metadata": {
                "labels": {**labels(stack.owner, ns.GPU_SOFTWARE.data_class), **_SELECTOR},
                "annotations": changed,
            },
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "priorityClassName": "system-node-critical",
                "nodeSelector": GPU_NODES,
                "tolerations": TOLERATIONS,
                "securityContext": restricted.pod(USER, owns_volumes=False),
                "containers": [_container(stack)],
                "volumes": [
                    {"name": "counters", "configMap": {"name": NAME}},
                    {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                ],
            },
        },
    }


def _container(stack: Stack) -> Manifest:
    health = {"httpGet": {"path": "/health", "port": "metrics"}, "initialDelaySeconds": 45, "periodSeconds": 10}
    return {
        "name": "exporter",
        "image": stack.image(images.DCGM_EXPORTER),
        "args": ["--collectors", f"{FOLDER}/{FILE}", "--address", f":{PORT}"],
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "securityContext": restricted.CONTAINER,
        # What names a metric's node; inside a pod the host's name is the pod's.
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "200m", "memory": "512Mi"},
        },
        "readinessProbe": health,
        "livenessProbe": health,
        "volumeMounts": [
            {"name": "counters", "mountPath": FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a volume of the pod's own)
        ],
    }
