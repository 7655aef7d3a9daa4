"""Workloads of people in a provisioned stack, as its guardrails want them."""

import json
import re
from typing import Any

from tests.e2e.user import User
from tests.platform.cluster import cases

GPU = {
    "/spec/containers/0/resources/limits/nvidia.com~1gpu": 1,
    "/spec/tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}
TRAINER = "parapet-local/trainer"


class Work:
    """Workloads as the guardrails want them, of the stack's own registry."""

    def __init__(self, user: User, registry: str, digest: str) -> None:
        self.user = user
        self.registry = registry
        self.digest = digest

    def manifest(self, case: cases.Case, name: str = "case") -> dict[str, Any]:
        text = json.dumps(case.manifest()).replace("111122223333.dkr.ecr.us-east-1.amazonaws.com/parapet-test", "%s")
        text = re.sub(r"(?<=/trainer@)sha256:[0-9a-f]+", self.digest, text)
        manifest: dict[str, Any] = json.loads(text.replace("%s", self.registry))
        manifest["metadata"]["name"] = name
        return manifest

    def pod(self, name: str, namespace: str = "training", **changed: Any) -> dict[str, Any]:
        return self.manifest(cases.Case("", "", True, namespace=namespace, set=changed), name)

    def apply(self, *objects: dict[str, Any]) -> tuple[int, str]:
        return self.user.kubectl("apply", "--filename=-", given={"apiVersion": "v1", "kind": "List", "items": objects})

    def running(self, namespace: str) -> dict[str, str]:
        """The node of each pod that runs."""
        return {
            pod["metadata"]["name"]: pod["spec"]["nodeName"]
            for pod in self.user.get("pods", f"--namespace={namespace}")["items"]
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        }

    def unschedulable(self, namespace: str) -> dict[str, str]:
        """Why a pod that waits has no node."""
        return {
            pod["metadata"]["name"]: condition["message"]
            for pod in self.user.get("pods", f"--namespace={namespace}")["items"]
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        }
