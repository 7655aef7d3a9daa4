"""A step of Kubeflow Pipelines as its controller makes the pod of it, out of what the stack tells that controller.

By what the two programs write in Go: kubeflow/pipelines 2.17.0, backend/src/v2/compiler/argocompiler (container.go,
dag.go, security_context.go), with what backend/src/apiserver/template/v2_template.go, `RunWorkflow`, puts upon it, and
argo-workflows v4.0.5, workflow/controller/workflowpod.go, `createWorkflowPod`.
"""

import copy
import json
from typing import Any

import yaml

Pod = dict[str, Any]
ALONE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TOOLS = {**ALONE, "runAsNonRoot": True}
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "name": "intake-x7k2p",
    "uid": "6c1b6f0a-1d3c-4f0e-9a51-4b5d3e0c7a11",
    "controller": True,
    "blockOwnerDeletion": True,
}
NODE = {"name": "intake-x7k2p.executor(0)", "id": "intake-x7k2p-1834"}
RUN = "0c6d2c4e-53a1-4a0c-8f43-0d1c5e4a9b77"
SCRATCH = ("gcs-scratch", "s3-scratch", "minio-scratch", "dot-local-scratch", "dot-cache-scratch", "dot-config-scratch")


def driver(image: str) -> dict[str, Any]:
    """The template of what decides on a step: the pod's security context takes the place of the run's."""
    return {
        "metadata": _of_the_template("driver"),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "container": {
            "image": image,
            "command": ["driver"],
            "args": ["--type", "CONTAINER", "--cache_disabled"],
            "securityContext": TOOLS,
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
        },
    }


def executor(image: str, launcher: str, api: dict[str, str]) -> dict[str, Any]:
    """The template of a step itself, as the driver's patch leaves it; `api`: config.json of the API."""
    user = {
        "runAsUser": int(api["DEFAULT_SECURITY_CONTEXT_RUN_AS_USER"]),
        "runAsGroup": int(api["DEFAULT_SECURITY_CONTEXT_RUN_AS_GROUP"]),
        "runAsNonRoot": api["DEFAULT_SECURITY_CONTEXT_RUN_AS_NON_ROOT"] == "true",
    }
    tool = {"name": "kfp-launcher", "mountPath": "/kfp-launcher"}
    return {
        "metadata": _of_the_template("launcher"),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [
            {
                "name": "kfp-launcher",
                "image": launcher,
                "command": ["launcher-v2"],
                "args": ["--copy", "/kfp-launcher/launch", "--cache_disabled"],
                "securityContext": TOOLS,
                "volumeMounts": [tool],
                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
            }
        ],
        "container": {
            "image": image,
            "command": ["/kfp-launcher/launch", "--", "python3", "-m", "kfp.dsl.executor_main"],
            "securityContext": {**ALONE, **user},
            "envFrom": [{"configMapRef": {"name": "metadata-grpc-configmap", "optional": True}}],
            "env": [{"name": "KFP_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "volumeMounts": [tool, *({"name": each, "mountPath": f"/{each}"} for each in SCRATCH)],
        },
        "volumes": [{"name": each, "emptyDir": {}} for each in ("kfp-launcher", *SCRATCH)],
    }


def _of_the_template(role: str) -> dict[str, Any]:
    """What Kubeflow says in each template's metadata, which is the last word in its pod's (`addMetadata`)."""
    return {"annotations": {"pipelines.kubeflow.org/runtime-role": role, "sidecar.istio.io/inject": "false"}}


def pod(template: dict[str, Any], told: dict[str, str], argoexec: str, *, namespace: str, account: str) -> Pod:
    """What is asked of the API server; `told`: the controller's ConfigMap."""
    defaults = yaml.safe_load(told["workflowDefaults"])["spec"]
    beside = {**yaml.safe_load(told["executor"]), "image": argoexec}
    argo = {"name": "var-run-argo", "mountPath": "/var/run/argo"}
    wait, init = (
        {**beside, "name": name, "command": ["argoexec", name], "volumeMounts": [argo]} for name in ("wait", "init")
    )
    main = copy.deepcopy(template["container"]) | {"name": "main"}
    main["command"] = ["/var/run/argo/argoexec", "emissary", "--", *main["command"]]
    main.setdefault("volumeMounts", []).append(argo)
    before = [init, *copy.deepcopy(template.get("initContainers", []))]
    for each in before:
        each["env"] = [{"name": "ARGO_TEMPLATE", "value": json.dumps(template)}]
    for each in (wait, main, *before):
        each["env"] = [*each.get("env", []), *_told(each["name"])]
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": account,
        "activeDeadlineSeconds": defaults["activeDeadlineSeconds"],
        "securityContext": template["securityContext"],
        "containers": [wait, main],
        "initContainers": before,
        "volumes": [
            *({"name": each, "emptyDir": {}} for each in ("var-run-argo", "tmp-dir-argo")),
            *template.get("volumes", []),
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "intake-x7k2p-system-container-impl-1834",
            "namespace": namespace,
            "labels": {
                **defaults["podMetadata"]["labels"],
                "pipeline/runid": RUN,
                "pipelines.kubeflow.org/v2_component": "true",
                "workflows.argoproj.io/workflow": OWNER["name"],
                "workflows.argoproj.io/completed": "false",
            },
            "annotations": {
                "kubectl.kubernetes.io/default-container": "main",
                "pipelines.kubeflow.org/v2_component": "true",
                **{f"workflows.argoproj.io/node-{key}": value for key, value in NODE.items()},
                **template["metadata"]["annotations"],
            },
            "ownerReferences": [OWNER],
        },
        "spec": _merged(spec, json.loads(defaults["podSpecPatch"])),
    }


def _told(container: str) -> list[dict[str, str]]:
    """What Argo tells each container of the pod."""
    told = {
        "ARGO_CONTAINER_NAME": container,
        "ARGO_NODE_ID": NODE["id"],
        "ARGO_INCLUDE_SCRIPT_OUTPUT": "false",
        "ARGO_DEADLINE": "2026-12-07T08:00:00Z",
        "ARGO_PROGRESS_FILE": "/var/run/argo/progress",
        "ARGO_PROGRESS_PATCH_TICK_DURATION": "1m0s",
        "ARGO_PROGRESS_FILE_TICK_DURATION": "3s",
    }
    return [{"name": name, "value": value} for name, value in told.items()]


def _merged(spec: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge of what has no lists."""
    return {
        **spec,
        **{key: {**spec.get(key, {}), **value} if isinstance(value, dict) else value for key, value in patch.items()},
    }
