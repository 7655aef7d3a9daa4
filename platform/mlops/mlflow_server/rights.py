"""What the MLflow server may do in AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from foundation.network.perimeter import Perimeter
from foundation.policy_document import Statement, allow
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class RightsArgs:
    stack: Stack
    bucket_arn: pulumi.Input[str]
    prefix: str
    key_arn: pulumi.Input[str]
    """The key of the artifacts class."""
    perimeter: Perimeter
    audit_log_arn: pulumi.Input[str]


def rights(args: RightsArgs) -> Mapping[str, Sequence[Statement]]:
    """Its own prefix of the bucket, under that bucket's key through S3 alone, and its own audit log to add to.

    All of it from within the VPC alone, and so whatever else the role may do there.
    """
    return {"artifacts": [*_artifacts(args), args.perimeter.only_from_within()], "audit": _audit(args)}


def _artifacts(args: RightsArgs) -> list[Statement]:
    through = {"StringEquals": {"kms:ViaService": f"s3.{args.stack.account.region}.amazonaws.com"}}
    return [
        allow(
            "UseOwnArtifacts",
            actions=[
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            resources=pulumi.Output.format("{0}/{1}/*", args.bucket_arn, args.prefix),
        ),
        allow(
            "ListOwnArtifacts",
            actions="s3:ListBucket",
            resources=args.bucket_arn,
            when={"StringLike": {"s3:prefix": [args.prefix, f"{args.prefix}/*"]}},
        ),
        # A multipart upload reads its parts back (Amazon S3 User Guide, "Multipart upload API and permissions").
        allow(
            "EncryptThroughS3",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=args.key_arn,
            when=through,
        ),
    ]


def _audit(args: RightsArgs) -> list[Statement]:
    # Neither read nor delete: what is written down stays.
    streams = pulumi.Output.concat(args.audit_log_arn, ":log-stream:*")
    return [allow("WriteAuditTrail", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=streams)]
