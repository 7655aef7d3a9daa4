"""A provider's configuration: where the API is, and that it is on this machine; Region, default tags."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.aws.calls import Api, loader
from local.aws.tags import TagRules
from local.plugin import journal
from local.plugin.checks import is_loopback
from local.plugin.journal import Left
from local.plugin.values import UNKNOWN, has_unknown

DEFAULT_REGION = "us-east-1"


class ConfigurationError(Exception):
    """A setting that the stand-in refuses: the setting and why."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}")
        self.setting = setting
        self.reason = reason


@dataclass
class Site:
    """One configured provider: the API that it speaks to and what it adds to every resource."""

    api: Api
    region: str
    tags: TagRules = field(default_factory=TagRules)
    left: Mapping[str, Left] = field(default_factory=dict)
    """What killed runs were making or had made."""
    _account: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def account(self) -> str:
        """The account that the API answers for."""
        with self._lock:
            if not self._account:
                self._account = self.api.call("sts", self.region, "get_caller_identity", {})["Account"]
            return self._account

    @staticmethod
    def partition(region: str) -> str:
        """The partition of a Region: aws, aws-cn, aws-us-gov."""
        partitions = loader().load_data("partitions")["partitions"]
        for partition in partitions:
            if region in partition["regions"]:
                return str(partition["id"])
        return "aws"


def decode(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Provider settings as values: the engine hands over whatever is no text as JSON."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found[name] = value
        if isinstance(value, str) and value[:1] in "[{" and value:
            try:
                found[name] = json.loads(value)
            except ValueError:
                raise ConfigurationError(name, f"{value!r} is neither a text nor JSON") from None
    return found


def check(settings: Mapping[str, Any], environment: Mapping[str, str]) -> list[ConfigurationError]:
    """Everything that is wrong with a provider's settings."""
    failures: list[ConfigurationError] = []
    if has_unknown(dict(settings)):
        return failures
    try:
        configured = decode(settings)
        _endpoints(configured, environment)
    except ConfigurationError as error:
        failures.append(error)
    return failures


def configure(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Site:
    """The site of a provider's settings; ConfigurationError where they lead anywhere but this machine."""
    configured = decode(settings)
    endpoint, endpoints = _endpoints(configured, environment)
    region = (
        configured.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    ) or DEFAULT_REGION
    default = (configured.get("defaultTags") or {}).get("tags") or {}
    ignored = configured.get("ignoreTags") or {}
    rules = TagRules(
        UNKNOWN if has_unknown(default) else {key: str(value) for key, value in default.items()},
        tuple(ignored.get("keys") or ()),
        # The SDK passes a plain dictionary on with the names that Python gives them.
        tuple(ignored.get("keyPrefixes") or ignored.get("key_prefixes") or ()),
    )
    site = Site(Api(endpoint, endpoints), str(region), rules, journal.left(environment))
    _check_account(configured, site)
    return site


def _check_account(configured: Mapping[str, Any], site: Site) -> None:
    allowed = configured.get("allowedAccountIds") or []
    forbidden = configured.get("forbiddenAccountIds") or []
    if allowed and site.account not in allowed:
        raise ConfigurationError("allowedAccountIds", f"the API's account is {site.account}, not {', '.join(allowed)}")
    if forbidden and site.account in forbidden:
        raise ConfigurationError("forbiddenAccountIds", f"the API's account is {site.account}")


def _endpoints(configured: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The endpoint for all services and those for single ones, each of them on this machine."""
    named: dict[str, str] = {}
    for block in configured.get("endpoints") or []:
        for service, url in block.items():
            if url:
                named[_service(service)] = _loopback(f"endpoints.{service}", str(url))
    common = environment.get("AWS_ENDPOINT_URL") or next(iter(named.values()), "")
    if not common:
        raise ConfigurationError(
            "endpoints",
            "this is a stand-in for the aws provider that works against a local AWS API only, and no endpoint is "
            'given. Set AWS_ENDPOINT_URL (`eval "$(./parapet env)"`) or the provider\'s `endpoints`; for a real '
            "account use the official plugin",
        )
    return _loopback("AWS_ENDPOINT_URL", common), named


# Names of the provider's `endpoints` that are not botocore's.
_RENAMED = {
    "cloudwatchlogs": "logs",
    "cloudwatchevents": "events",
    "eventbridge": "events",
    "configservice": "config",
    "prometheus": "amp",
    "networkfirewall": "network-firewall",
    "acmpca": "acm-pca",
    "elasticloadbalancingv2": "elbv2",
    "cognitoidentity": "cognito-identity",
    "cognitoidp": "cognito-idp",
    "sfn": "stepfunctions",
    "s3api": "s3",
}


def _service(name: str) -> str:
    return _RENAMED.get(name, name)


def _loopback(setting: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            setting,
            f"{url!r} is not on this machine: the stand-in for the aws provider speaks to a loopback address only "
            "(such as http://127.0.0.1:4566), so that it can never touch a real account",
        )
    return url.rstrip("/")
