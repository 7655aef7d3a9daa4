"""Every name that the platform asks for, or leaves to the provider, is one that AWS takes, however long it gets."""

import re
from typing import Any

import pytest

from local.aws.configuration import configure
from local.aws.provider import Provider
from local.plugin.values import UNKNOWN
from settings import Settings
from tests.platform import extremes
from tests.platform.mocked import Made, declared_settings, run_program, stack_settings

MADE_UP = ("arn:aws:mock:", "-id")
"""What the mocks answer in AWS's place, in no form of AWS's."""
LABEL = (r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", 63)
SUBDOMAIN = (r"[a-z0-9]([-a-z0-9.:]*[a-z0-9])?", 253)
"""With the colons that RBAC's names may have."""
LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"


def judged(value: Any) -> Any:
    """What the program itself asked for; what the mocks made up is not known yet, as in a preview."""
    if isinstance(value, dict):
        return {key: judged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [judged(item) for item in value]
    return UNKNOWN if isinstance(value, str) and any(part in value for part in MADE_UP) else value


def refused(settings: dict[str, Any]) -> list[str]:
    """What the stand-in, which checks as the official provider and AWS do, refuses of a stack with these settings."""
    provider = Provider(configure({"region": "us-east-1"}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}))
    found = []
    for each in run_program(**settings).managed():
        urn = f"urn:pulumi:test::parapet::{each.type}::{each.name}"
        _, failures = provider.check(each.type, urn, judged(dict(each.inputs)), {}, set(), b"seed", None)
        found += [f"{each.type} {each.name}: {failure.property} {failure.reason}" for failure in failures]
    return found


@pytest.mark.plan
@pytest.mark.parametrize("settings", [extremes.EVERYTHING, extremes.NOTHING], ids=["everything", "nothing"])
def test_the_longest_environment_has_names_that_aws_takes(settings: dict[str, Any]) -> None:
    assert refused(settings) == []


NAMES_OF_KINDS = {"Namespace": LABEL, "Service": LABEL}
"""Of the others it is `SUBDOMAIN` (Kubernetes documentation, "Object Names and IDs")."""


def unfit(made: Made) -> list[str]:
    """What of an object's names and labels the API server refuses."""
    meta = made.inputs.get("metadata") or {}
    kind, name = made.type.rpartition(":")[2], meta.get("name", "")
    pattern, most = NAMES_OF_KINDS.get(kind, SUBDOMAIN)
    labels = list((meta.get("labels") or {}).values())
    found = [] if name and len(name) <= most and re.fullmatch(pattern, name) else [f"{made.type} {name!r}"]
    return found + [f"{made.type} {name}: {each!r}" for each in labels if not re.fullmatch(LABEL_VALUE, str(each))]


@pytest.mark.plan
@pytest.mark.parametrize("settings", [extremes.EVERYTHING, extremes.NOTHING], ids=["everything", "nothing"])
def test_the_longest_environment_has_names_that_kubernetes_takes(settings: dict[str, Any]) -> None:
    objects = [
        each for each in run_program(**settings).made if each.type.startswith("kubernetes:") and "helm" not in each.type
    ]
    assert len(objects) > 100
    assert [words for each in objects for words in unfit(each)] == []


def test_no_environment_or_name_is_longer() -> None:
    for setting, value in [
        ("environment", extremes.ENVIRONMENT + "x"),
        ("domain", f"d{extremes.DOMAIN}"),
        ("mlflowUsers", [{"name": extremes.NAME + "y"}]),
        ("gpuGroups", [{"name": extremes.GROUP + "z", "instanceTypes": ["g6.xlarge"], "max": 1}]),
        ("mlflowUsers", [*extremes.EVERYTHING["mlflowUsers"], {"name": "one-more"}]),
        ("gpuGroups", [*extremes.EVERYTHING["gpuGroups"], {"name": "more", "instanceTypes": ["g6.xlarge"], "max": 1}]),
    ]:
        with pytest.raises(Exception, match=f"parapet:{setting}"):
            Settings.parse(stack_settings(**{setting: value}))


def test_every_option_is_on_and_off() -> None:
    assert set(declared_settings()) - extremes.AS_IT_IS == set(extremes.EVERYTHING) >= set(extremes.NOTHING)
