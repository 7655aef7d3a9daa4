"""The pods of a model's daily check: what they are told, and what they may (`delivery/monitoring/README.md`)."""

import json
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from cluster import images, restricted
from cluster import namespaces as ns
from cluster.guardrails.flows import CHECK
from cluster.guardrails.priorities import CHECKS
from cluster.guardrails.quotas import CHECK as CHECK_SHARE
from cluster.labels import Manifest, labels
from cluster.pod_identity import region
from foundation.stack import Stack
from mlops.data_path import LABELS, PREDICTIONS, REPORTS, RUNS, Part, of_model, promoted
from mlops.serving.model import Model
from mlops.serving.pod import ANNOTATIONS, CONFIGURATION, FILE, KEY_FILE, METRICS_PORT, USER

CONTAINER: Final = "check"
COMMAND: Final = ("python", "-m", "delivery.monitoring.daily")
WINDOW_SECONDS: Final = 24 * 3600
"""How long a check's window is, where each comes in its time (`delivery/monitoring/daily/span.py`)."""
HEARD_SECONDS: Final = 60
"""For which a check that has ended answers with what it found, and is asked several times
(`mlops/prometheus.py`, CHECKED_SECONDS)."""
HEARD_TIMES: Final = 3
"""How often it is to be asked before it goes."""
WAITS_SECONDS: Final = 15 * 60
"""For which it waits for that: as long as Prometheus may need to be started anew on another node. Nobody asked at all:
the check failed, and is tried again."""
LASTS_SECONDS: Final = 3600
"""For which one may look, and wait for being asked."""
SCRATCH_GIB: Final = 8
"""Where what does not fit into memory is sorted."""
RESOURCES: Final = {
    "requests": {**CHECK_SHARE.resources["requests"], "ephemeral-storage": "2Gi"},
    "limits": {**CHECK_SHARE.resources["limits"], "ephemeral-storage": f"{SCRATCH_GIB + 1}Gi"},
}


@dataclass(frozen=True, kw_only=True)
class CheckPodArgs:
    """What the pods are told of the world around them."""

    stack: Stack
    artifacts: pulumi.Input[str]
    """The bucket of models and reports, and its key."""
    artifacts_key_arn: pulumi.Input[str]
    phi: pulumi.Input[str]
    """The bucket of what models were asked, and of what came true."""
    signing_key: pulumi.Input[str]
    """PEM: the public half of what signs models."""
    window_seconds: int = WINDOW_SECONDS


def name_labels(model: Model) -> dict[str, str]:
    """The labels by which one finds the checks of a model, and Prometheus what they found."""
    return {"app.kubernetes.io/name": model.name, **CHECK}


def template(model: Model, args: CheckPodArgs) -> Manifest:
    """The pod's template. The mesh's proxy is a sidecar of Kubernetes' own kind, which ends when the check has
    (`cluster/mesh_values.py`, ENABLE_NATIVE_SIDECARS)."""
    files = {FILE: configuration(model, args), KEY_FILE: args.signing_key}
    return {
        "metadata": {
            "labels": {**labels(args.stack.owner, ns.MONITORING.data_class), **name_labels(model)},
            "annotations": {
                # Scraped through the proxy, at its own port.
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS_PORT),
                "prometheus.io/path": "/metrics",
                **{ANNOTATIONS[file]: content for file, content in files.items()},
            },
        },
        "spec": {
            "serviceAccountName": model.check.service_account,
            # AWS knows the pod by EKS Pod Identity, and it has nothing to say to the Kubernetes API.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "priorityClassName": CHECKS.name,
            # From when a node has taken it: what it waits for room is not of it.
            "activeDeadlineSeconds": LASTS_SECONDS,
            # The Job makes another: what failed can be looked at.
            "restartPolicy": "Never",
            "securityContext": restricted.pod(USER),
            "containers": [_container(args.stack)],
            "volumes": [
                {
                    "name": "configuration",
                    "downwardAPI": {
                        "items": [
                            {"path": file, "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATIONS[file]}']"}}
                            for file in files
                        ]
                    },
                },
                {"name": "tmp", "emptyDir": {"sizeLimit": f"{SCRATCH_GIB}Gi"}},
            ],
        },
    }


def _container(stack: Stack) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": stack.image(images.PIPELINE),
        "command": list(COMMAND),
        "args": [f"{CONFIGURATION}/{FILE}"],
        "env": [
            {"name": name, "value": value}
            for name, value in {**region(stack), "HOME": "/tmp"}.items()  # noqa: S108 (its own)
        ],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "resources": RESOURCES,
        "securityContext": restricted.CONTAINER,
        "volumeMounts": [
            {"name": "configuration", "mountPath": CONFIGURATION, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a volume of the pod's own)
        ],
    }


def configuration(model: Model, args: CheckPodArgs) -> pulumi.Output[str]:
    """As the program reads it: the places are those that its role may reach, and no other."""

    def written(told: list[str]) -> str:
        artifacts, key_arn, phi = told
        owner = args.stack.account.id

        def place(bucket: str, part: Part) -> dict[str, str]:
            return {"place": f"s3://{bucket}/{part.prefix}", "bucketOwner": owner}

        return json.dumps(
            {
                "model": {
                    "name": model.name,
                    "version": model.version,
                    "digest": model.digest,
                    "stage": model.environment,
                    "keys": [f"{CONFIGURATION}/{KEY_FILE}"],
                    "source": f"s3://{artifacts}/{promoted(model.name, model.environment).prefix}/{model.version}",
                    "bucketOwner": owner,
                },
                "predictions": place(phi, of_model(PREDICTIONS, model.name)),
                "labels": place(phi, of_model(LABELS, model.name)),
                "reports": {**place(artifacts, of_model(REPORTS, model.name)), "keyArn": key_arn},
                "runs": place(artifacts, of_model(RUNS, model.name)),
                "windowSeconds": args.window_seconds,
                "memoryBytes": int(CHECK_SHARE.most_memory_gib * 2**30),
                "metrics": {
                    **{"host": "0.0.0.0", "port": METRICS_PORT, "seconds": HEARD_SECONDS},  # noqa: S104 (the pod's own)
                    **{"times": HEARD_TIMES, "mostSeconds": WAITS_SECONDS},
                },
            },
            sort_keys=True,
        )

    return pulumi.Output.all(args.artifacts, args.artifacts_key_arn, args.phi).apply(written)
