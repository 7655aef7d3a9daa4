"""Where a resource is made: an account and a Region of AWS, or a cluster. What is elsewhere completes nothing here.

A place is read from the provider by which a resource is made, and from its own `region`. What is not known of it counts
as being anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hipaa.resource import UNKNOWN, Secret

_OVER_REGIONS = re.compile(
    r"aws:(account|budgets|cloudfront|cloudtrail|globalaccelerator|iam|organizations|route53|s3|waf)/"
)
"""What has no Region, is named once in the world, or reaches over Regions."""

_ROLE = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):role/")
_ACCOUNT = re.compile(r"[0-9]{12}")
_CREDENTIALS = ("accessKey", "profile", "assumeRole", "assumeRoles", "assumeRoleWithWebIdentity")
_CLUSTER = ("kubeconfig", "context", "cluster")


@dataclass(frozen=True)
class Place:
    """One place. Credentials are kept as a digest of what they are: they are compared and never told."""

    credentials: str | None = None
    account: str | None = None
    region: str | None = None
    cluster: frozenset[str] | None = None
    """What tells the cluster: several where it is known by the resources that the provider was made from."""

    def may_be(self, other: Place) -> bool:
        """Whether nothing tells that it is another place."""
        return (
            _may_be(self.region, other.region)
            and (_may_be(self.credentials, other.credentials) or (self.account or "") == other.account)
            and (self.cluster is None or other.cluster is None or not self.cluster.isdisjoint(other.cluster))
        )

    def of(self, type_: str, region: str | None) -> Place:
        """Of a resource of this type and with a `region` of its own, which is made by this place's provider."""
        region = None if _OVER_REGIONS.match(type_) else region or self.region
        return self if region == self.region else Place(self.credentials, self.account, region, self.cluster)


def of_provider(type_: str, inputs: Mapping[str, Any], origins: Mapping[str, Iterable[str]]) -> Place | None:
    """Where a provider makes things; None for those that have no places.

    Args:
        type_: its token, `pulumi:providers:aws`.
        inputs: what it was given.
        origins: the URNs of the resources that an input was made from.
    """
    if type_ == "pulumi:providers:aws":
        given = {name: _opened(inputs[name]) for name in _CREDENTIALS if name in inputs}
        told = json.dumps(given, sort_keys=True, default=str)
        role = _ROLE.findall(told)
        allowed = set(_ACCOUNT.findall(json.dumps(_opened(inputs.get("allowedAccountIds")), default=str)))
        account = role[-1] if role else allowed.pop() if len(allowed) == 1 else None
        region = _opened(inputs.get("region"))
        is_known = "UNKNOWN" not in told
        is_told = isinstance(region, str) and region != "UNKNOWN"
        return Place(_digest(told) if is_known else None, account, region if is_told else None)
    if type_ == "pulumi:providers:kubernetes":
        told = json.dumps({name: _opened(inputs.get(name)) for name in _CLUSTER}, sort_keys=True, default=str)
        if "UNKNOWN" not in told:
            return Place(cluster=frozenset((_digest(told),)))
        made_from = frozenset(urn for name in _CLUSTER for urn in origins.get(name, ()))
        return Place(cluster=made_from or None)
    return None


def _may_be(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _opened(value: Any) -> Any:
    if isinstance(value, Secret):
        return _opened(value.value)
    if isinstance(value, Mapping):
        return {name: _opened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    return "UNKNOWN" if value is UNKNOWN else value


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
