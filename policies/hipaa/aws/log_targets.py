"""Which buckets receive the logs of load balancers and distributions, and how these must be encrypted.

What delivers a log says with which keys it can: "Access logs for your Application Load Balancer" and "Enable access
logs for your Classic Load Balancer" (SSE-S3 only), "Access logs for your Network Load Balancer" and "Configure standard
logging (legacy)" of CloudFront (a customer managed key too); read in AWS's guides on 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from hipaa.aws.elb import CLASSIC, LOAD_BALANCER
from hipaa.resource import Resource
from hipaa.stack import Stack

_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"


class Keys(IntEnum):
    """With which keys what is delivered to a bucket may be encrypted."""

    S3_OR_OWN = 1
    S3_ONLY = 2


def keys_of_deliveries(bucket: Resource, stack: Stack) -> Keys | None:
    """What the logs that are delivered to a bucket ask of its encryption, or None where none are."""
    targets = stack.once(_targets)
    names = [bucket.urn, *(bucket.known(name) for name in ("id", "bucket"))]
    return max((targets[name] for name in names if isinstance(name, str) and name in targets), default=None)


def _targets(stack: Stack) -> dict[str, Keys]:
    found: dict[str, Keys] = {}
    for name, keys in _deliveries(stack):
        found[name] = max(keys, found.get(name, keys))
    return found


def _deliveries(stack: Stack) -> Iterator[tuple[str, Keys]]:
    for balancer in stack.of(*LOAD_BALANCER, CLASSIC):
        network = balancer.type != CLASSIC and balancer.known("loadBalancerType") == "network"
        for setting in ("accessLogs", "connectionLogs", "healthCheckLogs"):
            for name in _named(balancer, setting):
                yield name, Keys.S3_OR_OWN if network else Keys.S3_ONLY
    for distribution in stack.of(_DISTRIBUTION):
        for name in _named(distribution, "loggingConfig"):
            yield name.partition(".s3")[0] if ".amazonaws.com" in name else name, Keys.S3_OR_OWN


def _named(resource: Resource, setting: str) -> tuple[str, ...]:
    """The bucket that a setting names: its name, or where it is not known the resources that it comes from."""
    value = resource.known(f"{setting}.bucket")
    return (value,) if isinstance(value, str) and value else resource.sources.get(setting, ())
