"""What models say of themselves while they answer, kept for hours: the Prometheus that judges a new version."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR, PROMETHEUS
from cluster.guardrails.rollout_rules import HASH
from cluster.labels import Manifest, labels, metadata
from cluster.node_labels import ON_SYSTEM_NODES
from cluster.roles import CORE, RBAC, READ, rule
from foundation.stack import Stack

NAME: Final = "prometheus"
ROLE: Final = "parapet:judge"
PORT: Final = 9090
ADDRESS: Final = f"http://{NAME}.{ns.JUDGING.name}.svc.cluster.local:{PORT}"
USER: Final = 65534
"""The image's own."""
FOLDER: Final = "/etc/prometheus"
DATA: Final = "/prometheus"
FILE: Final = "prometheus.yaml"
RETENTION: Final = "6h"
STORED_GIB: Final = 1
LOOKS: Final = 10
"""Scrapes within what an analysis looks at; more than four, so that a rate of it has enough to go by."""
VERSION: Final = "version_hash"
MODEL: Final = "model"
NAMESPACE: Final = "namespace"
POD: Final = "pod"
"""The labels of every number: which version of which model said it, and where. Two namespaces' pods may say the same
version and model; the namespace is nobody's word but the API server's."""
ASKED: Final = (
    *("requests_total", "request_seconds_bucket", "prediction_bucket", "prediction_count", "start_time_seconds"),
)
"""The numbers that analyses ask for; no other is kept."""
_EACH: Final = {"body_size_limit": "10MB", "label_limit": 20, "label_value_length_limit": 256}
LIMITS: Final = {
    ns.MODELS.name: {**_EACH, "sample_limit": 5_000},
    ns.SERVING.name: {**_EACH, "sample_limit": 1_000, "target_limit": 400},
}
"""What one pod may say in one scrape, and how many of teams' are asked: of one that says more nothing is taken, and
where teams have more pods none of theirs is asked. So who starts a pod does not fill the memory in which the numbers of
the stack's models are."""
RESOURCES: Final = {
    "requests": {"cpu": "200m", "memory": "512Mi", "ephemeral-storage": f"{STORED_GIB}Gi"},
    "limits": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": f"{STORED_GIB + 1}Gi"},
}


def scrape_seconds(window: int) -> int:
    """How often each model is asked, where an analysis looks at so many seconds."""
    return max(1, min(15, window // LOOKS))


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    stack: Stack
    window: int
    """Seconds that an analysis looks at."""
    after: Sequence[pulumi.Resource]
    """The namespaces, the mesh and nodes."""


class Prometheus(pulumi.ComponentResource):
    """One Prometheus, which scrapes the proxies of models' pods and keeps what they said for hours, in its own pod.

    What is lost with the pod is what an analysis of that hour would have looked at: it then finds no calls, and says
    no. It finds pods by the API server, in the namespace of models alone, and runs on the platform's nodes: who breaks
    out of a model's pod is not beside what judges it.
    """

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Prometheus", name, {"image": images.PROMETHEUS}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        meta = metadata(NAME, args.stack.owner, namespace=ns.JUDGING.name, data_class=ns.JUDGING.data_class)
        text = yaml.safe_dump(configuration(args.window), sort_keys=False)
        config = kubernetes.core.v1.ConfigMap(name, metadata=meta, data={FILE: text}, opts=own)
        service: Manifest = {
            "type": "ClusterIP",
            "selector": PROMETHEUS,
            "ports": [{"name": "http", "port": PORT, "targetPort": "http", "appProtocol": "http"}],
        }
        kubernetes.core.v1.Service(
            # It has no endpoint before there is a pod, and the pod comes after it.
            name,
            metadata={**meta, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec=service,
            opts=own,
        )
        kubernetes.apps.v1.Deployment(
            name,
            metadata=meta,
            spec=deployment(args.stack, text),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[config, *args.after]),
        )
        self._rights(name, args.stack.owner, own)
        self.register_outputs({"address": ADDRESS})

    def _rights(self, name: str, owner: str, own: pulumi.ResourceOptions) -> None:
        """Its account lists the pods of models."""
        account = {"kind": "ServiceAccount", "name": ns.JUDGING.service_account, "namespace": ns.JUDGING.name}
        for called, namespace in ((name, ns.SERVING), (f"{name}-{ns.MODELS.name}", ns.MODELS)):
            meta = metadata(ROLE, owner, namespace=namespace.name)
            kubernetes.rbac.v1.Role(called, metadata=meta, rules=[rule(CORE, ["pods"], READ)], opts=own)
            kubernetes.rbac.v1.RoleBinding(
                called,
                metadata=meta,
                role_ref={"api_group": RBAC, "kind": "Role", "name": ROLE},
                subjects=[account],
                opts=own,
            )


def configuration(window: int) -> dict[str, Any]:
    """As Prometheus reads it. A proxy hands on what its model says, at a port in plain that this namespace alone
    reaches (Istio, "Prometheus", Option 1: Metrics merging)."""
    return {
        "global": {"scrape_interval": f"{scrape_seconds(window)}s", "scrape_timeout": f"{scrape_seconds(window)}s"},
        # Apart, so that nothing that teams start stands between the stack's models and who judges them.
        "scrape_configs": [_job(namespace.name) for namespace in (ns.MODELS, ns.SERVING)],
    }


def _job(namespace: str) -> dict[str, Any]:
    """How the models of a namespace are asked."""
    pod = "__meta_kubernetes_pod"
    component, value = next(iter(PREDICTOR.items()))
    return {
        "job_name": namespace,
        "metrics_path": "/stats/prometheus",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
        "relabel_configs": [
            {"source_labels": ["__meta_kubernetes_namespace"], "regex": namespace, "action": "keep"},
            {"source_labels": [f"{pod}_label_{_label(component)}"], "regex": value, "action": "keep"},
            # A pod is listed once for each port of each container.
            {"source_labels": [f"{pod}_container_port_name"], "regex": "metrics", "action": "keep"},
            {"source_labels": [f"{pod}_phase"], "regex": "Running", "action": "keep"},
            {"source_labels": [f"{pod}_ip"], "replacement": "$1:15020", "target_label": "__address__"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": NAMESPACE},
            {"source_labels": [f"{pod}_label_{_label(HASH)}"], "target_label": VERSION},
            {"source_labels": [f"{pod}_label_{_label('app.kubernetes.io/name')}"], "target_label": MODEL},
            {"source_labels": [f"{pod}_name"], "target_label": POD},
        ],
        **LIMITS[namespace],
        # A proxy's own numbers are many, as a team's may be, and no analysis asks for one.
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": f"parapet_serving_({'|'.join(ASKED)})", "action": "keep"}
        ],
    }


def _label(name: str) -> str:
    """As discovery writes a label's name (Prometheus, "Configuration", kubernetes_sd_config)."""
    return "".join(each if each.isalnum() else "_" for each in name)


def deployment(stack: Stack, text: str) -> Manifest:
    """One replica: of two each would have seen other moments."""
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": PROMETHEUS},
        "template": {
            "metadata": {
                "labels": {**labels(stack.owner, ns.JUDGING.data_class), **PROMETHEUS},
                # It reads its configuration once.
                "annotations": {"parapet.dev/configuration": sha256(text.encode()).hexdigest()[:16]},
            },
            "spec": {
                "serviceAccountName": ns.JUDGING.service_account,
                "automountServiceAccountToken": True,
                "enableServiceLinks": False,
                "priorityClassName": "system-cluster-critical",
                **ON_SYSTEM_NODES,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": USER,
                    "runAsGroup": USER,
                    "fsGroup": USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [_container(stack)],
                "volumes": [
                    {"name": "configuration", "configMap": {"name": NAME}},
                    {"name": "data", "emptyDir": {"sizeLimit": f"{STORED_GIB + 1}Gi"}},
                ],
            },
        },
    }


def _container(stack: Stack) -> Manifest:
    def probe(path: str) -> Manifest:
        return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 5, "timeoutSeconds": 3}

    return {
        "name": NAME,
        "image": stack.image(images.PROMETHEUS),
        "args": [
            f"--config.file={FOLDER}/{FILE}",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--storage.tsdb.retention.size={STORED_GIB}GB",
            f"--web.listen-address=0.0.0.0:{PORT}",
            "--log.format=json",
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": RESOURCES,
        "readinessProbe": probe("/-/ready"),
        "livenessProbe": {**probe("/-/healthy"), "periodSeconds": 20},
        "volumeMounts": [
            {"name": "configuration", "mountPath": FOLDER, "readOnly": True},
            {"name": "data", "mountPath": DATA},
        ],
    }
