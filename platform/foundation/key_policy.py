"""Who may administer a key, and who may use it: never the same statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from foundation import log_group, service_linked_roles
from foundation.account import Account
from foundation.data_class import DataClass
from foundation.policy_document import Conditions, Statement, allow, document
from foundation.stack import Stack

# AWS's own list for administrators (AWS KMS Developer Guide, "Allows key administrators to administer the KMS key")
# has kms:Create*, which holds kms:CreateGrant: with it an administrator could hand the use of the key to anyone.
ADMINISTER: Final = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
USE: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
GRANT: Final = "kms:CreateGrant"


@dataclass(frozen=True)
class Use:
    """The AWS services through which a class's key is used."""

    services: tuple[str, ...]
    """As `kms:ViaService` names them, without Region and domain."""
    by_grant: tuple[str, ...] = ()
    """Those of them that hold on to the key with a grant, as EBS does for an attached volume."""


USES: Final = {
    DataClass.PHI: Use(("s3",)),
    # A database's storage and Performance Insights (Amazon RDS User Guide, "AWS KMS key management" and "Configuring an
    # AWS KMS policy for Performance Insights"); a repository's images (Amazon ECR User Guide, "Encryption at rest").
    DataClass.ARTIFACTS: Use(("s3", "rds", "ecr"), by_grant=("rds", "ecr")),
    # What is told goes through topics (Amazon SNS Developer Guide, "Key management", configuring permissions): whoever
    # writes to one uses the key.
    DataClass.LOGS: Use(("s3", "sns")),
    # RDS makes and rotates the password of a database's master user (Amazon RDS User Guide, "Password management with
    # Amazon RDS and AWS Secrets Manager", permissions required). By which of the two it asks for its grant is not told.
    DataClass.SECRETS: Use(("secretsmanager", "rds"), by_grant=("secretsmanager", "rds")),
    DataClass.CLUSTER: Use(("ec2", "eks"), by_grant=("ec2", "eks")),
}


NOT_SAID: Final = frozenset({"ecr", "eks"})
"""Services that ask for a grant and do not say, as far as is documented, that it is for an AWS resource.

CreateCluster does not say it (Amazon EKS User Guide, "Encrypt Kubernetes secrets with KMS on existing clusters", note),
and ECR's own policy does not ask for it (Amazon ECR User Guide, "Encryption at rest"). Both are known to kms:ViaService
(AWS KMS Developer Guide, "Services that support the kms:ViaService condition key"). Which operations they put into the
grant is documented for neither, so none is left out: nobody but the service can ask for it.
"""


def key_policy(
    stack: Stack, data_class: DataClass, administrators: Sequence[str], *, spot: bool, readers: Sequence[str] = ()
) -> pulumi.Output[str]:
    """The policy of the class's key in the stack.

    A principal uses the key only through the class's services, only from this account, and only where its own IAM
    policy allows that too; `readers` (ARNs of roles) read secrets without one. Administrators are those whom IAM lets
    administer keys and, if `administrators` (ARNs) is not empty, of them only the listed ones and the root user. An
    administrator who changes this policy to gain the use of the key is not stopped: CloudTrail records PutKeyPolicy.
    """
    account = stack.account
    statements = [administer(account, administrators), *_use(account, USES[data_class])]
    if data_class is DataClass.LOGS:
        statements += [_use_by_cloudwatch_logs(stack), use_by_alarms(stack), _use_by_events(stack)]
    if data_class is DataClass.SECRETS and readers:
        statements.append(_read_by(account, readers))
    if data_class is DataClass.CLUSTER:
        statements += [
            *_use_by_launchers(account, spot),
            _looked_at_by_eks(account),
            _use_by_sessions(account),
        ]
    return document(*statements)


def administer(account: Account, administrators: Sequence[str]) -> Statement:
    """The statement by which those whom IAM lets administer keys do so and, if `administrators` is not empty, of them
    only the listed ones (ARNs) and the root user."""
    # The account principal stays in, or a deleted role would leave a key that nobody can administer.
    listed: Conditions = {"ArnEquals": {"aws:PrincipalArn": [account.root, *administrators]}}
    return allow(
        "Administer",
        principals={"AWS": account.root},
        actions=ADMINISTER,
        resources="*",
        when=listed if administrators else None,
    )


def _through(account: Account, services: Sequence[str]) -> Conditions:
    return {
        "StringEquals": {
            "kms:CallerAccount": account.id,
            "kms:ViaService": [f"{service}.{account.region}.amazonaws.com" for service in services],
        }
    }


def _use(account: Account, use: Use) -> list[Statement]:
    through = _through(account, use.services)
    principals = {"AWS": account.root}
    statements = [allow("UseThroughServices", principals=principals, actions=USE, resources="*", when=through)]
    if use.by_grant:
        # A grant made for an AWS resource ends with it, and cannot be made for a person.
        saying = _through(account, [each for each in use.by_grant if each not in NOT_SAID])
        for_resources = {**saying, "Bool": {"kms:GrantIsForAWSResource": "true"}}
        statements += [
            allow("GrantToServices", principals=principals, actions=GRANT, resources="*", when=for_resources),
            *(
                allow(f"GrantTo{each.upper()}", principals=principals, actions=GRANT, resources="*", when=through)
                for each, through in ((each, _through(account, [each])) for each in use.by_grant if each in NOT_SAID)
            ),
            # What ends with its resource is given back: ECR asks for it (Amazon ECR User Guide, "Encryption at rest").
            allow(
                "RetireGrants",
                principals=principals,
                actions="kms:RetireGrant",
                resources="*",
                when=_through(account, use.by_grant),
            ),
        ]
    return statements


def _use_by_cloudwatch_logs(stack: Stack) -> Statement:
    # CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service": the context
    # ties the permission to this stack's log groups.
    return allow(
        "UseByCloudWatchLogs",
        principals={"Service": f"logs.{stack.account.region}.amazonaws.com"},
        actions=USE,
        resources="*",
        when={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_group.arns(stack)}},
    )


def use_by_alarms(stack: Stack) -> Statement:
    """The statement by which the stack's alarms write to a topic that the key encrypts (Amazon SNS Developer Guide,
    "Key management", compatibility between event sources from AWS services and encrypted topics)."""
    return allow(
        "UseByAlarms",
        principals={"Service": "cloudwatch.amazonaws.com"},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources="*",
        when={
            "StringEquals": {"aws:SourceAccount": stack.account.id},
            "ArnLike": {"aws:SourceArn": stack.account.arn("cloudwatch", f"alarm:{stack.name}-*")},
        },
    )


def _use_by_events(stack: Stack) -> Statement:
    # Of EventBridge the topic's key is not told whose rule it is (the same page of the Amazon SNS Developer Guide): so
    # the topic says whose it is.
    return allow(
        "UseByEvents",
        principals={"Service": "events.amazonaws.com"},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources="*",
        when={"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": stack.account.arn("sns", f"{stack.name}-*")}},
    )


def _use_by_launchers(account: Account, spot: bool) -> list[Statement]:
    # They launch instances whose volumes this key encrypts: EC2 then holds the key with a grant. No IAM policy of
    # theirs allows the use of a key, so the key's own names them (Amazon EC2 Auto Scaling User Guide, "Required AWS KMS
    # key policy for use with encrypted volumes").
    roles = [role.arn(account) for role in service_linked_roles.launchers(spot=spot)]
    through = _through(account, ("ec2",))
    for_resources = {**through, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        allow("UseByLaunchers", principals={"AWS": roles}, actions=USE, resources="*", when=through),
        allow("GrantByLaunchers", principals={"AWS": roles}, actions=GRANT, resources="*", when=for_resources),
    ]


def _looked_at_by_eks(account: Account) -> Statement:
    # EKS looks by the cluster's role whether key and grant are there, and calls the cluster unhealthy where it may not
    # (Amazon EKS User Guide, "Amazon EKS cluster IAM role"; "Default envelope encryption for all Kubernetes API data",
    # health checks). The role is no administrator of the key.
    return allow(
        "LookedAtByControlPlane",
        principals={"AWS": account.root},
        actions=["kms:DescribeKey", "kms:ListGrants"],
        resources="*",
        when={"StringEquals": {"kms:CallerAccount": account.id}},
    )


def _read_by(account: Account, readers: Sequence[str]) -> Statement:
    # Named, they need no policy of their own: roles of IAM Identity Center cannot be given one from here (IAM Identity
    # Center User Guide, "Referencing permission sets in resource policies, Amazon EKS, and AWS KMS").
    return allow(
        "ReadByPeople",
        principals={"AWS": list(readers)},
        actions="kms:Decrypt",
        resources="*",
        when=_through(account, ("secretsmanager",)),
    )


def _use_by_sessions(account: Account) -> Statement:
    # Whoever starts a session makes a key for it, and the instance decrypts it: each by itself, through no service (AWS
    # Systems Manager User Guide, "Turn on KMS key encryption of session data").
    return allow(
        "UseBySessions",
        principals={"AWS": account.root},
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources="*",
        when={
            "StringEquals": {"kms:CallerAccount": account.id},
            "StringLike": {"kms:EncryptionContext:aws:ssm:SessionId": "*"},
        },
    )
