"""The pods of a model: what they are told, and what they may."""

import json
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from cluster import images, restricted
from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR, PUBLISHED
from cluster.guardrails.priorities import INFERENCE
from cluster.guardrails.quotas import PREDICTOR as PREDICTOR_SHARE
from cluster.labels import Manifest, labels
from cluster.mesh import principal
from cluster.namespaces import Namespace
from cluster.node_labels import GPU, GROUP, TOLERATIONS
from cluster.pod_identity import region
from foundation.stack import Stack
from mlops.data_path import MODELS, PREDICTIONS
from mlops.secret_delivery import FOLDER as SECRETS
from mlops.serving.model import Model
from mlops.serving.tokens import Tokens

PORT: Final = 8080
METRICS_PORT: Final = 9464
USER: Final = 10001
COMMAND: Final = "parapet-serving"
CONFIGURATION: Final = "/etc/parapet"
FILE: Final = "configuration.json"
KEY_FILE: Final = "key.pem"
CALLER_KEYS_FILE: Final = "caller-keys.json"
CALLER_AUTHORITIES_FILE: Final = "caller-authorities.pem"
MODEL_FOLDER: Final = "/model"
MODEL_GIB: Final = 2
HASH_KEY: Final = "parapet-hash-key"
"""The file with the secret by which callers and subjects are hashed."""
LOG_SECONDS: Final = 60
"""Within which predictions are written down by default (delivery/serving/README.md, `predictionLog`)."""
PROXY: Final = "127.0.0.6"
"""Where the proxy beside a container calls it from (istio/istio, pilot/pkg, `InboundPassthroughBindIpv4`)."""
NOTICE_SECONDS: Final = 10
"""For which a server that ends still answers: the gateway's list of endpoints is a moment behind."""
DRAIN_SECONDS: Final = 30
ANNOTATIONS: Final = {
    FILE: "parapet.dev/configuration",
    KEY_FILE: "parapet.dev/signing-key",
    CALLER_KEYS_FILE: "parapet.dev/caller-keys",
    CALLER_AUTHORITIES_FILE: "parapet.dev/caller-authorities",
}
"""What a pod reads as files. In its own template, so that each version's pods have theirs, also those that start anew
while another version comes; and a change of it is a new version."""
RESOURCES: Final = {
    "requests": {**PREDICTOR_SHARE.resources["requests"], "ephemeral-storage": f"{MODEL_GIB}Gi"},
    "limits": {**PREDICTOR_SHARE.resources["limits"], "ephemeral-storage": f"{MODEL_GIB + 1}Gi"},
}
ATTEMPT: Final = "parapet.dev/attempt"
"""The annotation that makes another version of one that was let go."""
GPU_RESOURCES: Final = {
    "requests": RESOURCES["requests"] | {"memory": "2Gi", GPU: "1"},
    "limits": RESOURCES["limits"] | {"memory": "4Gi", GPU: "1"},
}
"""The libraries of CUDA take memory of the node's too, beside the GPU's. How much was not measured."""
NO_GPU: Final = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}
"""What a container is to say that has no GPU, beside one that has (`guardrails/gpu_rules.py`)."""


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What the pods are told of the world around them."""

    stack: Stack
    artifacts: pulumi.Input[str]
    """The bucket of models."""
    phi: pulumi.Input[str]
    """The bucket of the prediction log, and its key."""
    phi_key_arn: pulumi.Input[str]
    signing_key: pulumi.Input[str]
    """PEM: the public half of what signs models."""
    tokens: Tokens | None
    """Whose tokens callers from outside bring."""
    log_seconds: int = LOG_SECONDS
    """Within which predictions are written down, where that is sooner than by default."""


def name_labels(model: Model) -> dict[str, str]:
    """The labels by which a Service and a Rollout find the pods."""
    return {"app.kubernetes.io/name": model.name, **PREDICTOR}


def template(model: Model, args: PodArgs) -> Manifest:
    """The pod's template, for one version."""
    files = _files(model, args)
    return {
        "metadata": {
            "labels": {
                **labels(args.stack.owner, ns.MODELS.data_class),
                **name_labels(model),
                **(PUBLISHED if model.published else {}),
            },
            "annotations": {
                # Scraped through the proxy, at its own port.
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS_PORT),
                "prometheus.io/path": "/metrics",
                **{ANNOTATIONS[file]: content for file, content in files.items()},
                **({ATTEMPT: str(model.attempt)} if model.attempt > 1 else {}),
            },
        },
        "spec": {
            "serviceAccountName": model.workload.service_account,
            # AWS knows the pod by EKS Pod Identity, and it has nothing to say to the Kubernetes API.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "priorityClassName": INFERENCE.name,
            "terminationGracePeriodSeconds": NOTICE_SECONDS + DRAIN_SECONDS + 10,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": key,
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": name_labels(model)},
                }
                for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
            ],
            "securityContext": restricted.pod(USER),
            **({"nodeSelector": {GROUP: model.gpu_group}, "tolerations": TOLERATIONS} if model.gpu_group else {}),
            "initContainers": [_fetch(model, args)],
            "containers": [_server(model, args)],
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
                {"name": "model", "emptyDir": {"sizeLimit": f"{MODEL_GIB}Gi"}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
                {
                    "name": "secrets",
                    "csi": {
                        "driver": "secrets-store.csi.k8s.io",
                        "readOnly": True,
                        "volumeAttributes": {"secretProviderClass": model.workload.service_account},
                    },
                },
            ],
        },
    }


def _fetch(model: Model, args: PodArgs) -> dict[str, Any]:
    made = _container(model, args, "fetch", readable_only=False)
    return made | ({"env": [*made["env"], NO_GPU]} if model.gpu_group else {})


def _server(model: Model, args: PodArgs) -> dict[str, Any]:
    made = {**_container(model, args, "server", readable_only=True), **_served()}
    return made | ({"resources": GPU_RESOURCES} if model.gpu_group else {})


def _container(model: Model, args: PodArgs, command: str, *, readable_only: bool) -> dict[str, Any]:
    return {
        "name": command,
        "image": args.stack.image(images.SERVING_GPU if model.gpu_group else images.SERVING),
        "command": [COMMAND],
        "args": [command, f"{CONFIGURATION}/{FILE}"],
        "env": [
            {"name": name, "value": value}
            for name, value in {**region(args.stack), "HOME": "/tmp"}.items()  # noqa: S108 (its own)
        ],
        "resources": RESOURCES,
        "securityContext": restricted.CONTAINER,
        "volumeMounts": [
            {"name": "configuration", "mountPath": CONFIGURATION, "readOnly": True},
            {"name": "model", "mountPath": MODEL_FOLDER, **({"readOnly": True} if readable_only else {})},
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a volume of the pod's own)
        ],
    }


def _served() -> dict[str, Any]:
    """What the server's container has besides: a readiness that says whether the model answers, and time to start."""

    def probe(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": f"/v2/health/{path}", "port": "http"}}

    return {
        "ports": [{"name": "http", "containerPort": PORT}, {"name": "metrics", "containerPort": METRICS_PORT}],
        "startupProbe": {**probe("live"), "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**probe("ready"), "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 2},
        "livenessProbe": {**probe("live"), "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 3},
    }


def _files(model: Model, args: PodArgs) -> dict[str, pulumi.Input[str]]:
    """What the pods read, by the file's name. Of a model that is not published, nothing of tokens."""
    files: dict[str, pulumi.Input[str]] = {FILE: configuration(model, args), KEY_FILE: args.signing_key}
    if model.published and args.tokens:
        files |= {} if args.tokens.asked else {CALLER_KEYS_FILE: args.tokens.keys}
        files |= {CALLER_AUTHORITIES_FILE: args.tokens.authorities} if args.tokens.authorities else {}
    return files


def configuration(model: Model, args: PodArgs) -> pulumi.Output[str]:
    """As the server reads it (delivery/serving/README.md). Raises ValueError for a published model whose callers nobody
    would know."""
    mesh = {"proxies": [PROXY], "callers": [_spiffe(ns.PIPELINES)]}
    tokens: dict[str, Any] = {}
    if model.published:
        if args.tokens is None:
            raise ValueError(f"{model.name} is published, and no provider's tokens are taken")
        places = [f"{CONFIGURATION}/{file}" for file in (CALLER_KEYS_FILE, CALLER_AUTHORITIES_FILE)]
        mesh["gateways"] = [_spiffe(ns.INGRESS)]
        tokens = {"tokens": args.tokens.declared(model.audiences, *places)}

    def written(told: list[str]) -> str:
        artifacts, phi, key_arn = told
        owner = args.stack.account.id
        log = {"place": f"s3://{phi}/{PREDICTIONS.prefix}", "keyArn": key_arn, "bucketOwner": owner}
        return json.dumps(
            {
                "model": {
                    "folder": MODEL_FOLDER,
                    "name": model.name,
                    "version": model.version,
                    "digest": model.digest,
                    "stage": model.environment,
                    "keys": [f"{CONFIGURATION}/{KEY_FILE}"],
                    "source": f"s3://{artifacts}/{MODELS.prefix}/{model.name}/{model.environment}/{model.version}",
                    "bucketOwner": owner,
                },
                "hashKeyFile": f"{SECRETS}/{HASH_KEY}",
                "listening": {"host": "0.0.0.0", "port": PORT, "metricsPort": METRICS_PORT},  # noqa: S104 (the pod's own)
                "mesh": mesh,
                # Of a model without one not a word more than before: that would be another version of it.
                **({"processor": "gpu"} if model.gpu_group else {}),
                **tokens,
                "drain": {"noticeSeconds": NOTICE_SECONDS, "seconds": DRAIN_SECONDS},
                # As of the processor: no word of what is so by default.
                "predictionLog": log | ({"seconds": args.log_seconds} if args.log_seconds < LOG_SECONDS else {}),
            },
            sort_keys=True,
        )

    return pulumi.Output.all(args.artifacts, args.phi, args.phi_key_arn).apply(written)


def _spiffe(namespace: Namespace) -> str:
    """Who speaks for a namespace, as the mesh says it."""
    return f"spiffe://{principal(namespace.name, namespace.service_account)}"
