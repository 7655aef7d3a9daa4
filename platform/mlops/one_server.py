"""What a server is made of that stands once in the namespace `judging`: Prometheus, and Alertmanager beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster import restricted
from cluster.labels import Manifest, labels
from cluster.node_labels import ON_SYSTEM_NODES
from foundation.stack import Stack

USER: Final = 65534
"""Of the images of both."""


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    """Of the container, and of the ConfigMap that is mounted at `folder`."""
    image: str
    """Its entry in `images.yaml`."""
    selector: Mapping[str, str]
    """The label that its pods alone have."""
    service_account: str
    asks_kubernetes: bool
    """Whether its pod gets a token for the Kubernetes API."""
    port: int
    arguments: Sequence[str]
    folder: str
    data: str
    """Where it may write."""
    size: str
    """How much."""
    resources: Mapping[str, Any]
    environment: Mapping[str, pulumi.Input[str]]


def service(
    name: str, meta: Manifest, selector: Mapping[str, str], port: int, opts: pulumi.ResourceOptions
) -> kubernetes.core.v1.Service:
    """By which others in the cluster find it."""
    spec: Manifest = {
        "type": "ClusterIP",
        "selector": selector,
        "ports": [{"name": "http", "port": port, "targetPort": "http", "appProtocol": "http"}],
    }
    # It has no endpoint before there is a pod, and the pod comes after it.
    annotated: Manifest = {**meta, "annotations": {"pulumi.com/skipAwait": "true"}}
    return kubernetes.core.v1.Service(name, metadata=annotated, spec=spec, opts=opts)


def deployment(stack: Stack, server: Server, digest: pulumi.Input[str]) -> Manifest:
    """One replica, and none beside it while it is replaced; a new one for each `digest` of its configuration."""
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": server.selector},
        "template": {
            "metadata": {
                "labels": {**labels(stack.owner, ns.JUDGING.data_class), **server.selector},
                # It reads its configuration once.
                "annotations": {"parapet.dev/configuration": digest},
            },
            "spec": {
                "serviceAccountName": server.service_account,
                "automountServiceAccountToken": server.asks_kubernetes,
                "enableServiceLinks": False,
                "priorityClassName": "system-cluster-critical",
                **ON_SYSTEM_NODES,
                "securityContext": restricted.pod(USER),
                "containers": [_container(stack, server)],
                "volumes": [
                    {"name": "configuration", "configMap": {"name": server.name}},
                    {"name": "data", "emptyDir": {"sizeLimit": server.size}},
                ],
            },
        },
    }


def _container(stack: Stack, server: Server) -> Manifest:
    def probe(path: str) -> Manifest:
        return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 5, "timeoutSeconds": 3}

    environment = [{"name": name, "value": value} for name, value in server.environment.items()]
    return {
        "name": server.name,
        "image": stack.image(server.image),
        "args": list(server.arguments),
        **({"env": environment} if environment else {}),
        "ports": [{"name": "http", "containerPort": server.port}],
        "securityContext": restricted.CONTAINER,
        "resources": server.resources,
        "readinessProbe": probe("/-/ready"),
        "livenessProbe": {**probe("/-/healthy"), "periodSeconds": 20},
        "volumeMounts": [
            {"name": "configuration", "mountPath": server.folder, "readOnly": True},
            {"name": "data", "mountPath": server.data},
        ],
    }
