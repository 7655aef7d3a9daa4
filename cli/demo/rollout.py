"""How far a new version of a model is, as the API server tells whoever looks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cli.demo.shell import Failed, Shell, wait
from local.kubernetes.control_plane.rollouts import ANALYSES, CONFIGURATION, ROLLOUTS

WALKS: Final = 300.0
"""Seconds in which a version has all calls, or none."""
WELL: Final = "Healthy"
"""Argo Rollouts' word where all pods are of one version, and no other is on its way."""
ENDED: Final = "Degraded"
"""Argo Rollouts' word for a version that was aborted."""
POD_HASH: Final = "rollouts-pod-template-hash"
STEP: Final = "step-index"
"""Labels by which Argo Rollouts says of which pods, and at which of the canary's steps, an analysis is."""


@dataclass(frozen=True)
class Seen:
    """A Rollout at a moment."""

    version: str
    """That which it was told last."""
    phase: str
    """Argo Rollouts': Healthy, Progressing, Paused, Degraded; empty while the controller has not seen that version."""
    weight: int
    """Of a hundred calls, those that a version gets that is on its way."""
    message: str


def look(shell: Shell, model: str) -> Seen:
    """Raises Failed where there is none."""
    found = shell.found(f"{ROLLOUTS}/{model}")
    status = found.get("status", {})
    told = json.loads(found["spec"]["template"]["metadata"]["annotations"][CONFIGURATION])
    known = status.get("observedGeneration") == str(found["metadata"]["generation"])
    weights = status.get("canary", {}).get("weights") or {}
    return Seen(
        str(told["model"]["version"]),
        str(status.get("phase", "")) if known else "",
        int(weights.get("canary", {}).get("weight", 0)),
        str(status.get("message", "")),
    )


def walk(shell: Shell, model: str, version: str, until: Callable[[Seen], bool]) -> list[int]:
    """The weights that a version was seen to have; raises Failed where it was aborted before, or takes too long."""
    weights: set[int] = set()

    def arrived() -> bool:
        seen = look(shell, model)
        if seen.weight:
            weights.add(seen.weight)
        if seen.version != version:
            return False
        if not until(seen) and seen.phase == ENDED:
            raise Failed(f"Version {version} was aborted: {seen.message or judged(shell)}")
        return until(seen)

    wait(WALKS, arrived, lambda: f"of {model}, which should be at version {version}, is seen {look(shell, model)}.")
    return sorted(weights)


def judged_at(shell: Shell, model: str) -> set[int]:
    """The weights that the newest version was judged at, however late somebody began to look."""
    found = shell.found(f"{ROLLOUTS}/{model}")
    steps = found["spec"]["strategy"]["canary"]["steps"]
    labels = [each["metadata"].get("labels", {}) for each in shell.found(ANALYSES)["items"]]
    of_it = [each for each in labels if each.get(POD_HASH) == found["status"]["currentPodHash"]]
    before = [steps[: int(each[STEP])] for each in of_it if STEP in each]
    return {[step["setWeight"] for step in done if "setWeight" in step][-1] for done in before}


def judged(shell: Shell) -> str:
    """What the last analysis found, where it found something."""
    runs: list[dict[str, Any]] = shell.found(ANALYSES)["items"]
    if not runs:
        return "nothing judged it"
    newest = max(runs, key=lambda each: str(each["metadata"]["creationTimestamp"]))["status"]
    failed = [
        f"{each['name']} is {each['measurements'][-1].get('value') or each['measurements'][-1].get('message')}"
        for each in newest.get("metricResults", [])
        if each["phase"] not in ("Successful", "Running") and each.get("measurements")
    ]
    return ", ".join(failed) or str(newest.get("message") or newest["phase"])
