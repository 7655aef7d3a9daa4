"""Whether a version's pod that runs is ready still: its process may have ended since, and KWOK would not know."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from local.kubernetes.workloads.replicas import VERSION, Held

PODS: Final = f"/api/v1/pods?labelSelector={VERSION}"
CONDITIONS: Final = ("ContainersReady", "Ready")


def change(pod: Mapping[str, Any], held: Held | None) -> dict[str, Any]:
    """What is to be changed of the status of a pod that runs, as a strategic merge patch; nothing where it is right."""
    status = pod.get("status", {})
    if status.get("phase") != "Running" or "deletionTimestamp" in pod["metadata"]:
        return {}
    told = {each["type"]: each["status"] for each in status.get("conditions", [])}
    wanted = "False" if held else "True"
    if all(told.get(each) == wanted for each in CONDITIONS):
        return {}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    why = {"reason": held.reason, "message": held.message} if held else {"reason": None, "message": None}
    containers = [{**each, "ready": held is None} for each in status.get("containerStatuses", [])]
    conditions = [{"type": each, "status": wanted, "lastTransitionTime": now, **why} for each in CONDITIONS]
    return {"status": {"conditions": conditions, "containerStatuses": containers}}
