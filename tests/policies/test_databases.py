"""What the rules over databases and secrets say while something is not known yet."""

from typing import Any

import pytest

import hipaa
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict

INSTANCE = "aws:rds/instance:Instance"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
SECRET = "aws:secretsmanager/secret:Secret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"


def judge(name: str, resource: Resource, *others: Resource) -> Verdict:
    (rule,) = (rule for rule in hipaa.rules() if rule.name == name)
    return rule.judge(resource, Stack([resource, *others]))


def instance(**properties: Any) -> Resource:
    return Resource(INSTANCE, properties, name="records")


@pytest.mark.parametrize(
    "properties",
    [
        {"engine": "postgres"},
        {"engine": "postgres", "engineVersion": UNKNOWN},
        {"engine": UNKNOWN},
        {"replicateSourceDb": "records"},
        {"engine": "postgres", "engineVersion": "17", "parameterGroupName": "own"},
    ],
)
def test_tls_is_not_yet_decided_while_the_default_is_unknown(properties: dict[str, Any]) -> None:
    nameless = Resource(GROUP, {"id": UNKNOWN, "name": UNKNOWN, "family": "postgres14"})
    assert judge("rds-instance-requires-tls", instance(**properties), nameless).outcome is Outcome.UNDECIDED


def test_group_that_the_provider_will_name_is_the_default_one() -> None:
    database = instance(engine="postgres", engineVersion="17.4", parameterGroupName=UNKNOWN)
    assert judge("rds-instance-requires-tls", database).outcome is Outcome.PASSED


def test_parameter_whose_value_is_unknown_is_not_yet_decided() -> None:
    group = Resource(GROUP, {"id": "own", "family": "postgres16", "parameters": [UNKNOWN]})
    assert judge("rds-instance-requires-tls", instance(parameterGroupName="own"), group).outcome is Outcome.UNDECIDED


def test_message_names_the_group_and_the_parameter() -> None:
    (default,) = judge("rds-instance-requires-tls", instance(engine="postgres", engineVersion="14.9")).violations
    assert default == "postgres14.9's default group does not set rds.force_ssl to 1, so that clients may do without TLS"
    group = Resource(GROUP, {"id": "own", "family": "mysql8.0"}, name="own")
    (own,) = judge("rds-instance-requires-tls", instance(parameterGroupName="own"), group).violations
    assert own.startswith("the ParameterGroup own does not set require_secure_transport to 1")


def test_password_is_never_read() -> None:
    database = instance(password=Secret("hunter2"), manageMasterUserPassword=True, masterUserSecretKmsKeyId="key")
    verdict = judge("rds-instance-leaves-its-password-to-secrets-manager", database)
    assert verdict.violations == ("`password` is set; RDS must make the password",)


def test_days_that_are_kept_where_the_program_says_nothing() -> None:
    (of_instance,) = judge("rds-instance-keeps-backups", instance()).violations
    (of_cluster,) = judge("rds-instance-keeps-backups", Resource("aws:rds/cluster:Cluster", {})).violations
    assert "not set (which means 0)" in of_instance
    assert "not set (which means 1)" in of_cluster


def test_unknown_logs_are_not_yet_decided() -> None:
    exports = instance(engine="postgres", enabledCloudwatchLogsExports=[UNKNOWN])
    assert judge("rds-instance-exports-its-log", exports).outcome is Outcome.UNDECIDED


def test_rotation_before_the_secret_is_there() -> None:
    secret = Resource(SECRET, {"id": UNKNOWN, "arn": UNKNOWN}, name="records")
    rules = {"automaticallyAfterDays": 30}
    own = {"secretId": [secret.urn]}
    rotation = Resource(ROTATION, {"secretId": UNKNOWN, "rotationRules": rules}, sources=own)
    assert judge("secret-is-rotated", secret, rotation).outcome is Outcome.PASSED
    unknown = Resource(
        ROTATION, {"secretId": UNKNOWN, "rotationRules": {"automaticallyAfterDays": UNKNOWN}}, sources=own
    )
    assert judge("secret-is-rotated", secret, unknown).outcome is Outcome.UNDECIDED


def test_policy_before_the_secret_is_there() -> None:
    secret = Resource(SECRET, {"id": UNKNOWN, "arn": UNKNOWN}, name="records")
    policy = Resource(
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        {"secretArn": UNKNOWN, "policy": UNKNOWN},
        sources={"secretArn": [secret.urn]},
    )
    assert judge("secret-policy-names-its-readers", secret, policy).outcome is Outcome.UNDECIDED


def test_value_of_a_secret_is_never_read() -> None:
    version = Resource("aws:secretsmanager/secretVersion:SecretVersion", {"secretString": Secret("hunter2")})
    verdict = judge("secret-value-stays-out-of-state", version)
    assert verdict.violations == ("`secret_string` is set; the value must come from AWS or be write-only",)


def test_repository_whose_name_is_unknown_is_not_yet_scanned() -> None:
    repository = Resource("aws:ecr/repository:Repository", {"name": UNKNOWN})
    filters = [{"filter": "platform", "filterType": "WILDCARD"}]
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": filters}]
    registry = Resource("aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration", {"rules": rules})
    assert judge("ecr-repository-scans-on-push", repository, registry).outcome is Outcome.UNDECIDED
