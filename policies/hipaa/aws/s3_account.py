"""Amazon S3 beside its buckets' own protection: the account's block of public access, and copies elsewhere."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_BACKUPS
from hipaa.aws.backup_plans import SELECTION, is_backed_up
from hipaa.aws.s3 import BUCKET
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, LOW, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, violation

ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"

_SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ALL = dict.fromkeys(_SWITCHES, True)


@rule(
    "s3-account-blocks-public-access",
    on=ACCOUNT_BLOCK,
    severity=CRITICAL,
    fix="Set block_public_acls, block_public_policy, ignore_public_acls and restrict_public_buckets to True.",
    sound=[_ALL],
    unsound=[{}, _ALL | {"blockPublicPolicy": False}, {"blockPublicAcls": True, "ignorePublicAcls": True}],
)
def account_blocks_public_access(block: Properties) -> Verdict:
    """An account that speaks of public access to its buckets blocks all of it: what is not said is let through."""
    return all_of(*(block.require(name, is_(True), default=False) for name in _SWITCHES))


_BUCKET = Resource(BUCKET[0], {"id": "records", "bucket": "records"}, name="records")


def _replication(status: str, bucket: str = "records") -> Resource:
    rules: list[Any] = [{"status": status, "destination": {"bucket": "arn:aws:s3:::records-elsewhere"}}]
    return Resource(REPLICATION, {"bucket": bucket, "role": "arn:aws:iam::111122223333:role/copy", "rules": rules})


@stack_rule(
    "s3-bucket-is-copied-elsewhere",
    on=BUCKET,
    severity=LOW,
    advisory="former versions (164.308(a)(7)(ii)(A)) and copies in three zones are there; another Region is more",
    proposed=PROPOSED_BACKUPS,
    fix="Add a BucketReplicationConfig with an enabled rule, or take the bucket into a plan of AWS Backup.",
    sound=[
        [_BUCKET, _replication("Enabled")],
        [_BUCKET, Resource(SELECTION, {"resources": ["arn:aws:s3:::*"]})],
    ],
    unsound=[[_BUCKET], [_BUCKET, _replication("Disabled")], [_BUCKET, _replication("Enabled", "another")]],
)
def bucket_is_copied_elsewhere(bucket: Resource, stack: Stack) -> Verdict:
    """A bucket's objects are copied to another bucket or into a vault: its versions go where the bucket goes."""
    for replication in stack.companions(bucket, REPLICATION, by="bucket"):
        if any(each.at("status") == "Enabled" for each in replication.objects("rules")):
            return Verdict()
    if is_backed_up(bucket, stack, "s3"):
        return Verdict()
    return violation("no enabled rule of a BucketReplicationConfig and no selection of AWS Backup takes up the bucket")
