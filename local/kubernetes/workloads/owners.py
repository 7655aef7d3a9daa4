"""Who has pods whose image is built here: Deployments, Jobs, and the ReplicaSets of Rollouts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.kubernetes.workloads import sources
from local.kubernetes.workloads.pod import Pod
from local.kubernetes.workloads.replicas import VERSION

JOBS: Final = "/apis/batch/v1/jobs"
DEPLOYMENTS: Final = "/apis/apps/v1/deployments"
REPLICA_SETS: Final = f"/apis/apps/v1/replicasets?labelSelector={VERSION}"


@dataclass(frozen=True)
class Owner:
    """A Deployment, a Job, or a Rollout's ReplicaSet."""

    namespace: str
    name: str
    uid: str
    pod: Pod
    made_with: bool
    """Whether it came with what waits for it, and by no schedule."""


def of(objects: Sequence[Mapping[str, Any]]) -> Iterator[Owner]:
    """Those that want pods of images that are built here, the oldest first."""
    for each in sorted(objects, key=lambda one: str(one["metadata"]["creationTimestamp"])):
        meta, spec = each["metadata"], each["spec"]
        wanted = spec.get("replicas", 1) and not meta.get("deletionTimestamp")
        if wanted and (image := sources.ours(spec["template"]["spec"])):
            pod = Pod(spec["template"], image)
            yield Owner(meta["namespace"], meta["name"], meta["uid"], pod, not meta.get("ownerReferences"))
