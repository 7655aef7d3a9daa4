"""How properties are read: what is unknown is never passed, what is secret is never shown."""

import pytest

import hipaa
from hipaa.resource import UNKNOWN, Items, Properties, Resource, Secret, UnknownValue, secrets_read, show
from hipaa.rule import HIGH, Rule, Unreadable, rule
from hipaa.verdict import (
    Outcome,
    Verdict,
    all_of,
    at_least,
    at_most,
    is_,
    is_empty,
    is_set,
    not_applicable,
    one_of,
    undecided,
    violation,
)


def items(*values: object) -> Items:
    return Items(values, "list", False)


def test_nested_values_are_read_by_path() -> None:
    properties = Properties({"rules": [{"id": "a", "days": 7}, {"id": "b"}], "name": "data"})
    assert properties.at("rules.1.id") == "b"
    assert properties.at("rules.2.id") is None
    assert properties.at("name.first", "none") == "none"
    assert [item["id"] for item in properties.objects("rules")] == ["a", "b"]
    assert properties.objects("absent") == []


def test_unknown_of_no_origin_is_the_providers() -> None:
    resource = Resource("t", {"a": 1, "b": UNKNOWN, "c": UNKNOWN}, sources={"c": ["urn:pulumi:x"]})
    assert [name for name in "abcd" if resource.is_set_by_program(name)] == ["a", "c"]


def test_unknown_is_raised_only_when_read() -> None:
    properties = Properties({"known": 1, "block": {"inner": UNKNOWN}, "list": ["a", UNKNOWN]})
    assert properties["known"] == 1
    assert "inner" in properties["block"]
    with pytest.raises(UnknownValue, match=r"block\.inner"):
        properties.at("block.inner")
    with pytest.raises(UnknownValue, match=r"list\.1"):
        list(properties["list"])


def test_items_are_judged_one_by_one() -> None:
    properties = Properties({"list": [UNKNOWN, {"inner": UNKNOWN}, {"inner": 1}]})
    verdict = properties.each("list", lambda item: violation("one") if item["inner"] == 1 else Verdict())
    assert verdict == Verdict(violations=("one",), unknown=("list.0", "list.1.inner"))
    assert Properties({"list": UNKNOWN}).each("list", lambda item: Verdict()) == undecided("list")
    assert Properties({"list": {"a": 1}}).each("list", lambda item: violation("one")) == violation("one")
    assert Properties({}).each("list", lambda item: violation("one")) == Verdict()


def test_items_are_a_sequence() -> None:
    assert items(1, 2, 3)[1:] == [2, 3]
    assert 2 in items(1, 2)


def test_requirement_on_unknown_is_undecided() -> None:
    verdict = Properties({"policy": UNKNOWN}).require("policy", is_set())
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.unknown == ("policy",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "`days` is not set; it must be at least 30 days"),
        ({"days": 7.0}, "`days` is 7; it must be at least 30 days"),
        ({"days": "many"}, "`days` is 'many'; it must be at least 30 days"),
        ({"days": True}, "`days` is true; it must be at least 30 days"),
        ({"days": Secret(7)}, "`days` is a secret value; it must be at least 30 days"),
        ({"days": "x" * 80}, f"`days` is '{'x' * 56}...; it must be at least 30 days"),
    ],
)
def test_message_names_property_value_and_requirement(values: dict[str, object], message: str) -> None:
    assert Properties(values).require("days", at_least(30, "days")).violations == (message,)


def test_message_names_what_the_provider_assumes() -> None:
    verdict = Properties({}).require("enabled", is_(True), default=False)
    assert verdict.violations == ("`enabled` is not set (which means false); it must be true",)


def test_secret_around_a_value_hides_the_value() -> None:
    properties = Properties({"block": Secret({"word": "hunter2"})})
    nested = properties.objects("block")[0]
    assert properties.at("block.word") == "hunter2"
    assert "hunter2" not in properties.require("block.word", is_("x")).violations[0]
    assert "hunter2" not in nested.require("word", is_("x")).violations[0]
    assert "hunter2" not in repr(Secret("hunter2"))


def test_reads_of_secrets_are_noted() -> None:
    properties = Properties({"open": 1, "closed": Secret([1, 2])})
    with secrets_read() as paths:
        assert properties["open"] == 1
    assert paths == []
    with secrets_read() as paths:
        assert list(properties["closed"]) == [1, 2]
    assert set(paths) == {"closed", "closed.0", "closed.1"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not set"), (items(), "empty"), (items(1), "a list of 1"), (Properties({}), "an object"), (2.5, "2.5")],
)
def test_show(value: object, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("met", "requirement", "value"),
    [
        (True, is_(True), True),
        (False, is_(True), "true"),
        (False, is_(1), True),
        (True, one_of("a", "b"), "b"),
        (False, one_of("a", "b"), None),
        (True, at_most(3), 3),
        (False, at_most(3), None),
        (True, is_set(), 0),
        (False, is_set(), ""),
        (True, is_empty(), None),
        (False, is_empty(), ["a"]),
    ],
)
def test_requirement(met: bool, requirement: object, value: object) -> None:
    assert requirement.met(value) is met  # type: ignore[attr-defined]


def test_violations_survive_what_is_unknown() -> None:
    verdict = all_of(violation("wrong"), undecided("later"), Verdict())
    assert verdict.outcome is Outcome.FAILED
    assert verdict.unknown == ("later",)


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ([], Outcome.PASSED),
        ([not_applicable("a")], Outcome.NOT_APPLICABLE),
        ([not_applicable("a"), Verdict()], Outcome.PASSED),
        ([not_applicable("a"), undecided("b")], Outcome.UNDECIDED),
    ],
)
def test_verdicts_add_up(verdicts: list[Verdict], outcome: Outcome) -> None:
    assert all_of(*verdicts).outcome is outcome


def made(check: object) -> Rule:
    decorate = rule("some-rule-name", on="aws:s3/bucket:Bucket", severity=HIGH, fix="Mend it.", sound=[], unsound=[])
    return decorate(check)  # type: ignore[arg-type]


def test_rule_that_reads_the_unknown_is_undecided() -> None:
    verdict = made(lambda bucket: Verdict() if bucket["acl"] else violation("no")).judge(
        Resource("t", {"acl": UNKNOWN})
    )
    assert verdict == undecided("acl")


def test_rule_that_tells_a_secret_is_silenced() -> None:
    verdict = made(lambda bucket: violation(f"it is {bucket['acl']}")).judge(Resource("t", {"acl": Secret("hunter2")}))
    assert verdict.violations == ("what is wrong is withheld, for `acl` is secret",)


def test_what_cannot_be_read_is_a_violation() -> None:
    def check(_bucket: Resource) -> Verdict:
        raise Unreadable("`policy` is no policy")

    assert made(check).judge(Resource("t")).violations == ("`policy` is no policy",)


def test_nulls_in_a_list_say_nothing_and_the_others_keep_their_places() -> None:
    group = Resource("a:b:C", {"cidrBlocks": ["10.0.0.0/16", None, Secret(None), UNKNOWN], "rules": [None, {"to": 1}]})
    blocks = group["cidrBlocks"]
    assert (len(blocks), blocks[0]) == (2, "10.0.0.0/16")
    with pytest.raises(UnknownValue, match=r"cidr_blocks\.3"):
        blocks[1]
    assert group.at("rules.0.to") == 1
    (rule,) = group.objects("rules")
    assert rule.where("to") == "rules.1.to"


def test_a_kind_of_the_core_is_the_same_by_its_api_version_alone() -> None:
    for kind in ("ConfigMap", "PodList"):
        assert Resource(f"kubernetes:v1:{kind}").type == f"kubernetes:core/v1:{kind}"
    for type_ in ("kubernetes:apps/v1:Deployment", "kubernetes:v1alpha1:Thing", "aws:s3/bucket:Bucket"):
        assert Resource(type_).type == type_


@pytest.mark.parametrize(
    "text",
    ["http://ftp:hunter2Xq@partner.example.com", "postgresql://app:hunter2Xq@db/records", "AKIA2E0A8F3B244C9986"],
)
def test_secret_in_plain_sight_is_told_by_no_message(text: str) -> None:
    (connector,) = (one for one in hipaa.rules() if one.name == "transfer-connector-uses-tls")
    (told,) = Resource("t", {"url": text}).require("url", is_("https")).violations
    assert told == "`url` is a text with a secret in it; it must be 'https'"
    assert not any(text in one for one in connector.judge(Resource(connector.on[0], {"url": text})).violations)
    plain = connector.judge(Resource(connector.on[0], {"url": "http://partner.example.com"}))
    assert "'http://partner.example.com'" in plain.violations[0]


def test_one_of_a_single_value_is_that_value() -> None:
    assert (one_of("https-only").text, one_of("a", "b").text) == ("'https-only'", "one of 'a', 'b'")
