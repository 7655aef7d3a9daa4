"""What may be done through a VPC endpoint: this account's principals, on this account's resources.

Without such a policy a stolen session could carry data through the endpoint into a bucket or a log of a stranger.
"""

from typing import Final

import pulumi

from foundation.account import Account
from foundation.eks_registries import eks_registry
from foundation.policy_document import ANYONE, Conditions, Statement, Texts, allow, document

IAM_PREFIXES: Final = {
    "autoscaling": "autoscaling",
    "ec2": "ec2",
    "ec2messages": "ec2messages",
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "eks": "eks",
    "eks-auth": "eks-auth",
    "elasticloadbalancing": "elasticloadbalancing",
    "guardduty-data": "guardduty",
    "kms": "kms",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "rds": "rds",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "ssmmessages": "ssmmessages",
    "sts": "sts",
}
"""The interface endpoints on offer, with the prefix of the service's actions in IAM.

All of them support endpoint policies (AWS PrivateLink Guide, "AWS services that integrate with AWS PrivateLink").
"""

GATEWAYS: Final = ("s3", "dynamodb")


def endpoint_policy(service: str, account: Account) -> pulumi.Output[str]:
    """The policy of the endpoint of one service of `IAM_PREFIXES` or `GATEWAYS`."""
    return document(_own_account(service, account), *_exceptions(service, account))


def _own_account(service: str, account: Account) -> Statement:
    conditions: Conditions = {
        "StringEquals": {"aws:PrincipalAccount": account.id},
        # Absent where an action has no resource, as sts:GetCallerIdentity.
        "StringEqualsIfExists": {"aws:ResourceAccount": account.id},
    }
    actions = [f"{IAM_PREFIXES.get(service, service)}:*"]
    if service == "ec2":
        # A launch passes the role of the instance, which EC2 asks IAM about for the same caller and endpoint; no page
        # of AWS's says that an endpoint's policy has no part in that.
        actions.append("iam:PassRole")
    return allow("OwnAccount", principals=ANYONE, actions=actions, resources="*", when=conditions)


def _exceptions(service: str, account: Account) -> list[Statement]:
    if service == "s3":
        # ECR hands out image layers as links into a bucket of its own (Amazon ECR User Guide, "Amazon ECR interface
        # VPC endpoints", minimum Amazon S3 bucket permissions).
        layers = f"arn:{account.partition}:s3:::prod-{account.region}-starport-layer-bucket/*"
        return [allow("ImageLayers", principals=ANYONE, actions="s3:GetObject", resources=layers)]
    if service == "ec2":
        # Node images and their snapshots belong to AWS. A launch from them carries nothing out.
        images = [f"arn:{account.partition}:ec2:{account.region}::{kind}/*" for kind in ("image", "snapshot")]
        return [_of_others("LaunchFromImages", ["ec2:CreateFleet", "ec2:RunInstances"], images, account)]
    if service == "ssm":
        # The names of node images are AWS's own parameters.
        public = f"arn:{account.partition}:ssm:{account.region}::parameter/aws/service/*"
        return [_of_others("ReadPublicParameters", ["ssm:GetParameter", "ssm:GetParameters"], public, account)]
    if service in ("ecr.api", "ecr.dkr"):
        # A pull carries nothing out, but what a stranger's image holds would come in.
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        theirs = f"arn:{account.partition}:ecr:{account.region}:{eks_registry(account.region)}:repository/*"
        return [_of_others("PullFromEks", pull, theirs, account)]
    if service == "sts":
        # A pod that trades its token for a role is not yet anyone's principal.
        return [
            allow(
                "OwnRoles",
                principals=ANYONE,
                actions="sts:AssumeRoleWithWebIdentity",
                resources="*",
                when={"StringEquals": {"aws:ResourceAccount": account.id}},
            )
        ]
    return []


def _of_others(sid: str, actions: Texts, resources: Texts, account: Account) -> Statement:
    """What this account's principals take from others' resources, and can put nothing into."""
    own = {"StringEquals": {"aws:PrincipalAccount": account.id}}
    return allow(sid, principals=ANYONE, actions=actions, resources=resources, when=own)
