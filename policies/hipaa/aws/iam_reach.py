"""AWS IAM's identity policies by what their holder reaches: every secret, every record, every guard.

What a policy gives of a whole service, or of everything, `iam_policies` says.
"""

from __future__ import annotations

from hipaa.aws.iam_documents import DOCUMENTS, POLICY, allowing, each_document, inline, says
from hipaa.aws.iam_policies import is_administrator, whole
from hipaa.iam.document import Document
from hipaa.iam.holding import grants
from hipaa.resource import Resource
from hipaa.rule import HIGH, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict

_SECRETS = "arn:aws:secretsmanager:us-east-1:111122223333:secret"
_SECRETS_READ = ("secretsmanager:GetSecretValue",)
# One of a kind again; `ssm:GetParameter` on anything is in AWS's own policy for every instance that it manages.
_RECORDS_READ = (
    *("s3:GetObject", "dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query", "ssm:GetParameter", "ssm:GetParameters"),
    *("ssm:GetParametersByPath", "rds-db:connect", "redshift:GetClusterCredentials", "healthlake:ReadResource"),
    *("medical-imaging:GetImageFrame", "rds-data:ExecuteStatement", "es:ESHttpGet", "neptune-db:ReadDataViaQuery"),
)
_GUARDS_TAKEN = (
    *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketAcl"),
    *("cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "logs:DeleteLogGroup"),
    *("config:StopConfigurationRecorder", "guardduty:DeleteDetector", "kms:ScheduleKeyDeletion", "kms:DisableKey"),
    *("backup:DeleteRecoveryPoint", "ec2:DeleteFlowLogs", "secretsmanager:PutResourcePolicy"),
)


def _on_anything(found: Document, actions: tuple[str, ...]) -> list[str]:
    """Those of the actions that a document allows on what it does not name, where no other rule says so already."""
    if is_administrator(found):
        return []
    said = whole(found)
    return [action for action in actions if action.partition(":")[0] not in said and grants(found, action)]


def _none_on_anything(resource: Resource, stack: Stack, actions: tuple[str, ...], what: str, told: int = 1) -> Verdict:
    """Whether no document allows any of these actions on what it does not name; so many of them are told, and `what`
    is wrong with it."""

    def check(found: Document, where: str) -> Verdict:
        allowed = _on_anything(found, actions)
        return says(where, f"allows {', '.join(allowed[:told])} {what}") if allowed else Verdict()

    return each_document(resource, stack, check)


@stack_rule(
    "iam-policy-reads-named-secrets",
    on=DOCUMENTS,
    severity=HIGH,
    fix="Name in Resource the ARNs of the secrets that the task reads, or bound it by secretsmanager:ResourceTag.",
    sound=[
        [Resource(POLICY, allowing("secretsmanager:GetSecretValue", resource=f"{_SECRETS}:prod/db-??????"))],
        [Resource(POLICY, allowing("secretsmanager:GetSecretValue", resource=f"{_SECRETS}:prod/*"))],
        [Resource(POLICY, allowing("secretsmanager:Get*", StringEquals={"aws:ResourceTag/team": "ward-7"}))],
        [Resource(POLICY, allowing("secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"))],
    ],
    unsound=[
        [Resource(POLICY, allowing("secretsmanager:Get*"))],
        [Resource(POLICY, allowing("secretsmanager:GetSecretValue", resource=f"{_SECRETS}:*"))],
        [Resource(POLICY, allowing("secretsmanager:*SecretValue", resource="arn:aws:secretsmanager:*:*:*"))],
        [inline("secretsmanager:GetSecretValue")],
    ],
)
def policy_reads_named_secrets(resource: Resource, stack: Stack) -> Verdict:
    """No policy reads every secret that there is.

    Who holds it has each database's password, and each partner's: what secrets keep apart lies open together.
    """

    return _none_on_anything(resource, stack, _SECRETS_READ, "on any secret; it must name the secrets")


@stack_rule(
    "iam-policy-reads-named-records",
    on=DOCUMENTS,
    severity=MEDIUM,
    advisory="keys and the stores' own policies may bound it still; less than all is the minimum that a task needs",
    fix="Name in Resource the buckets, tables, parameters or databases that the task reads.",
    sound=[
        [Resource(POLICY, allowing("s3:GetObject", resource="arn:aws:s3:::records/*"))],
        [Resource(POLICY, allowing("dynamodb:Query", resource="arn:aws:dynamodb:*:111122223333:table/records"))],
        [Resource(POLICY, allowing("rds-db:connect", resource="arn:aws:rds-db:*:111122223333:dbuser:cluster-1/app"))],
        [Resource(POLICY, allowing("s3:ListAllMyBuckets", "dynamodb:ListTables"))],
    ],
    unsound=[
        [Resource(POLICY, allowing("s3:GetObject", resource="arn:aws:s3:::*/*"))],
        [Resource(POLICY, allowing("s3:Get*"))],
        [Resource(POLICY, allowing("rds-db:connect"))],
        [Resource(POLICY, allowing("dynamodb:Scan", resource="arn:aws:dynamodb:us-east-1:111122223333:table/*"))],
        [inline("ssm:GetParameter*")],
    ],
)
def policy_reads_named_records(resource: Resource, stack: Stack) -> Verdict:
    """No policy reads all that a service keeps: each bucket, table or database that there is, and will be."""
    return _none_on_anything(resource, stack, _RECORDS_READ, "on anything; it must name what is read")


@stack_rule(
    "iam-policy-takes-no-guard-away",
    on=DOCUMENTS,
    severity=MEDIUM,
    advisory="somebody has to be able to, and what was done is on record; fewer should, and of what they name",
    fix="Leave the action out, or name in Resource the bucket, trail, key or log group that it is for.",
    sound=[
        [Resource(POLICY, allowing("s3:PutBucketPolicy", resource="arn:aws:s3:::records"))],
        [Resource(POLICY, allowing("cloudtrail:LookupEvents", "cloudtrail:GetTrailStatus"))],
        [Resource(POLICY, allowing("kms:ScheduleKeyDeletion", StringEquals={"aws:ResourceTag/team": "ward-7"}))],
    ],
    unsound=[
        [Resource(POLICY, allowing("s3:PutBucketPolicy"))],
        [Resource(POLICY, allowing("cloudtrail:StopLogging"))],
        [Resource(POLICY, allowing("cloudtrail:Stop*", resource="arn:aws:cloudtrail:*:111122223333:trail/*"))],
        [inline("guardduty:Delete*")],
    ],
)
def policy_takes_no_guard_away(resource: Resource, stack: Stack) -> Verdict:
    """No policy lets its holder open any bucket, stop any trail or end any key, of whichever name."""
    return _none_on_anything(resource, stack, _GUARDS_TAKEN, "on anything; it must name on what", told=3)
