"""The pods of Kubeflow Pipelines' own programs: one of each, on the platform's nodes.

The least that runs a pipeline of its second kind: the API with its database, the agent that tells it how runs go, Argo
Workflows' controller, and ML Metadata, which drivers and launchers write lineage to. Left out of the release: the page,
with its viewers and visualisations, MinIO and MySQL, the cache of the first kind, recurring runs, and what writes
lineage for pipelines of the first kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import pulumi

from cluster import images, restricted
from cluster import namespaces as ns
from cluster.guardrails import flows
from cluster.labels import Manifest, labels
from cluster.node_labels import ON_SYSTEM_NODES
from foundation.stack import Stack
from mlops.mlflow_server import pod as mlflow
from mlops.pipelines.configuration import AUTHORITIES, RDS_CA, step_images
from mlops.pipelines.rights import AGENT, API, CONFIGURATION, CONTROLLER, METADATA, STEPS

HTTP: Final = 8888
GRPC: Final = 8887
LINEAGE: Final = 8080
HEALTH: Final = 6060
USER: Final = 1000
"""Whom the release runs all but the controller as; that one as its image's own."""
CONTROLLER_USER: Final = 8737
CONTROLLER_LABELS: Final = {"app.kubernetes.io/name": CONTROLLER}
RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
CHECKSUM: Final = "parapet.dev/configuration"


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What the pods are told of the world around them."""

    stack: Stack
    database_address: pulumi.Input[str]
    database_port: pulumi.Input[int]
    secrets: Mapping[str, tuple[Manifest, Manifest]]
    """The volume of the database's name and password, and its mount, by account."""
    configuration: Mapping[str, pulumi.Input[str]]
    """What each reads at its start, by account."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One of the deployments."""

    name: str
    labels: Mapping[str, str]
    account: str
    pod: Manifest


def programs(args: PodArgs) -> list[Program]:
    """All four."""
    return [
        Program(name=API, labels=flows.RUNS, account=API, pod=_api(args)),
        Program(name=AGENT, labels=flows.AGENT, account=AGENT, pod=_agent(args)),
        Program(name=METADATA, labels=flows.METADATA, account=METADATA, pod=_metadata(args)),
        Program(name=CONTROLLER, labels=CONTROLLER_LABELS, account=CONTROLLER, pod=_controller(args)),
    ]


def deployment(args: PodArgs, program: Program) -> Manifest:
    """One replica, the old one gone before the new one comes: two of the controller, or of what changes the tables at
    its start, would be in each other's way. A run that goes on meanwhile goes on."""
    told = args.configuration.get(program.account, "")
    annotations = {CHECKSUM: pulumi.Output.from_input(told).apply(lambda text: sha256(text.encode()).hexdigest()[:16])}
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": dict(program.labels)},
        "template": {
            "metadata": {
                "labels": {**labels(args.stack.owner, ns.KUBEFLOW.data_class), **program.labels},
                "annotations": annotations,
            },
            "spec": {
                "serviceAccountName": program.account,
                "enableServiceLinks": False,
                **ON_SYSTEM_NODES,
                **program.pod,
            },
        },
    }


def _api(args: PodArgs) -> Manifest:
    health = {"httpGet": {"path": "/apis/v1beta1/healthz", "port": "http"}, "periodSeconds": 5, "timeoutSeconds": 3}
    volume, mount = args.secrets[API]
    container = {
        "image": args.stack.image(images.KFP_API),
        "command": ["/bin/sh", "/etc/kubeflow/serve.sh"],
        "env": [
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            *_variables({**step_images(args.stack), "PIPELINE_LOG_LEVEL": "1", "PUBLISH_LOGS": "false"}),
            # Beside the image's own authorities (golang.org/pkg/crypto/x509, SystemCertPool).
            *_variables({"SSL_CERT_DIR": AUTHORITIES}),
        ],
        "ports": [{"name": "http", "containerPort": HTTP}, {"name": "grpc", "containerPort": GRPC}],
        # It makes its tables first.
        "startupProbe": {**health, "failureThreshold": 60},
        "readinessProbe": health,
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 3},
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/kubeflow", "readOnly": True},
            *_mounts(mount),
        ],
    }
    return _pod(
        args, API, container, [{"name": "configuration", "configMap": {"name": API}}, *_volumes(volume)], token=True
    )


def _metadata(args: PodArgs) -> Manifest:
    alive = {"tcpSocket": {"port": "grpc"}, "periodSeconds": 5, "timeoutSeconds": 3}
    volume, mount = args.secrets[METADATA]
    container = {
        "image": args.stack.image(images.METADATA_STORE),
        "command": ["/bin/sh", "/etc/metadata/serve.sh"],
        "env": _variables(
            {
                "DATABASE_HOST": args.database_address,
                "DATABASE_PORT": pulumi.Output.from_input(args.database_port).apply(str),
            }
        ),
        "ports": [{"name": "grpc", "containerPort": LINEAGE}],
        "startupProbe": {**alive, "failureThreshold": 60},
        "readinessProbe": alive,
        "livenessProbe": {**alive, "periodSeconds": 20},
        "volumeMounts": [
            {"name": "scripts", "mountPath": "/etc/metadata", "readOnly": True},
            {"name": "configuration", "mountPath": "/configuration"},
            *_mounts(mount),
        ],
    }
    volumes = [
        {"name": "scripts", "configMap": {"name": METADATA}},
        # The password is in it.
        {"name": "configuration", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        *_volumes(volume),
    ]
    return _pod(args, METADATA, container, volumes, token=False)


def _agent(args: PodArgs) -> Manifest:
    """It shows the API a token that is for it alone (backend/src/agent/persistence, README)."""
    token = {
        "name": "token",
        "projected": {
            "sources": [
                {
                    "serviceAccountToken": {
                        "path": "persistenceagent-sa-token",
                        "expirationSeconds": 3600,
                        "audience": "pipelines.kubeflow.org",
                    }
                }
            ]
        },
    }
    container = {
        "image": args.stack.image(images.KFP_AGENT),
        "command": ["persistence_agent"],
        "args": [
            "--logtostderr=true",
            "--logLevel=info",
            f"--namespace={STEPS}",
            f"--mlPipelineAPIServerName={API}",
            "--ttlSecondsAfterWorkflowFinish=86400",
            "--numWorker=2",
            "--executionType=Workflow",
        ],
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubeflow/tokens", "readOnly": True}],
    }
    return _pod(args, AGENT, container, [token], token=True)


def _controller(args: PodArgs) -> Manifest:
    container = {
        "image": args.stack.image(images.WORKFLOW_CONTROLLER),
        "command": ["workflow-controller"],
        "args": [
            f"--configmap={CONFIGURATION}",
            "--namespaced",
            f"--managed-namespace={STEPS}",
            "--log-format=json",
            "--loglevel=info",
        ],
        # Each flag may be a variable too (argo-workflows v4.0.5, cmd/workflow-controller/main.go).
        "env": _variables(
            {"ARGO_EXECUTOR_IMAGE": args.stack.image(images.ARGOEXEC), "LEADER_ELECTION_DISABLE": "true"}
        ),
        "ports": [{"name": "health", "containerPort": HEALTH}],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "health"},
            "initialDelaySeconds": 90,
            "periodSeconds": 60,
            "timeoutSeconds": 30,
        },
    }
    return _pod(args, CONTROLLER, container, [], token=True, user=CONTROLLER_USER)


def _pod(
    args: PodArgs, name: str, container: Manifest, volumes: Sequence[Manifest], *, token: bool, user: int = USER
) -> Manifest:
    database = name in args.secrets
    return {
        "automountServiceAccountToken": token,
        "securityContext": restricted.pod(user),
        **({"initContainers": [_authorities(args.stack)]} if database else {}),
        "containers": [
            {
                "name": name,
                **container,
                "securityContext": restricted.CONTAINER,
                "resources": RESOURCES,
                "volumeMounts": [*container.get("volumeMounts", []), {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (its own)
            }
        ],
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }


def _authorities(stack: Stack) -> Manifest:
    """MLflow's image has the certificates of RDS's authorities, by their sum; the makers' images here have none."""
    return {
        "name": "authorities",
        "image": stack.image(images.MLFLOW),
        "command": ["cp", mlflow.RDS_CA, RDS_CA],
        "securityContext": restricted.CONTAINER,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "authorities", "mountPath": AUTHORITIES}],
    }


def _mounts(secrets: Manifest) -> list[Manifest]:
    return [secrets, {"name": "authorities", "mountPath": AUTHORITIES, "readOnly": True}]


def _volumes(secrets: Manifest) -> list[Manifest]:
    return [secrets, {"name": "authorities", "emptyDir": {"sizeLimit": "8Mi"}}]


def _variables(values: Mapping[str, pulumi.Input[str]]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]
