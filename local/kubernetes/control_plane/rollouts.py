"""How far the Rollouts of models are, as the API server has them, and the way back from one that is on its way."""

import json
from typing import Any, Final

from local.kubernetes.control_plane import ControlPlane
from local.kubernetes.control_plane.api import MERGE, Api, ApiError
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace

ROLLOUTS: Final = "/apis/argoproj.io/v1alpha1/namespaces/serving/rollouts"
REPLICA_SETS: Final = "/apis/apps/v1/namespaces/serving/replicasets"
CONFIGURATION: Final = "parapet.dev/configuration"


def told(workspace: Workspace, plane: ControlPlane) -> dict[str, dict[str, str | None]]:
    """By the model's name: `phase` (Argo Rollouts': Healthy, Progressing, Paused, Degraded) and `stable`, the version
    that serves. Empty where the API server does not say."""
    api = _api(workspace, plane)
    try:
        rollouts = api.call("GET", ROLLOUTS)["items"] or []
        sets = api.call("GET", REPLICA_SETS)["items"] or [] if rollouts else []
    except (ApiError, OSError):
        return {}
    versions = {each["metadata"].get("labels", {}).get(VERSION): _version(each) for each in sets}
    return {
        each["metadata"]["name"]: {
            "phase": each.get("status", {}).get("phase"),
            "stable": versions.get(each.get("status", {}).get("stableRS")),
        }
        for each in rollouts
    }


def go_back(workspace: Workspace, plane: ControlPlane, model: str, version: str) -> bool:
    """Leads all calls back to this version at once, where its pods are kept and another is on its way to take its
    place, or has all calls and may be undone yet; returns whether that is so.

    It is what `kubectl argo rollouts abort` does, and passes nothing over. Raises ApiError and OSError.
    """
    found = told(workspace, plane).get(model)
    if not found or found["stable"] != version:
        return False
    api = _api(workspace, plane)
    rollout = api.call("GET", f"{ROLLOUTS}/{model}")
    if _version_in(rollout["spec"]["template"]) == version:
        return False
    if not rollout["status"].get("abort"):
        api.call("PATCH", f"{ROLLOUTS}/{model}/status", {"status": {"abort": True}}, MERGE)
    return True


def _api(workspace: Workspace, plane: ControlPlane) -> Api:
    return Api(workspace.kubernetes / "pki", "admin", int(plane.server.rpartition(":")[2]))


def _version(replica_set: dict[str, Any]) -> str | None:
    return _version_in(replica_set["spec"]["template"])


def _version_in(template: dict[str, Any]) -> str | None:
    text = template["metadata"].get("annotations", {}).get(CONFIGURATION)
    return str(json.loads(text)["model"]["version"]) if text else None
