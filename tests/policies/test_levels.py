"""What is mandatory under which profile, and what a policy configuration may set."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import grpc
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

import hipaa
from hipaa import catalogue, reasons
from hipaa.aws import advice
from hipaa.parameter import UnusableSetting
from hipaa.resource import Resource
from hipaa.rule import Level, Profile, Rule
from hipaa.verdict import Outcome
from local.aws.sdk_types import resource_model
from tests.policies.harness import analyze, secret_on_the_wire, served

RULES = {rule.name: rule for rule in hipaa.rules()}
WITH_PARAMETERS = [rule for rule in hipaa.rules() if rule.parameters]


def test_advice_has_a_reason_and_the_check_takes_its_parameters() -> None:
    for rule in hipaa.rules():
        taken = list(inspect.signature(rule.check).parameters)[1 if rule.scope == "resource" else 2 :]
        assert taken == [parameter.name for parameter in rule.parameters], rule.name
        assert all(len(reason) > 20 for reason in (rule.advisory, rule.proposed) if reason), rule.name


def test_what_is_mandatory_has_a_reason_too() -> None:
    """By the concern that the rule serves, or its own; and no reason is there for nothing."""
    law, told = catalogue.load(), reasons.load()
    mandatory = [rule for rule in hipaa.rules() if not rule.advisory]
    assert all(len(reasons.reason(rule)) > 20 for rule in hipaa.rules())
    assert all(reasons.reason(rule) == rule.advisory for rule in hipaa.rules() if rule.advisory)
    assert told.rules.keys() <= {rule.name for rule in mandatory}
    used = {reasons.reason(rule) for rule in mandatory}
    assert {*(f"{why} ({citation})" for citation, why in told.specifications.items()), *told.rules.values()} == used
    assert told.specifications.keys() <= law.specifications.keys()


# Of the same concern and of another level: each tells why, by itself.
TWINS = {
    "memorydb-cluster-keeps-snapshots": "elasticache-keeps-snapshots",
    "neptune-cluster-authenticates": "rds-instance-takes-iam-sign-in",
    "workload-runs-as-non-root": "task-containers-run-as-non-root",
    "lambda-function-runs-on-a-mended-runtime": "eks-cluster-version-is-pinned-and-supported",
    "kms-key-rotates": "secret-is-rotated",
}


@pytest.mark.parametrize("name", TWINS)
def test_twins_of_another_level_each_say_why(name: str) -> None:
    assert name in reasons.load().rules
    assert RULES[TWINS[name]].advisory


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("model-release-is-analysed", "sagemaker-endpoint-rolls-back-by-itself"),
        ("launch-template-has-no-key-pair", "instance-has-no-key-pair"),
    ],
)
def test_twins_are_of_one_level_for_one_reason(name: str, like: str) -> None:
    assert RULES[name].advisory == RULES[like].advisory != ""


def test_a_number_that_is_in_no_law_is_the_configurations_to_set() -> None:
    """Days, characters: where a mandatory rule's fix asks for a number of its own, a parameter has it."""
    for rule in (rule for rule in hipaa.rules() if not rule.advisory):
        asked = re.findall(r"(\d+) (?:days |characters )?or (?:more|less)\b", rule.fix)
        values = {str(parameter.default) for parameter in rule.parameters}
        assert set(asked) <= values | OTHER_NUMBERS.get(rule.name, set()), rule.name


# Numbers that somebody else sets: what they are follows from the text that is cited.
OTHER_NUMBERS = {"kms-key-rotates": {"365"}}


def test_the_proposal_makes_more_mandatory_and_nothing_less() -> None:
    proposed = {rule.name for rule in hipaa.rules() if rule.proposed}
    assert proposed
    for rule in hipaa.rules():
        law, proposal = rule.level(), rule.level(Profile.PROPOSAL)
        assert (law is not proposal) == (rule.name in proposed)
        assert law is Level.ADVISORY or proposal is Level.MANDATORY
    assert "a proposal and no law" in Profile.PROPOSAL.text


# By what the names of rules say that they are about; and which the same words mean otherwise.
CONCERNS = {
    "PATCHES": r"takes-(minor-)?up(grades|dates)$|latest-platform|approves-in-a-month|version-is-pinned-and-supported",
    "BACKUPS": r"is-backed-up$|keeps-(backups|snapshots)$|-copied-elsewhere$|^backup-plan-",
    "AUDIT": r"keeps?-(a-|its-|every-|flow-|access-)?logs?$|-(logs|streams)-its-|-records-|-its-audit$|logs-execution"
    r"|reaches-cloudwatch|tells-someone|are-told|are-logged|^guardduty|^cloudtrail-events|filter-has-an-alarm",
    "SCANS": r"-scans-",
    "SEGMENTS": r"denies-traffic-by-default|whom-no-policy-allows|peering-route|lets-out-to-named|names-its-namespaces",
    "PORTS": r"names-its-ports|closes-its-default-security-group|opens-no-port|keeps-administration-in",
    "ENCRYPTION": r"denies-insecure-transport|-speaks-tls|copy-is-encrypted|-ciphers$|rests-on-mutual-tls",
}
OTHERWISE = {
    "public-zone-records-queries",  # of strangers, for names that are public
}


@pytest.mark.parametrize("concern", CONCERNS)
def test_advice_of_one_concern_is_mandatory_alike_as_proposed(concern: str) -> None:
    said = getattr(advice, f"PROPOSED_{concern}")
    found = {r.name: r.proposed for r in hipaa.rules() if r.advisory and re.search(CONCERNS[concern], r.name)}
    assert {name for name, proposed in found.items() if proposed != said} <= OTHERWISE
    others = {rule.name for rule in hipaa.rules() if rule.proposed == said} - found.keys()
    assert others == set(), "the concern's words should find them"


def test_advice_for_one_reason_is_mandatory_alike_as_proposed() -> None:
    """For a reason that services share, which is of a concern; one of a module's may be of where a thing is kept."""
    shared = {value for value in vars(advice).values() if isinstance(value, str)}
    by_reason: dict[str, dict[str, list[str]]] = {}
    for rule in hipaa.rules():
        if rule.advisory in shared:
            by_reason.setdefault(rule.advisory, {}).setdefault(rule.proposed, []).append(rule.name)
    assert {reason: found for reason, found in by_reason.items() if len(found) > 1} == {}


@pytest.mark.parametrize("rule", WITH_PARAMETERS, ids=lambda rule: rule.name)
def test_wrong_value_is_refused_with_name_value_and_what_is_allowed(rule: Rule) -> None:
    for parameter in rule.parameters:
        assert rule.settings({})[parameter.name] == parameter.default
        assert json.loads(json.dumps(parameter.schema))["default"] in (
            parameter.default,
            list(_listed(parameter.default)),
        )
        for value in (parameter.least - 1, 2.5, True, "30", ["nowhere"], None, [1], {"a": 1}, float("inf")):
            with pytest.raises(UnusableSetting) as caught:
                rule.settings({parameter.name: value})
            assert f"{rule.name}: {parameter.name} is {value!r}; it must be {parameter.allowed}" in str(caught.value)
    with pytest.raises(UnusableSetting, match=f"{rule.name} has no parameter 'dyas': it has {rule.parameters[0].name}"):
        rule.settings({"dyas": 3})


def _listed(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def test_parameter_moves_the_limit() -> None:
    rule = RULES["log-group-is-kept-a-year"]
    group = Resource(rule.on[0], {"retentionInDays": 90})
    assert rule.judge(group).outcome is Outcome.FAILED
    assert rule.judge(group, settings=rule.settings({"days": 90.0})).outcome is Outcome.PASSED


@pytest.mark.parametrize("rule", WITH_PARAMETERS, ids=lambda rule: rule.name)
def test_what_is_to_be_written_follows_the_parameter(rule: Rule) -> None:
    for parameter in rule.parameters:
        if isinstance(parameter.default, int):
            other = parameter.least if parameter.default == parameter.most else parameter.most
            said = rule.fix_for(rule.settings({parameter.name: other}))
            assert (str(other) in said) == (str(parameter.default) in rule.fix)
            assert not re.search(rf"\b{parameter.default}\b", said)
    assert "{" not in rule.fix


def test_ranges_of_known_owners_are_not_the_internet() -> None:
    rule = RULES["security-group-opens-only-https-to-internet"]
    ssh = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["16.0.0.0/10", "2a00::/20"]}
    group = Resource(rule.on[0], {"ingress": [ssh]})
    assert rule.judge(group).outcome is Outcome.FAILED
    known = rule.settings({"allowed_ranges": ["16.0.0.0/8", "2a00::/20"]})
    assert rule.judge(group, settings=known).outcome is Outcome.PASSED
    for wide in (["0.0.0.0/0"], ["16.0.0.0/7"], ["16.0.0.0/8", "131.107.0.0/16"], ["::/0"], ["2a00::/19"]):
        with pytest.raises(UnusableSetting, match=r"together no wider than a /8 of IPv4 or a /20 of IPv6"):
            rule.settings({"allowed_ranges": wide})
    assert rule.judge(group).outcome is Outcome.FAILED, "what one run was told holds in that alone"
    narrow = rule.settings({"public_addresses": 0})
    one = Resource(rule.on[0], {"ingress": [ssh | {"cidrBlocks": ["131.107.1.1/32"]}]})
    assert [rule.judge(one).outcome, rule.judge(one, settings=narrow).outcome] == [Outcome.PASSED, Outcome.FAILED]


@pytest.mark.parametrize("rule", [rule for rule in hipaa.rules() if rule.remedy], ids=lambda rule: rule.name)
def test_a_remedy_mends_and_breaks_nothing_sound(rule: Rule) -> None:
    def after(example: object) -> Outcome:
        resource = example if isinstance(example, Resource) else Resource(rule.on[0], cast("dict[str, Any]", example))
        return rule.judge(Resource(resource.type, {**resource._values, **rule.remedy})).outcome

    assert {after(example) for example in rule.sound} <= {Outcome.PASSED, Outcome.NOT_APPLICABLE}
    assert after(rule.unsound[0]) is Outcome.PASSED
    for token in rule.on:
        model = resource_model(token)
        assert model is not None
        assert rule.remedy.keys() <= model.inputs.keys(), token


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    with served() as stub:
        yield stub


def configure(pack: analyzer_pb2_grpc.AnalyzerStub, name: str, level: int, properties: dict[str, object]) -> None:
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig[name].enforcementLevel = level
    request.policyConfig[name].properties.update(properties)
    pack.Configure(request)


@pytest.mark.pack
def test_the_pack_takes_parameters_and_levels_and_refuses_what_cannot_be(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    group, rule = "aws:cloudwatch/logGroup:LogGroup", "log-group-is-kept-a-year"
    with pytest.raises(grpc.RpcError) as caught:
        configure(pack, rule, analyzer_pb2.MANDATORY, {"days": 0})
    assert f"{rule}: days is 0" in caught.value.details()
    assert "a whole number from 1 to 3653" in caught.value.details()
    for days, level, told in ((365, analyzer_pb2.ADVISORY, 1), (90, analyzer_pb2.MANDATORY, 0)):
        configure(pack, rule, level, {"days": days})
        answers = analyze(pack, group, {"retentionInDays": 90}).diagnostics
        assert [one.enforcementLevel for one in answers if one.policyName == rule] == [level] * told
    configure(pack, rule, analyzer_pb2.MANDATORY, {"days": 2192})
    (answer,) = [one for one in analyze(pack, group, {"retentionInDays": 731}).diagnostics if one.policyName == rule]
    assert "at least 2192 days" in answer.message
    assert "Set retention_in_days to 2192 or more" in answer.message


def mended(pack: analyzer_pb2_grpc.AnalyzerStub, properties: dict[str, Any]) -> list[dict[str, Any]]:
    type_ = "aws:kms/key:Key"
    request = analyzer_pb2.AnalyzeRequest(type=type_, urn=f"urn:pulumi:dev::under-test::{type_}::it", name="it")
    request.properties.update(properties)
    return [json_format.MessageToDict(one.properties) for one in pack.Remediate(request).remediations]


@pytest.mark.pack
def test_the_pack_mends_where_it_is_told_to_and_nowhere_else(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    weak = {"enableKeyRotation": False, "description": secret_on_the_wire("hunter2")}
    assert mended(pack, weak) == []
    configure(pack, "kms-key-rotates", analyzer_pb2.REMEDIATE, {})
    (after,) = mended(pack, weak)
    assert (after["enableKeyRotation"], after["description"]) == (True, secret_on_the_wire("hunter2"))
    assert mended(pack, after) == []
    (sound,) = mended(pack, {"enableKeyRotation": False, "rotationPeriodInDays": 90})
    assert sound == {"enableKeyRotation": True, "rotationPeriodInDays": 90}, "what was sound stays as it is"
    (both,) = mended(pack, {"enableKeyRotation": False, "rotationPeriodInDays": 2000})
    assert both == {"enableKeyRotation": True, "rotationPeriodInDays": 365}
    left = [one.enforcementLevel for one in analyze(pack, "aws:kms/key:Key", weak).diagnostics]
    assert left == [analyzer_pb2.MANDATORY], "what is not mended is refused"
