"""The mutation score: what weakens a stack, what is judged anew, and why some changes survive."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import hipaa
from cli import mutation
from cli.output import Refused
from hipaa.mutation import survivors
from hipaa.mutation.graph import Planned, UnusableGraph, read
from hipaa.mutation.judging import Judge
from hipaa.mutation.mutators import MUTATORS, Mutant, mutants
from hipaa.mutation.score import MARK, Judged, Score, measure, shown
from hipaa.mutation.survivors import Kind, Survivor, Survivors, UnusableSurvivors
from hipaa.resource import Resource, Secret
from hipaa.stack import Stack

pytestmark = pytest.mark.plan

ROLE = "arn:aws:iam::123456789012:role/reader"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ALLOW = {
    "Effect": "Allow",
    "Principal": {"AWS": ROLE},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::records/*",
    "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
}
DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["s3:PutObject", "s3:GetObject"],
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def planned(inputs: dict[str, Any], type_: str = "test:index:Thing", name: str = "thing") -> Planned:
    return Planned(type_, name, f"urn:pulumi:dev::p::{type_}::{name}", inputs, {}, {})


def needs_nothing(_type: str, _path: str) -> bool:
    return False


def found(inputs: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Mutator, path and new value."""
    return {
        (one.mutator, one.path, shown(one.after, one.path))
        for one in mutants(planned(inputs), needs_nothing, is_free=False)
    }


@pytest.mark.parametrize(
    ("inputs", "mutator", "path", "after"),
    [
        ({"encrypted": True}, "turn-off", "encrypted", "false"),
        ({"public": False}, "turn-on", "public", "true"),
        ({"a": {"status": "Enabled"}}, "turn-off", "a.status", "Disabled"),
        ({"parameters": [{"name": "rds.force_ssl", "value": "1"}]}, "turn-off", "parameters.0.value", "0"),
        ({"a": {"b": [{"c": 1}]}}, "delete", "a.b.0.c", "not there"),
        ({"zones": ["a", "b"]}, "delete", "zones.1", "not there"),
        ({"cidrBlocks": ["10.0.0.0/16"]}, "widen", "cidrBlocks.0", "0.0.0.0/0"),
        ({"a": "fd00::/8"}, "widen", "a", "::/0"),
        ({"fromPort": 443}, "widen", "fromPort", "0"),
        ({"ipProtocol": "tcp"}, "widen", "ipProtocol", "-1"),
        ({"rules": [{"verbs": ["get"]}]}, "widen", "rules.0.verbs", '["*"]'),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, "widen", "podSelector", "{}"),
        ({"accounts": ["123456789012"]}, "add-principal", "accounts", '["123456789012", "999999999999"]'),
        ({"roleArn": ROLE}, "add-principal", "roleArn", ROLE.replace("123456789012", "999999999999")),
        ({"subjects": [{"kind": "User", "name": "a"}]}, "add-principal", "subjects", None),
        ({"retentionInDays": 400}, "shorten", "retentionInDays", "1"),
        ({"backupRetentionPeriod": 35}, "shorten", "backupRetentionPeriod", "0"),
        ({"deletionWindowInDays": 30}, "shorten", "deletionWindowInDays", "7"),
        ({"automaticallyAfterDays": 90}, "lengthen", "automaticallyAfterDays", "9000"),
        ({"sseAlgorithm": "aws:kms"}, "downgrade", "sseAlgorithm", "AES256"),
        ({"mtls": {"mode": "STRICT"}}, "downgrade", "mtls.mode", "PERMISSIVE"),
        ({"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}, "downgrade", None, "privileged"),
        ({"url": "https://a.example"}, "downgrade", "url", "http://a.example"),
        ({"image": f"a@sha256:{'a' * 64}"}, "downgrade", "image", "a:latest"),
        ({"engineVersion": "16.4"}, "downgrade", "engineVersion", "16.0"),
        ({"version": "1.36"}, "downgrade", "version", "1.31"),
        ({"kmsKeyId": KEY}, "swap-key", "kmsKeyId", "arn:aws:kms:us-east-1:123456789012:alias/aws/ebs"),
        ({"replicas": 3}, "fewer", "replicas", "1"),
        ({"containers": [{"name": "a", "image": "b"}]}, "open", "containers.0.securityContext.privileged", "true"),
        ({"policy": json.dumps({"Statement": [ALLOW]})}, "add-principal", "policy.Statement.0.Principal", "*"),
        ({"policy": json.dumps({"Statement": [ALLOW]})}, "widen", "policy.Statement.0.Action", "*"),
        ({"policy": json.dumps({"Statement": [ALLOW]})}, "delete", "policy.Statement.0.Condition", "not there"),
        ({"policy": json.dumps({"Statement": [DENY]})}, "delete", "policy.Statement.0", "not there"),
        ({"policy": json.dumps({"Statement": [DENY]})}, "delete", "policy.Statement.0.Action.1", "not there"),
        ({"policy": json.dumps({"Statement": [DENY]})}, "downgrade", "policy.Statement.0.Effect", "Allow"),
    ],
)
def test_what_weakens_is_known_by_name_value_and_place(
    inputs: dict[str, Any], mutator: str, path: str | None, after: str | None
) -> None:
    assert any(
        one == mutator and path in (None, where) and after in (None, value) for one, where, value in found(inputs)
    ), sorted(found(inputs))


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        # An allowance less allows less, and a Deny without its condition denies more.
        ({"policy": json.dumps({"Statement": [ALLOW]})}, "policy.Statement.0"),
        ({"policy": json.dumps({"Statement": [DENY]})}, "policy.Statement.0.Condition"),
        ({"verbs": ["get", "list"]}, "verbs.0"),
        # Names and words for people.
        ({"description": "a"}, "description"),
        ({"tags": {"Name": "a"}}, "tags.Name"),
    ],
)
def test_what_allows_less_or_says_nothing_is_no_weakening(inputs: dict[str, Any], path: str) -> None:
    assert ("delete", path, "not there") not in found(inputs)


def test_a_weakening_is_one_change_of_one_resource() -> None:
    whole = planned({"policy": json.dumps({"Statement": [ALLOW, DENY]}), "retentionInDays": 400, "encrypted": True})
    before = json.dumps(whole.inputs, sort_keys=True)
    made = list(mutants(whole, needs_nothing, is_free=True))
    assert json.dumps(whole.inputs, sort_keys=True) == before
    changed = Counter(
        sum(one.weaker.inputs.get(name) != value for name, value in whole.inputs.items()) for one in made if one.weaker
    )
    assert set(changed) == {1}, changed  # a document is read anew: what it says is compared
    assert [one.mutator for one in made if one.weaker is None] == ["detach"]


def test_what_the_provider_needs_is_not_taken_away() -> None:
    assert mutation.is_needed("aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status")
    assert not mutation.is_needed("aws:s3/bucketVersioning:BucketVersioning", "mfa")
    assert not mutation.is_needed("aws:kms/key:Key", "policy")
    assert not mutation.is_needed("kubernetes:core/v1:Pod", "spec")


def test_no_secret_is_ever_shown() -> None:
    inputs = {
        "password": "hunter2",
        "masterPassword": Secret("hunter2"),
        "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
        "a": {"b": Secret({"c": "hunter2"})},
        "url": "https://me:hunter2@a.example",
    }
    for one in mutants(planned(inputs), needs_nothing, is_free=True):
        assert "hunter2" not in shown(one.before, one.path) + shown(one.after, one.path), one.path


def test_a_verdict_asked_anew_is_the_one_of_the_whole_stack() -> None:
    """Whatever the examples of the rules over several resources are: what is left out changes nothing."""
    stack = [
        Planned(one.type, f"{number}-{place}", one.urn + f"-{number}-{place}", _renamed(one._values, number), {}, {})
        for number, rule in enumerate(rule for rule in hipaa.rules() if rule.scope == "stack")
        if number % 4 == 0
        for place, one in enumerate(rule.sound[0])
        if isinstance(one, Resource)
    ]
    judge = Judge(hipaa.rules(), stack)
    tried = 0
    for resource in stack:
        for mutant in list(mutants(resource, needs_nothing, is_free=True))[:: 1 + len(stack) // 60]:
            tried += 1
            anew = {(rule.name, verdict.violations) for rule, verdict in judge.changed(resource, mutant.weaker)}
            whole = list(_spoken(one if one.urn != resource.urn else mutant.weaker for one in stack))
            assert anew == {(rule, told) for rule, urn, told in whole if (rule, urn) not in judge.spoke}, mutant
    assert tried > 100


def _renamed(values: Any, number: int) -> dict[str, Any]:
    return {str(name): value for name, value in values.items()} | {"example": number}


def _spoken(stack: Iterable[Planned | None]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    there = [one for one in stack if one is not None]
    whole = Stack(one.as_made() for one in there)
    written = {one.urn: one.as_written() for one in there}
    for rule in hipaa.rules():
        for resource in whole.judged_by(rule.is_about):
            judged = resource if rule.scope == "stack" else written[resource.urn]
            if told := rule.judge(judged, whole).violations:
                yield rule.name, resource.urn, told


STATE = {
    "deployment": {
        "resources": [
            {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "custom": False},
            {"type": "my:own:Component", "urn": "urn:pulumi:dev::p::my:own:Component::c", "custom": False},
            {
                "type": "aws:kms/key:Key",
                "urn": "urn:pulumi:dev::p::aws:kms/key:Key::k",
                "custom": True,
                "id": "1-2",
                "inputs": {"__defaults": [], "enableKeyRotation": True},
                "outputs": {"enableKeyRotation": True, "arn": KEY},
                "propertyDependencies": {"policy": ["urn:pulumi:dev::p::aws:iam/role:Role::r"], "tags": None},
            },
        ]
    }
}


def test_a_state_and_a_preview_are_read_alike() -> None:
    (key,) = read(STATE)
    assert key.inputs == {"enableKeyRotation": True}
    assert key.computed == {"arn": KEY, "id": "1-2"}
    assert key.sources == {"policy": ("urn:pulumi:dev::p::aws:iam/role:Role::r",)}
    assert read({"steps": [{"op": "create", "newState": one} for one in STATE["deployment"]["resources"]]}) == (key,)


@pytest.mark.parametrize("document", [None, [], {}, {"deployment": None}, {"deployment": {"resources": []}}, "text"])
def test_what_holds_no_stack_is_refused(document: Any) -> None:
    with pytest.raises(UnusableGraph, match=r"pulumi stack export.*pulumi preview --json"):
        read(document)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("{")
    (tmp_path / "empty").write_text("{}")
    for name, told in (("none", "cannot be read"), ("text", "is not JSON"), ("empty", "it holds no resources")):
        with pytest.raises(Refused, match=told):
            mutation.stack_of(tmp_path / name)


def a_mutant(type_: str, property_: str, mutator: str) -> Mutant:
    return Mutant(planned({}, type_), mutator, property_, None, None, None)


def test_the_first_reason_that_is_about_a_change_counts_and_an_unneeded_one_is_told() -> None:
    first, second = (
        Survivor(types=("aws:kms/*",), properties=(path,), mutators=("delete",), kind=Kind.NO_WEAKER, reason="r" * 20)
        for path in ("tags[*", "*")
    )
    reasons = Survivors((first, second))
    assert reasons.of(a_mutant("aws:kms/key:Key", "tags", "delete")) == second
    assert reasons.of(a_mutant("aws:kms/key:Key", "tags", "widen")) is None
    assert reasons.of(a_mutant("aws:s3/bucket:Bucket", "tags", "delete")) is None
    assert reasons.unused() == [first]


def test_a_reason_for_a_mutator_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [
        {"mutators": ["delte"], "kind": "no-weaker", "reason": "It would be the default, which is the same."},
        {"mutators": ["delete"], "kind": "no-weaker", "reason": "short"},
    ]
    monkeypatch.setattr(survivors.yaml, "safe_load", lambda _text: wrong)
    with pytest.raises(UnusableSurvivors, match=r"(?s)entry 1: there is no mutator 'delte'.*entry 2: \('reason',\)"):
        survivors.entries.__wrapped__()


@pytest.fixture(scope="module")
def own() -> tuple[Planned, ...]:
    """The stack with every option on."""
    return mutation.own_stack()


@pytest.fixture(scope="module")
def sample(own: tuple[Planned, ...]) -> Score:
    """One change in so many, the same each time."""
    return measure(own, mutation.is_needed, every=17)


def test_every_mutator_finds_something_in_the_own_stack(sample: Score) -> None:
    assert (
        {"delete", "detach", "downgrade", "turn-off", "turn-on", "widen", "add-principal"}
        <= set(sample.by("mutator"))
        <= set(MUTATORS)
    )


def test_no_rule_breaks_on_a_weaker_stack(sample: Score) -> None:
    assert [one.mutant for one in sample.judged if one.broke] == []


def test_nothing_that_no_rule_speaks_of_is_without_a_reason(sample: Score) -> None:
    assert {(one.mutant.resource.type, one.mutant.property, one.mutant.mutator) for one in unexplained(sample)} == set()


def test_a_sample_of_the_weakenings_is_noticed(sample: Score) -> None:
    assert sample.score >= MARK


def test_what_is_told_adds_up(sample: Score) -> None:
    told = sample.told()
    assert len(told["mutants"]) == len(sample.judged) > 500
    assert told["caught"] + told["hole"] + told["no_weaker"] + told["not_asked"] == len(told["mutants"])
    assert told["score"] == round(100 * told["caught"] / (told["caught"] + told["hole"]), 2)
    assert all(("reason" in one) != bool(one["rules"]) for one in told["mutants"] if one["outcome"] != "hole")
    json.dumps(told)


@pytest.mark.timeout(1800)
def test_the_whole_stack_is_noticed_and_each_reason_needed(own: tuple[Planned, ...]) -> None:
    whole = measure(own, mutation.is_needed)
    assert whole.score >= MARK
    assert [one.mutant for one in whole.judged if one.broke] == []
    assert {(one.mutant.resource.type, one.mutant.property, one.mutant.mutator) for one in unexplained(whole)} == set()
    assert [(one.types, one.properties, one.mutators) for one in whole.unused] == []


def unexplained(score: Score) -> list[Judged]:
    return [one for one in score.judged if not one.rules and not one.reason]
