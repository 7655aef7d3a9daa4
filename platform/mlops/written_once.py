"""Rights over parts of buckets in which each object is put once: who adds puts nothing in another's place, and nobody
deletes."""

from collections.abc import Mapping

import pulumi

from foundation.policy_document import Conditions, Statement, allow
from foundation.stack import Stack
from mlops.bucket import Bucket

Parts = Mapping[str, tuple[Bucket, str]]
"""Buckets and prefixes, by the names of the statements that let one list them."""


def reads(stack: Stack, parts: Parts) -> list[Statement]:
    return [
        allow("Read", actions=["s3:GetObject", "s3:GetObjectVersion"], resources=_objects(parts)),
        *(
            allow(
                sid,
                actions=["s3:ListBucket", "s3:ListBucketVersions"],
                resources=bucket.arn,
                when={"StringLike": {"s3:prefix": f"{prefix}/*"}},
            )
            for sid, (bucket, prefix) in parts.items()
        ),
        _through_s3(stack, parts, "Decrypt"),
    ]


def adds(stack: Stack, parts: Parts, called: Mapping[str, str] = {}) -> list[Statement]:
    """`called` says by prefix what names below it are like, where they are not any."""
    # Without the header no upload overwrites (Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets").
    if_absent: Conditions = {"Null": {"s3:if-none-match": "false"}}
    return [
        allow("Add", actions="s3:PutObject", resources=_objects(parts, called), when=if_absent),
        _through_s3(stack, parts, "GenerateDataKey"),
    ]


def _objects(parts: Parts, called: Mapping[str, str] = {}) -> list[pulumi.Output[str]]:
    return [
        pulumi.Output.concat(bucket.arn, f"/{prefix}/{called.get(prefix, '*')}") for bucket, prefix in parts.values()
    ]


def _through_s3(stack: Stack, parts: Parts, action: str) -> Statement:
    return allow(
        f"{action}ThroughS3",
        actions=f"kms:{action}",
        resources=[bucket.key_arn for bucket, _ in parts.values()],
        when={"StringEquals": {"kms:ViaService": f"s3.{stack.account.region}.amazonaws.com"}},
    )
