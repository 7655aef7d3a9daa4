"""The names that a program leaves to the provider fail where the official provider's fail."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.aws.configuration import configure
from local.aws.declaration import Autoname, resource_type
from local.aws.facts import facts
from local.aws.names import automatic_name, rule_for
from local.aws.provider import Provider
from local.plugin.checks import NamingError, Proposal


def rule_of(token: str) -> Autoname:
    declared, known = resource_type(token), facts(token)
    assert declared
    assert known
    rule = rule_for(declared, known)
    assert rule
    return rule


def failures(token: str, prop: str, name: str, inputs: dict[str, Any]) -> list[str]:
    """What is wrong with a property of a resource of this name, whatever else is missing."""
    site = configure({"region": "us-east-1"}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    urn = f"urn:pulumi:stack::project::{token}::{name}"
    _, found = Provider(site).check(token, urn, dict(inputs), {}, set(), b"seed", None)
    return [each.reason for each in found if each.property == prop]


def test_automatic_names() -> None:
    rule = Autoname(property="bucket", max=34, lower=True)
    name = automatic_name(rule, "My-Very-Long-Resource-Name", b"seed", {}, None)
    assert re.fullmatch("my-very-long-resource-name-[0-9a-f]{7}", name)
    assert name == automatic_name(rule, "My-Very-Long-Resource-Name", b"seed", {}, None)
    assert automatic_name(Autoname(random=False), "index.html", b"seed", {}, None) == "index.html"
    assert automatic_name(rule, "x", b"seed", {}, Proposal("propose", "Own")) == "own"
    with pytest.raises(NamingError, match="automatic naming is disabled"):
        automatic_name(rule, "x", b"seed", {}, Proposal("disable", ""))


def test_a_name_that_leaves_no_room_for_the_digits_fails_as_the_providers_does() -> None:
    rule = Autoname(max=64)
    assert len(automatic_name(rule, "x" * 56, b"seed", {}, None)) == 64
    with pytest.raises(NamingError, match=r"^name 'x{57}-' plus 7 random chars is longer than maximum length 64"):
        automatic_name(rule, "x" * 57, b"seed", {}, None)
    # The provider counts neither what it puts before the name nor what it puts after it.
    alias = Autoname(start="alias/", max=238)
    assert len(automatic_name(alias, "x" * 230, b"seed", {}, None)) == 244
    with pytest.raises(NamingError, match=r"calculated name 'x{65}' exceeds maximum length of 64"):
        automatic_name(rule, "x", b"seed", {}, Proposal("propose", "x" * 65))
    # A name that the project enforces is AWS's to judge.
    assert automatic_name(rule, "x", b"seed", {}, Proposal("enforce", "y" * 65)) == "y" * 65


@pytest.mark.parametrize(
    ("token", "most"),
    [
        # The provider's own limits (pulumi-aws, provider/resource_overrides.go and aliases.go).
        ("aws:iam/role:Role", 64),
        ("aws:cloudwatch/eventRule:EventRule", 64),
        ("aws:lambda/function:Function", 64),
        ("aws:lambda/permission:Permission", 100),
        ("aws:kms/alias:Alias", 238),
        ("aws:lb/targetGroup:TargetGroup", 32),
        ("aws:s3/bucket:Bucket", 63),
        ("aws:sns/topic:Topic", 80),
        ("aws:sqs/queue:Queue", 80),
        # Of these it makes up to 255 characters, and AWS then takes fewer.
        ("aws:cloudwatch/eventTarget:EventTarget", 64),
        ("aws:eks/nodeGroup:NodeGroup", 63),
        ("aws:iam/instanceProfile:InstanceProfile", 128),
        ("aws:iam/policy:Policy", 128),
        ("aws:lb/loadBalancer:LoadBalancer", 32),
        ("aws:rds/instance:Instance", 63),
    ],
)
def test_what_no_name_can_be_longer_than(token: str, most: int) -> None:
    rule = rule_of(token)
    room = most - 7 - len(rule.separator)
    assert failures(token, rule.property, "x" * room, {}) == []
    assert failures(token, rule.property, "x" * (room + 1), {}) != []


def test_a_prefix_leaves_room_for_what_the_provider_adds() -> None:
    token = "aws:iam/role:Role"
    assert failures(token, "namePrefix", "x", {"namePrefix": "y" * 38}) == []
    (refused,) = failures(token, "namePrefix", "x", {"namePrefix": "y" * 39})
    assert refused == f"is '{'y' * 39}', but must be 38 characters at most: the provider adds 26"
