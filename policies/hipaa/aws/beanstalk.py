"""AWS Elastic Beanstalk: environments that take updates and report how they are."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import (
    HEALTH_IS_NO_RECORD,
    OTHER_RECORDS_MAY_DO,
    PROPOSED_AUDIT,
    PROPOSED_PATCHES,
    UPGRADES_MAY_BE_BY_HAND,
)
from hipaa.resource import Properties
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, violation

ENVIRONMENT = "aws:elasticbeanstalk/environment:Environment"

_UPDATES = "aws:elasticbeanstalk:managedactions"
_HEALTH = "aws:elasticbeanstalk:healthreporting:system"
_LOGS = "aws:elasticbeanstalk:cloudwatch:logs"
_LAUNCH = "aws:autoscaling:launchconfiguration"
_VPC = "aws:ec2:vpc"


def _environment(*settings: tuple[str, str, str]) -> dict[str, Any]:
    told = [{"namespace": space, "name": name, "value": value} for space, name, value in settings]
    return {"application": "ward", "settings": told}


def _setting(environment: Properties, space: str, name: str) -> str | None:
    for setting in environment.objects("settings"):
        if setting.at("namespace") == space and setting.at("name") == name:
            return str(setting.at("value", "")).lower()
    return None


@rule(
    "beanstalk-environment-takes-updates",
    on=ENVIRONMENT,
    severity=MEDIUM,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Set ManagedActionsEnabled to true in aws:elasticbeanstalk:managedactions.",
    sound=[_environment((_UPDATES, "ManagedActionsEnabled", "true"))],
    unsound=[_environment(), _environment((_UPDATES, "ManagedActionsEnabled", "false"))],
)
def environment_takes_updates(environment: Properties) -> Verdict:
    """An environment takes its platform's minor versions and patches by itself."""
    if _setting(environment, _UPDATES, "ManagedActionsEnabled") == "true":
        return Verdict()
    return violation("`settings` does not set ManagedActionsEnabled to true")


@rule(
    "beanstalk-environment-reports-its-health",
    on=ENVIRONMENT,
    severity=LOW,
    advisory=HEALTH_IS_NO_RECORD,
    fix="Set SystemType to enhanced in aws:elasticbeanstalk:healthreporting:system.",
    sound=[_environment((_HEALTH, "SystemType", "enhanced"))],
    unsound=[_environment(), _environment((_HEALTH, "SystemType", "basic"))],
)
def environment_reports_its_health(environment: Properties) -> Verdict:
    """An environment reports in detail how its machines and requests are."""
    if _setting(environment, _HEALTH, "SystemType") == "enhanced":
        return Verdict()
    return violation("`settings` does not set SystemType to enhanced")


@rule(
    "beanstalk-environment-streams-its-logs",
    on=ENVIRONMENT,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set StreamLogs to true in aws:elasticbeanstalk:cloudwatch:logs.",
    sound=[_environment((_LOGS, "StreamLogs", "true"))],
    unsound=[_environment(), _environment((_LOGS, "StreamLogs", "false"))],
)
def environment_streams_its_logs(environment: Properties) -> Verdict:
    """An environment sends its machines' logs to CloudWatch Logs, which outlive them."""
    if _setting(environment, _LOGS, "StreamLogs") == "true":
        return Verdict()
    return violation("`settings` does not set StreamLogs to true")


@rule(
    "beanstalk-instances-require-imdsv2",
    on=ENVIRONMENT,
    severity=HIGH,
    fix="Leave DisableIMDSv1 out of aws:autoscaling:launchconfiguration, or set it to true.",
    sound=[_environment((_LAUNCH, "DisableIMDSv1", "true")), _environment()],
    unsound=[_environment((_LAUNCH, "DisableIMDSv1", "false")), _environment((_LAUNCH, "DisableIMDSv1", "False"))],
)
def instances_require_imdsv2(environment: Properties) -> Verdict:
    """An environment's instances give credentials only to IMDSv2 requests.

    So do those of current platforms by themselves ("Configuring the IMDS on your environment's instances").
    """
    if _setting(environment, _LAUNCH, "DisableIMDSv1") == "false":
        return violation("`settings` sets DisableIMDSv1 to false; it must be true, or left out")
    return Verdict()


@rule(
    "beanstalk-instances-have-no-public-address",
    on=ENVIRONMENT,
    severity=HIGH,
    fix="Leave AssociatePublicIpAddress out of aws:ec2:vpc, and name private Subnets there.",
    sound=[
        _environment((_VPC, "VPCId", "vpc-1a2b3c4d"), (_VPC, "Subnets", "subnet-1a2b3c4d")),
        _environment((_VPC, "AssociatePublicIpAddress", "false")),
    ],
    unsound=[_environment((_VPC, "VPCId", "vpc-1a2b3c4d"), (_VPC, "AssociatePublicIpAddress", "true"))],
)
def instances_have_no_public_address(environment: Properties) -> Verdict:
    """An environment's instances have no address that the internet can reach."""
    if _setting(environment, _VPC, "AssociatePublicIpAddress") == "true":
        return violation("`settings` sets AssociatePublicIpAddress to true; it must be left out")
    return Verdict()
