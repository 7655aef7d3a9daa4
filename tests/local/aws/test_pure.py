"""Conversion, comparison, tags, policies: what can be decided without an engine."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.aws import configuration
from local.aws.calls import operation_model
from local.aws.check import Checker
from local.aws.configuration import ConfigurationError
from local.aws.constraints import violation
from local.aws.convert import from_api, to_api
from local.aws.declaration import resource_type
from local.aws.diff import Comparer
from local.aws.facts import facts
from local.aws.nested import keep, segments
from local.aws.policies import same_json
from local.aws.policy_document import policy_document
from local.aws.security_group_rules import held, is_network, permissions, rules
from local.aws.tags import TagRules
from local.plugin.values import UNKNOWN, marshal, scrub, secret_texts, unmarshal
from tests.examples import examples

LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
TEXT = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


def _compare(token: str, state: dict[str, Any], inputs: dict[str, Any], ignored: list[str] | None = None) -> list[str]:
    known = facts(token)
    assert known is not None
    return [f"{one.kind} {one.path}" for one in Comparer(known).changes(state, inputs, inputs, ignored or [])]


@settings(max_examples=examples(), deadline=None)  # the first example may have to read the SDK
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": TEXT, "status": st.sampled_from(["Enabled", "Disabled"])},
            optional={
                "expiration": st.fixed_dictionaries({"days": st.integers(1, 999)}),
                "filter": st.fixed_dictionaries(
                    {"and": st.fixed_dictionaries({"tags": st.dictionaries(TEXT, TEXT, min_size=3)})}
                ),
                "transitions": st.lists(
                    st.fixed_dictionaries({"days": st.integers(1, 9), "storageClass": st.just("GLACIER")}), min_size=1
                ),
            },
        ),
        min_size=1,
    )
)
def test_what_goes_to_the_api_comes_back(rules_given: list[dict[str, Any]]) -> None:
    known = facts(LIFECYCLE)
    assert known is not None
    shape = operation_model("s3", "put_bucket_lifecycle_configuration").input_shape
    shape = shape.members["LifecycleConfiguration"].members["Rules"]
    sent = to_api(rules_given, shape, "rules")
    assert from_api(sent, known.model.outputs["rules"].type, known.model.nested, "rules") == rules_given


json_values = st.recursive(
    st.booleans() | st.integers(-(2**50), 2**50) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@settings(max_examples=examples(200), deadline=None)  # many small ones find what a few large ones do
@given(st.dictionaries(TEXT, json_values))
def test_what_goes_over_the_wire_comes_back(values: dict[str, Any]) -> None:
    assert unmarshal(marshal(values)) == (values, set())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", {"a": 2, "b": {"c": [{"d": 1, "e": 1}]}}),
        ("b.c[0].d", {"a": 1, "b": {"c": [{"d": 2, "e": 1}]}}),
        ('b["c"][*].e', {"a": 1, "b": {"c": [{"d": 1}]}}),
        ("b.x.y", {"a": 1, "b": {"c": [{"d": 1, "e": 1}]}}),
        ("b.c[7]", {"a": 1, "b": {"c": [{"d": 1, "e": 1}]}}),
    ],
)
def test_what_is_ignored_stays_as_it_is(path: str, expected: object) -> None:
    target = {"a": 1, "b": {"c": [{"d": 1, "e": 1}]}}
    keep(target, {"a": 2, "b": {"c": [{"d": 2}]}}, segments(path))
    assert target == expected


def test_an_ignored_path_is_written_in_several_ways() -> None:
    state = {"tags": {"a b": "1", "c": "1"}, "name": "n"}
    inputs = {"tags": {"a b": "2", "c": "2"}, "name": "n"}
    assert _compare("aws:cloudwatch/logGroup:LogGroup", state, inputs, ['tags["a b"]']) == ["update tags.c"]
    assert _compare("aws:cloudwatch/logGroup:LogGroup", state, inputs, ["tags[*]"]) == []


def _failures(token: str, **inputs: Any) -> dict[str, str]:
    declared, known = resource_type(token), facts(token)
    assert declared is not None
    assert known is not None
    checker = Checker(declared, known, set())
    checker.requirements(checker.check(inputs))
    return {one.property: one.reason for one in checker.failures}


def test_a_policy_is_json_or_an_object_that_becomes_it() -> None:
    role = "aws:iam/role:Role"
    document = {"Version": "2012-10-17", "Statement": []}
    assert _failures(role, assumeRolePolicy=document) == {}
    assert "must be JSON" in _failures(role, assumeRolePolicy='{"Version"')["assumeRolePolicy"]
    assert "must be JSON" in _failures("aws:kms/key:Key", policy="none")["policy"]
    assert marshal({"p": json.dumps(document)}, [("p", "Statement")])["p"]["value"] == json.dumps(document)


def test_what_is_unknown_or_wrong_already_does_not_hide_the_rest() -> None:
    subnet = "aws:ec2/subnet:Subnet"
    assert set(_failures(subnet, vpcId=UNKNOWN, cidrBlock="10.0.0.1/24")) == {"cidrBlock"}
    assert "must be a text" in _failures(subnet, vpcId="v", cidrBlock={})["cidrBlock"]


def test_unknown_and_secret_values_keep_their_nature() -> None:
    values = {"a": UNKNOWN, "b": {"c": "hidden", "d": "open"}}
    assert unmarshal(marshal(values, {("b", "c")})) == (values, {("b", "c")})
    assert scrub("it is hidden", secret_texts(values, {("b", "c")})) == "it is [secret]"


POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"},
          "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"Action": ["s3:putobject", "s3:GetObject"]}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}, True),
        ({"Resource": ["*"]}, True),
        ({"Sid": ""}, True),
        ({"Condition": {}}, True),
        ({"Effect": "Deny"}, False),
        ({"Action": "s3:GetObject"}, False),
        ({"Principal": {"AWS": "210987654321"}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
    ],
)
def test_policies_that_say_the_same(change: dict[str, Any], same: bool) -> None:
    other = {**POLICY, "Statement": {**POLICY["Statement"][0], **change}}  # type: ignore[index]
    assert same_json(json.dumps(POLICY), json.dumps(other, indent=2)) is same


def test_a_policy_document_has_the_official_shape() -> None:
    result, failures = policy_document(
        {
            "statements": [
                {"sid": "One", "actions": ["s3:GetObject"], "resources": ["b", "a"],
                 "principals": [{"type": "AWS", "identifiers": ["x"]}],
                 "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}]},
                {"effect": "Deny", "notActions": ["iam:*"], "notPrincipals": [{"type": "*", "identifiers": ["*"]}]},
            ],
            "overridePolicyDocuments": [json.dumps({"Statement": [{"Sid": "One", "Effect": "Deny", "Action": "*"}]})],
        }
    )  # fmt: skip
    assert not failures
    assert json.loads(result["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "One", "Effect": "Deny", "Action": "*"},
            {"Effect": "Deny", "NotAction": "iam:*", "NotPrincipal": "*"},
        ],
    }


def test_reordered_lists_and_numbers_as_texts_are_no_change() -> None:
    rule = {"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": ["10.0.0.0/8", "10.1.0.0/16"]}
    other = {"protocol": "tcp", "fromPort": "1", "toPort": 1, "cidrBlocks": ["10.1.0.0/16", "10.0.0.0/8"]}
    second = {"protocol": "udp", "fromPort": 2, "toPort": 2, "self": True}
    assert _compare(GROUP, {"ingress": [rule, second]}, {"ingress": [second, other]}) == []
    assert _compare(GROUP, {"ingress": [rule, second]}, {"ingress": [other]}) == ["delete ingress[1]"]
    assert _compare(GROUP, {"ingress": [rule]}, {"ingress": [rule, second]}) == ["add ingress[1]"]


def test_what_the_provider_computes_may_be_left_out_and_nothing_else() -> None:
    state = {"ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0}], "description": "d", "tags": {"a": "b"}}
    assert _compare(GROUP, state, {"description": "d"}) == ["delete tags"]
    assert _compare(GROUP, state, {"description": UNKNOWN, "tags": {"a": "c", "b": "d"}}) == [
        "update description", "update tags.a", "add tags.b",
    ]  # fmt: skip
    assert _compare(GROUP, state, {"description": "e"}, ["description", "tags.*", "tags"]) == []


def test_tags() -> None:
    rules_of = TagRules({"owner": "team", "class": "none"}, ("skip",), ("x:",))
    assert rules_of.all_tags({"class": "phi", "skip": "1"}) == {"owner": "team", "class": "phi"}
    assert rules_of.all_tags({"class": UNKNOWN}) is UNKNOWN
    live = rules_of.live({"owner": "team", "class": "phi", "aws:managed": "1", "x:y": "1"})
    assert live == {"owner": "team", "class": "phi"}
    assert rules_of.own(live, {}) == {"class": "phi"}
    assert rules_of.own(live, {"owner": "team"}) == live


def test_rules_of_a_security_group() -> None:
    rule = {
        "protocol": "tcp",
        "fromPort": 1,
        "toPort": 2,
        "cidrBlocks": ["10.0.0.0/8"],
        "self": True,
        "description": "d",
    }
    assert rules(permissions([rule], "sg-1"), "sg-1") == [rule]
    wanted = {**rule, "securityGroupId": "sg-1"}
    assert held(permissions([rule], "sg-1"), wanted)
    assert not held(permissions([{**rule, "toPort": 3}], "sg-1"), wanted)
    assert is_network("10.0.0.0/16", 16, 28)
    assert not is_network("10.0.0.1/16", 16, 28)
    assert not is_network("10.0.0.0/8", 16, 28)


@pytest.mark.parametrize(
    ("value", "constraint", "allowed"),
    [
        (7, {"minimum": 7, "maximum": 30}, None),
        (31, {"minimum": 7, "maximum": 30}, "a number from 7 to 30"),
        ("b", {"enum": ["a", "c"]}, "one of a, c"),
        ("abc", {"maxLength": 2}, "0 to 2 characters"),
        ("A", {"patterns": ["^[a-z]$", "^[A-Z]$"]}, None),
        ([1, 2], {"maxItems": 1}, "0 to 1 elements"),
    ],
)
def test_constraints(value: object, constraint: dict[str, Any], allowed: str | None) -> None:
    assert violation(value, constraint) == allowed


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_a_loopback_endpoint_is_taken(url: str) -> None:
    assert configuration.configure({}, {"AWS_ENDPOINT_URL": url}).api.endpoint == url


@pytest.mark.parametrize(
    "url", ["", "http://10.0.0.1", "https://s3.amazonaws.com", "http://127.0.0.1@evil.com", "ftp://127.0.0.1"]
)
def test_any_other_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        configuration.configure({}, {"AWS_ENDPOINT_URL": url})
    settings = {"endpoints": json.dumps([{"s3": url}])} if url else {}
    assert configuration.check(settings, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"} if url else {})


def test_the_users_own_settings_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from local.aws.environment import detach_from_user

    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "mine", "AWS_SECRET_ACCESS_KEY": "x", "HOME": "/h"})
    detach_from_user()
    assert not {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"} & os.environ.keys()
