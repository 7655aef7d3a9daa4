"""New versions by and by: Argo Rollouts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import images, restricted
from cluster import namespaces as ns
from cluster.chart import chart
from cluster.labels import Manifest, labels, metadata
from cluster.node_labels import ON_SYSTEM_NODES
from cluster.rollouts_rights import rollouts_rights
from foundation.stack import Stack

NAME: Final = "argo-rollouts"
CONTAINER: Final = "controller"
REPLICAS: Final = 2
METRICS_PORT: Final = 8090
HEALTH_PORT: Final = 8080
USER: Final = 999
"""The image's own (argo-rollouts, Dockerfile)."""
SELECTOR: Final = {"app.kubernetes.io/name": NAME}
RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}


@dataclass(frozen=True, kw_only=True)
class RolloutsArgs:
    stack: Stack
    chart_passwords: Mapping[str, pulumi.Input[str]]
    """What opens the stack's registry for its charts."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    after: Sequence[pulumi.Resource]
    """Nodes for the controller, and the mesh that it is part of."""


class Rollouts(pulumi.ComponentResource):
    """Argo Rollouts: its kinds, and a controller that writes in the namespace of models alone.

    Of its two replicas one leads, and the other takes over within seconds. Without both, what serves goes on serving,
    and no version moves.
    """

    def __init__(self, name: str, args: RolloutsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Rollouts", name, {"image": images.ROLLOUTS}, opts)
        # As early as can be: a quota knows no number of a kind that is new until the controller manager counts anew,
        # in up to five minutes, and refuses every object of it meanwhile (`guardrails/quotas.py`).
        kinds = chart(
            f"{name}-argo-rollouts-crd",
            "argo-rollouts-crd",
            chart=images.ROLLOUTS_CRD_CHART,
            stack=args.stack,
            passwords=args.chart_passwords,
            namespace=ns.ROLLOUTS.name,
            values={},
            parent=self,
            depends_on=[each for each in (args.namespaces.get(ns.ROLLOUTS.name),) if each],
        )
        rights = rollouts_rights(f"{name}-rollouts", args.stack.owner, args.namespaces, self)
        meta = metadata(NAME, args.stack.owner, namespace=ns.ROLLOUTS.name, data_class=ns.ROLLOUTS.data_class)
        kubernetes.apps.v1.Deployment(
            f"{name}-{NAME}",
            metadata=meta,
            spec=deployment(args.stack),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[kinds, *rights, *args.after]),
        )
        budget: Manifest = {"maxUnavailable": 1, "selector": {"matchLabels": SELECTOR}}
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-{NAME}",
            metadata=meta,
            spec=budget,
            opts=ns.inside(ns.ROLLOUTS.name, args.namespaces, self),
        )
        self.register_outputs({})


def deployment(stack: Stack) -> Manifest:
    """Two replicas on two nodes, if there are two."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": SELECTOR},
    }
    return {
        "replicas": REPLICAS,
        "selector": {"matchLabels": SELECTOR},
        "template": {
            "metadata": {
                "labels": {**labels(stack.owner, ns.ROLLOUTS.data_class), **SELECTOR},
                # Scraped through the proxy, at its own port.
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)},
            },
            "spec": {
                "serviceAccountName": ns.ROLLOUTS.service_account,
                "automountServiceAccountToken": True,
                "enableServiceLinks": False,
                "priorityClassName": "system-cluster-critical",
                **ON_SYSTEM_NODES,
                "topologySpreadConstraints": [spread],
                "securityContext": restricted.pod(USER, owns_volumes=False),
                "containers": [_container(stack)],
                "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
            },
        },
    }


def _container(stack: Stack) -> Manifest:
    health = {"httpGet": {"path": "/healthz", "port": "health"}}
    return {
        "name": CONTAINER,
        "image": stack.image(images.ROLLOUTS),
        "args": [
            f"--metricsPort={METRICS_PORT}",
            f"--healthzPort={HEALTH_PORT}",
            "--logformat=json",
            "--loglevel=info",
        ],
        "ports": [
            {"name": "metrics", "containerPort": METRICS_PORT},
            {"name": "health", "containerPort": HEALTH_PORT},
        ],
        "securityContext": restricted.CONTAINER,
        "resources": RESOURCES,
        "readinessProbe": {**health, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**health, "initialDelaySeconds": 30, "periodSeconds": 20, "timeoutSeconds": 10},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (a volume of the pod's own)
    }
