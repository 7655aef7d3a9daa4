"""How far the Rollouts of models are, as the API server has them, and the way back from one that is on its way."""

import json
from typing import Any, Final, NamedTuple

from local.kubernetes.control_plane import ControlPlane
from local.kubernetes.control_plane.api import MERGE, Api, ApiError
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace

NAMESPACE: Final = "models"
"""Where the stack serves (`platform/cluster/namespaces.py`)."""
ROLLOUTS: Final = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts"
ANALYSES: Final = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/analysisruns"
REPLICA_SETS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
CONFIGURATION: Final = "parapet.dev/configuration"
"""The annotation with what a version's pods are told (`platform/mlops/serving/pod.py`)."""
NOT_FOUND: Final = 404


class Back(NamedTuple):
    """Whether calls are led back to a version, and if not, why."""

    led: bool
    why: str = ""


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


def go_back(workspace: Workspace, plane: ControlPlane, model: str, version: str) -> Back:
    """Leads all calls back to this version at once, where its pods are kept and another is on its way to take its
    place, or has all calls and may be undone yet.

    It is what `kubectl argo rollouts abort` does, and passes nothing over. Raises ApiError and OSError where the API
    server does not say.
    """
    api = _api(workspace, plane)
    try:
        rollout = api.call("GET", f"{ROLLOUTS}/{model}")
    except ApiError as error:
        if error.status == NOT_FOUND:
            return Back(False, f"no version of {model} runs there")
        raise
    status = rollout.get("status", {})
    sets = api.call("GET", f"{REPLICA_SETS}?labelSelector={VERSION}={status.get('stableRS', '')}")["items"] or []
    stable, coming = next(map(_version, sets), None), _version_in(rollout["spec"]["template"])
    if stable != version:
        if coming == version:
            return Back(False, f"{version} is on its way there already")
        most = f"most calls go to {stable}" if stable else "no version has its calls yet"
        return Back(False, f"{most}, and the pods of {version} are not kept: it comes by the steps of each version")
    if coming == version:
        return Back(False, f"{version} has the calls, and no other is on its way")
    if not status.get("abort"):
        api.call("PATCH", f"{ROLLOUTS}/{model}/status", {"status": {"abort": True}}, MERGE)
    return Back(True)


def _api(workspace: Workspace, plane: ControlPlane) -> Api:
    return Api(workspace.kubernetes / "pki", "admin", int(plane.server.rpartition(":")[2]))


def _version(replica_set: dict[str, Any]) -> str | None:
    return _version_in(replica_set["spec"]["template"])


def _version_in(template: dict[str, Any]) -> str | None:
    text = template["metadata"].get("annotations", {}).get(CONFIGURATION)
    return str(json.loads(text)["model"]["version"]) if text else None
