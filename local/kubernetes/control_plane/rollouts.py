"""How far the Rollouts of models are, as the API server has them."""

import json
from typing import Any, Final

from local.kubernetes.control_plane import ControlPlane
from local.kubernetes.control_plane.api import Api, ApiError
from local.workspace import Workspace

ROLLOUTS: Final = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts"
REPLICA_SETS: Final = "/apis/apps/v1/namespaces/serving/replicasets"
HASH: Final = "rollouts-pod-template-hash"
CONFIGURATION: Final = "parapet.dev/configuration"


def told(workspace: Workspace, plane: ControlPlane) -> dict[str, dict[str, str | None]]:
    """By the model's name: `phase` (Argo Rollouts': Healthy, Progressing, Paused, Degraded) and `stable`, the version
    that serves. Empty where the API server does not say."""
    api = Api(workspace.kubernetes / "pki", "admin", int(plane.server.rpartition(":")[2]))
    try:
        rollouts = api.call("GET", ROLLOUTS)["items"] or []
        sets = api.call("GET", REPLICA_SETS)["items"] or [] if rollouts else []
    except (ApiError, OSError):
        return {}
    versions = {each["metadata"].get("labels", {}).get(HASH): _version(each) for each in sets}
    return {
        each["metadata"]["name"]: {
            "phase": each.get("status", {}).get("phase"),
            "stable": versions.get(each.get("status", {}).get("stableRS")),
        }
        for each in rollouts
    }


def _version(replica_set: dict[str, Any]) -> str | None:
    text = replica_set["spec"]["template"]["metadata"].get("annotations", {}).get(CONFIGURATION)
    return str(json.loads(text)["model"]["version"]) if text else None
