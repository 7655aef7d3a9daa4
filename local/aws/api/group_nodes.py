"""Instances of EKS's node groups: who ends one gets another in its place.

Source: Amazon EC2 API Reference, "TerminateInstances"; Amazon EKS User Guide, "Managed node groups".
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from moto.ec2.models.instances import InstanceBackend, InstanceState
from moto.eks.models import eks_backends

from local.aws.api.mending import replace
from local.aws.group_instances import ENDED, instances

_terminate = InstanceBackend.terminate_instances


def terminate_instances(backend: Any, instance_ids: list[str]) -> list[tuple[Any, InstanceState]]:
    """End them; all or none, as EC2 does it."""
    there = set(_of_groups(backend))
    ours = [each for each in instance_ids if each in there]
    others = [each for each in instance_ids if each not in there]
    ended = _terminate(backend, others) if others or not ours else []
    if ours:
        backend.create_tags(ours, {ENDED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"})
    return [*ended, *((SimpleNamespace(id=each), InstanceState("running", 16)) for each in ours)]


def _of_groups(backend: Any) -> Iterator[str]:
    ended = {each for each, tags in backend.tags.items() if ENDED in tags}
    for cluster in eks_backends[backend.account_id][backend.region_name].clusters.values():
        for group in cluster.nodegroups.values():
            yield from instances(group.arn, group.scaling_config.get("desiredSize", 0), ended)


def mend() -> None:
    """moto's node groups have no instances, so that none of them could be ended."""
    replace(InstanceBackend, "terminate_instances", terminate_instances)
