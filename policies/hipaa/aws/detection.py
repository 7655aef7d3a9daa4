"""What looks for attackers and flaws in an account: GuardDuty, Security Hub, Macie, Inspector."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT, PROPOSED_SCANS
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, violation

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
GUARDDUTY_ORGANIZATION = "aws:guardduty/organizationConfiguration:OrganizationConfiguration"
SECURITY_HUB = "aws:securityhub/account:Account"
STANDARD = "aws:securityhub/standardsSubscription:StandardsSubscription"
CONTROL = "aws:securityhub/standardsControl:StandardsControl"
MACIE = "aws:macie2/account:Account"
INSPECTOR = "aws:inspector2/enabler:Enabler"


@rule(
    "guardduty-detector-is-on",
    on=DETECTOR,
    severity=HIGH,
    fix="Leave enable out or set it to True.",
    sound=[{}, {"enable": True}],
    unsound=[{"enable": False}],
)
def detector_is_on(detector: Properties) -> Verdict:
    """A detector that is made looks for attackers."""
    return detector.require("enable", is_(True), default=True)


def _source(**told: Any) -> dict[str, Any]:
    return {"datasources": told}


@rule(
    "guardduty-detector-keeps-its-sources",
    on=(DETECTOR, FEATURE),
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Leave datasources out or enable them; set a DetectorFeature's status to ENABLED.",
    sound=[
        {},
        _source(s3Logs={"enable": True}),
        Resource(FEATURE, {"detectorId": "1", "name": "S3_DATA_EVENTS", "status": "ENABLED"}),
    ],
    unsound=[
        _source(s3Logs={"enable": False}),
        _source(kubernetes={"auditLogs": {"enable": False}}),
        Resource(FEATURE, {"detectorId": "1", "name": "EKS_AUDIT_LOGS", "status": "DISABLED"}),
    ],
)
def detector_keeps_its_sources(detector: Resource) -> Verdict:
    """A detector looks at what happens in S3, EKS, RDS, Lambda and on disks too."""
    if detector.type == FEATURE:
        return detector.require("status", is_("ENABLED"))
    return all_of(
        detector.require("datasources.s3Logs.enable", is_(True), default=True),
        detector.require("datasources.kubernetes.auditLogs.enable", is_(True), default=True),
        detector.require(
            "datasources.malwareProtection.scanEc2InstanceWithFindings.ebsVolumes.enable", is_(True), default=True
        ),
    )


@rule(
    "guardduty-watches-new-accounts",
    on=GUARDDUTY_ORGANIZATION,
    severity=MEDIUM,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set auto_enable_organization_members to ALL or NEW.",
    sound=[{"detectorId": "1", "autoEnableOrganizationMembers": "ALL"}],
    unsound=[{"detectorId": "1", "autoEnableOrganizationMembers": "NONE"}],
)
def watches_new_accounts(organization: Properties) -> Verdict:
    """A new account of the organization is watched from its first day."""
    some = Requirement("'ALL' or 'NEW'", lambda value: value in ("ALL", "NEW"))
    return organization.require("autoEnableOrganizationMembers", some)


_HUB = Resource(SECURITY_HUB, {"enableDefaultStandards": False})


@stack_rule(
    "securityhub-measures-by-a-standard",
    on=SECURITY_HUB,
    severity=MEDIUM,
    advisory="164.308(a)(8) asks for an evaluation, which may be made by other means",
    fix="Leave enable_default_standards out, or add a StandardsSubscription.",
    sound=[
        [Resource(SECURITY_HUB, {})],
        [_HUB, Resource(STANDARD, {"standardsArn": "arn:aws:securityhub:us-east-1::standards/nist-800-53/v/5.0.0"})],
    ],
    unsound=[[_HUB]],
)
def measures_by_a_standard(hub: Resource, stack: Stack) -> Verdict:
    """Security Hub measures the account by a standard: without one it has nothing to say."""
    if hub.at("enableDefaultStandards", True) is not False or stack.of(STANDARD):
        return Verdict()
    return violation("`enable_default_standards` is false, and the program has no StandardsSubscription")


@rule(
    "securityhub-control-is-off-for-a-reason",
    on=CONTROL,
    severity=LOW,
    advisory="164.308(a)(8) asks for an evaluation, which may be made by other means",
    fix="Set disabled_reason, or control_status=ENABLED.",
    sound=[
        {"standardsControlArn": "arn", "controlStatus": "ENABLED"},
        {"standardsControlArn": "arn", "controlStatus": "DISABLED", "disabledReason": "No such service is used."},
    ],
    unsound=[{"standardsControlArn": "arn", "controlStatus": "DISABLED"}],
)
def control_is_off_for_a_reason(control: Properties) -> Verdict:
    """A control of Security Hub that is off says why."""
    if control.at("controlStatus") != "DISABLED":
        return Verdict()
    return control.require("disabledReason", is_set())


@rule(
    "macie-session-is-on",
    on=MACIE,
    severity=MEDIUM,
    advisory="where ePHI is, is for the risk analysis to say; Macie finds what came into a bucket by mistake",
    fix="Leave status out or set it to ENABLED.",
    sound=[{}, {"status": "ENABLED"}],
    unsound=[{"status": "PAUSED"}],
)
def macie_is_on(session: Properties) -> Verdict:
    """Macie, where a program has it, looks for personal data in buckets."""
    return session.require("status", is_("ENABLED"), default="ENABLED")


@rule(
    "inspector-scans-machines-and-images",
    on=INSPECTOR,
    severity=MEDIUM,
    advisory="164.308(a)(1)(ii)(A) asks for an analysis of risks, which may be made by other means",
    proposed=PROPOSED_SCANS,
    fix="Set resource_types to [EC2, ECR, LAMBDA].",
    sound=[{"accountIds": ["111122223333"], "resourceTypes": ["EC2", "ECR", "LAMBDA"]}],
    unsound=[{"accountIds": ["111122223333"], "resourceTypes": ["EC2"]}],
)
def scans_machines_and_images(enabler: Properties) -> Verdict:
    """Inspector looks for known flaws in machines, images and functions."""
    scanned = enabler.texts("resourceTypes")
    lacking = [kind for kind in ("EC2", "ECR", "LAMBDA") if kind not in scanned]
    return violation(f"`resource_types` lacks {', '.join(lacking)}") if lacking else Verdict()
