"""The pods of the MLflow server: the server itself, and the jobs over its database and artifacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from cluster import namespaces as ns
from cluster import restricted
from cluster.guardrails.flows import MLFLOW_LABELS
from cluster.guardrails.priorities import PLATFORM, Priority
from cluster.labels import Manifest, labels
from cluster.mesh import principal
from cluster.node_labels import ON_SYSTEM_NODES
from cluster.pod_identity import region
from foundation.retention import UNDO_DAYS
from foundation.stack import Stack
from mlops.mlflow_server.retention import Kept
from mlops.secret_delivery import FOLDER

PORT: Final = 5000
METRICS_PORT: Final = 9464
COMMAND: Final = "parapet-mlflow"
APP: Final = "parapet"
"""The app of the image: MLflow's own log-in and permissions, with an audit trail."""
RDS_CA: Final = "/opt/parapet/rds-ca.pem"
"""Where the image has the certificates of RDS's authorities."""
USER: Final = 10001
COMPONENT: Final = "app.kubernetes.io/component"
SERVER: Final = "server"
WORKERS: Final = 2

SERVER_RESOURCES: Final = {
    "requests": {"cpu": "500m", "memory": "2Gi", "ephemeral-storage": "1Gi"},
    "limits": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "4Gi"},
}
"""Each worker takes half a GiB before it serves anybody, and holds parts of the artifacts that stream through it."""
JOB_RESOURCES: Final = {
    "requests": {"cpu": "250m", "memory": "1Gi", "ephemeral-storage": "256Mi"},
    "limits": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "1Gi"},
}


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What the pods are told of the world around them."""

    stack: Stack
    image: pulumi.Input[str]
    """With its digest."""
    database_address: pulumi.Input[str]
    database_port: pulumi.Input[int]
    database_name: pulumi.Input[str]
    database_secret_arn: pulumi.Input[str]
    bucket: pulumi.Input[str]
    prefix: str
    key_arn: pulumi.Input[str]
    """The key of the artifacts class."""
    hosts: Sequence[str]
    """The host names, with their ports where not the scheme's own, that clients may call the server by."""
    origins: Sequence[str]
    """Where pages come from that may call the server, such as https://mlflow.example.com."""
    audit_log_group: pulumi.Input[str]
    promoters: Sequence[str]
    """The accounts that promote models."""
    sign_on: str
    """The identity provider, as the image reads it; empty for none."""
    kept: Sequence[Kept]
    """How long what was deleted is kept, by kind."""
    volume: Manifest
    mount: Manifest
    """The secrets, as `SecretDelivery` has them."""


def server(args: PodArgs) -> Manifest:
    """The template of the server's pods."""
    health = {
        "path": "/health",
        "port": "http",
        # A probe calls the pod by its address, which is no name of the server's.
        "httpHeaders": [{"name": "Host", "value": args.hosts[0]}],
    }
    container = {
        "ports": [{"name": "http", "containerPort": PORT}, {"name": "metrics", "containerPort": METRICS_PORT}],
        "resources": SERVER_RESOURCES,
        # Some seconds for the interpreter and MLflow's imports; a cold node takes its time to read the image.
        "startupProbe": {"httpGet": health, "periodSeconds": 5, "failureThreshold": 36},
        "readinessProbe": {"httpGet": health, "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 3},
        "livenessProbe": {"httpGet": health, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 3},
        # The gateway's list of endpoints is a moment behind: nothing must arrive at a server that has ended.
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
    }
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector()},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    arguments = [SERVER, "--app-name", APP, "--host", "0.0.0.0", "--port", str(PORT), "--workers", str(WORKERS)]  # noqa: S104 (the pod's own addresses)
    arguments += [*_stores(args), "--serve-artifacts"]
    arguments += ["--allowed-hosts", ",".join(args.hosts), "--cors-allowed-origins", ",".join(args.origins)]
    arguments += ["--expose-prometheus", "/tmp/prometheus"]  # noqa: S108 (a volume of the pod's own)
    # Scraped through the proxy, at its own port.
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS_PORT),
        "prometheus.io/path": "/metrics",
    }
    return _template(
        args, SERVER, arguments, container, PLATFORM, {"topologySpreadConstraints": spread}, annotations=scraped
    )


def migration(args: PodArgs) -> Manifest:
    """The template of the job that brings the database's tables to the image's version."""
    return _job(args, "migration", ["migrate", *_database(args)], PLATFORM)


def garbage_collection(args: PodArgs) -> Manifest:
    """The template of the job that removes what was deleted long ago, artifacts included.

    What no setting names is kept as long as a deleted object in the bucket.
    """
    kept = [argument for each in args.kept for argument in ("--keep", f"{each.kind}={each.days}d")]
    arguments = ["gc", *_stores(args), "--older-than", f"{UNDO_DAYS}d", *kept, "--old-versions-days", str(UNDO_DAYS)]
    return _job(args, "garbage-collection", arguments, PLATFORM)


def selector(component: str = SERVER) -> dict[str, str]:
    """The labels by which a Service and a Deployment find the pods."""
    return {**MLFLOW_LABELS, COMPONENT: component}


def _job(args: PodArgs, component: str, arguments: list[pulumi.Input[str]], priority: Priority) -> Manifest:
    return _template(args, component, arguments, {"resources": JOB_RESOURCES}, priority, {"restartPolicy": "OnFailure"})


def _stores(args: PodArgs) -> list[pulumi.Input[str]]:
    artifacts = pulumi.Output.format("s3://{0}/{1}", args.bucket, args.prefix)
    return [*_database(args), "--artifacts-destination", artifacts]


def _database(args: PodArgs) -> list[pulumi.Input[str]]:
    # The user and the password are in a file: nothing secret is in an argument. `verify-full` holds the server to a
    # certificate of RDS's own authorities with the name that is asked for (Amazon RDS User Guide, "Using SSL with a
    # PostgreSQL DB instance").
    address = pulumi.Output.format(
        "postgresql+psycopg://{0}:{1}/{2}?sslmode=verify-full&sslrootcert={3}",
        args.database_address,
        args.database_port,
        args.database_name,
        RDS_CA,
    )
    return ["--backend-store-uri", address]


def _environment(args: PodArgs) -> list[dict[str, Any]]:
    encryption = pulumi.Output.json_dumps({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": args.key_arn})
    variables: Mapping[str, pulumi.Input[str]] = {
        **region(args.stack),
        "HOME": "/tmp",  # noqa: S108 (a volume of the pod's own)
        # A bucket of this name in another account is not ours (Amazon S3 User Guide, "Verifying bucket ownership").
        "MLFLOW_S3_EXPECTED_BUCKET_OWNER": args.stack.account.id,
        "MLFLOW_S3_UPLOAD_EXTRA_ARGS": encryption,
        "PARAPET_AUDIT_LOG_GROUP": args.audit_log_group,
        "PARAPET_DATABASE_SECRET_ARN": args.database_secret_arn,
        "PARAPET_GATEWAY": f"spiffe://{principal(ns.INGRESS.name, ns.INGRESS.service_account)}",
        "PARAPET_METRICS_PORT": str(METRICS_PORT),
        "PARAPET_PROMOTERS": " ".join(args.promoters),
        "PARAPET_SECRETS_DIR": FOLDER,
        **({"PARAPET_SIGN_ON": args.sign_on} if args.sign_on else {}),
    }
    return [{"name": name, "value": value} for name, value in variables.items()]


def _template(
    args: PodArgs,
    component: str,
    arguments: Sequence[pulumi.Input[str]],
    container: Manifest,
    priority: Priority,
    pod: Manifest,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    return {
        "metadata": {
            "labels": {**labels(args.stack.owner, ns.MLFLOW.data_class), **selector(component)},
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": {
            "serviceAccountName": ns.MLFLOW.service_account,
            # AWS knows the pod by EKS Pod Identity, and it has nothing to say to the Kubernetes API.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "priorityClassName": priority.name,
            "terminationGracePeriodSeconds": 60,
            # It keeps everybody's passwords, and so is nobody's neighbour.
            **ON_SYSTEM_NODES,
            "securityContext": restricted.pod(USER),
            "containers": [
                {
                    "name": "mlflow",
                    "image": args.image,
                    "command": [COMMAND],
                    "args": list(arguments),
                    "env": _environment(args),
                    "volumeMounts": [args.mount, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (its own)
                    "securityContext": restricted.CONTAINER,
                    **container,
                }
            ],
            "volumes": [args.volume, {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}}],
            **pod,
        },
    }
