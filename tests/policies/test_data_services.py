"""What the rules over data and audit services say while something is not known yet, or depends on the day."""

import datetime
from typing import Any

import pytest

import hipaa
from hipaa import facts
from hipaa.resource import UNKNOWN, Resource
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict

RULES = {rule.name: rule for rule in hipaa.rules()}
TABLE = "aws:dynamodb/table:Table"
SELECTION = "aws:backup/selection:Selection"
FUNCTION = "aws:lambda/function:Function"


def judge(name: str, resource: Resource, *others: Resource) -> Verdict:
    return RULES[name].judge(resource, Stack([resource, *others]))


@pytest.mark.parametrize(
    ("day", "outcome"), [("2027-06-29", Outcome.PASSED), ("2027-06-30", Outcome.FAILED), ("2030-01-01", Outcome.FAILED)]
)
def test_runtime_is_mended_until_its_day(day: str, outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "today", lambda: datetime.date.fromisoformat(day))
    function = Resource(FUNCTION, {"role": "role", "runtime": "python3.11"})
    assert judge("lambda-function-runs-on-a-mended-runtime", function).outcome is outcome


def test_runtime_that_is_newer_than_the_facts_is_not_refused() -> None:
    function = Resource(FUNCTION, {"role": "role", "runtime": "python3.99"})
    assert judge("lambda-function-runs-on-a-mended-runtime", function).outcome is Outcome.PASSED


def table(**properties: Any) -> Resource:
    return Resource(TABLE, {"hashKey": "id"} | properties, name="visits")


def selection(**properties: Any) -> Resource:
    sources = properties.pop("sources", {})
    return Resource(SELECTION, {"planId": "plan"} | properties, name="all", sources=sources)


DAILY = {"type": "STRINGEQUALS", "key": "backup", "value": "daily"}
ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/visits"


@pytest.mark.parametrize(
    ("properties", "chosen", "outcome"),
    [
        ({"arn": ARN}, {"resources": [ARN]}, Outcome.PASSED),
        ({"arn": UNKNOWN}, {"resources": [UNKNOWN], "sources": {"resources": [table().urn]}}, Outcome.PASSED),
        ({"arn": UNKNOWN}, {"resources": [UNKNOWN]}, Outcome.UNDECIDED),
        ({"arn": UNKNOWN}, {"resources": ["arn:aws:dynamodb:*:*:table/*"]}, Outcome.PASSED),
        ({"arn": UNKNOWN}, {"resources": ["arn:aws:dynamodb:*:*:table/visits-*"]}, Outcome.UNDECIDED),
        ({"arn": UNKNOWN}, {"resources": ["arn:aws:rds:*:*:db:*"]}, Outcome.FAILED),
        ({"arn": ARN}, {"resources": ["*"], "notResources": ["arn:aws:dynamodb:*:*:table/*"]}, Outcome.FAILED),
        ({"tags": {"backup": "daily"}}, {"selectionTags": [DAILY]}, Outcome.PASSED),
        ({"tags": {"backup": UNKNOWN}}, {"selectionTags": [DAILY]}, Outcome.UNDECIDED),
        ({"tags": {"backup": "daily"}}, {"selectionTags": UNKNOWN}, Outcome.UNDECIDED),
        (
            {"arn": ARN, "tags": {"stage": "test"}},
            {
                "resources": ["*"],
                "conditions": [{"stringEquals": [{"key": "aws:ResourceTag/stage", "value": "prod"}]}],
            },
            Outcome.FAILED,
        ),
        (
            {"arn": ARN, "tags": {"stage": "prod"}},
            {
                "resources": ["*"],
                "conditions": [{"stringLikes": [{"key": "aws:ResourceTag/stage", "value": "pr*"}]}],
            },
            Outcome.PASSED,
        ),
    ],
)
def test_a_plan_takes_up_what_its_selection_says(
    properties: dict[str, Any], chosen: dict[str, Any], outcome: Outcome
) -> None:
    assert judge("dynamodb-table-keeps-backups", table(**properties), selection(**chosen)).outcome is outcome


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        ("opensearch-domain-stays-in-a-vpc", "aws:opensearch/domain:Domain", {"vpcOptions": UNKNOWN}),
        ("opensearch-domain-encrypts-storage", "aws:opensearch/domain:Domain", {"encryptAtRest": {"enabled": UNKNOWN}}),
        ("msk-cluster-authenticates-clients", "aws:msk/cluster:Cluster", {"clientAuthentication": UNKNOWN}),
        ("redshift-requires-tls", "aws:redshift/cluster:Cluster", {"clusterParameterGroupName": UNKNOWN}),
        ("glue-connection-requires-tls", "aws:glue/connection:Connection", {"connectionProperties": UNKNOWN}),
        ("lambda-url-asks-who-calls", "aws:lambda/functionUrl:FunctionUrl", {"authorizationType": UNKNOWN}),
        (
            "elasticache-authenticates-clients",
            "aws:elasticache/serverlessCache:ServerlessCache",
            {"userGroupId": UNKNOWN},
        ),
        ("batch-job-stays-unprivileged", "aws:batch/jobDefinition:JobDefinition", {"containerProperties": UNKNOWN}),
        (
            "sagemaker-endpoint-encrypts-with-cmk",
            "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
            {"kmsKeyArn": UNKNOWN},
        ),
    ],
)
def test_what_is_not_known_yet_is_not_refused(rule: str, type_: str, properties: dict[str, Any]) -> None:
    verdict = judge(rule, Resource(type_, properties, sources={name: ["urn:other"] for name in properties}))
    assert verdict.violations == ()


def test_password_of_a_warehouse_is_never_read() -> None:
    cluster = Resource("aws:redshift/cluster:Cluster", {"masterPassword": UNKNOWN})
    verdict = judge("redshift-leaves-its-password-to-secrets-manager", cluster)
    assert verdict.violations == ("`master_password` is set; Redshift must make the password",)


def test_cluster_of_three_engines_takes_each_ones_own_default() -> None:
    """Aurora PostgreSQL forces TLS from 17 on, RDS for PostgreSQL from 15 on, MySQL 8 never by itself."""
    cluster = "aws:rds/cluster:Cluster"
    for engine, release, outcome in (
        ("aurora-postgresql", "17.4", Outcome.PASSED),
        ("aurora-postgresql", "16.9", Outcome.FAILED),
        ("postgres", "16.9", Outcome.PASSED),
        ("mysql", "8.4.5", Outcome.FAILED),
    ):
        resource = Resource(cluster, {"engine": engine, "engineVersion": release})
        assert judge("rds-instance-requires-tls", resource).outcome is outcome, (engine, release)
