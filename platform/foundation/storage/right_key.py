"""The part of a bucket's policy that keeps every object under the bucket's own key."""

import pulumi

from foundation.policy_document import Statement, deny


def right_key_only(bucket_arn: pulumi.Output[str], key_arn: pulumi.Input[str]) -> list[Statement]:
    """Refuse an upload that asks for any encryption but SSE-KMS with this key.

    An upload that asks for nothing passes: the bucket's default encrypts it with this key. So each statement speaks
    of requests that carry the header (`Null` ... `false`) only; without that clause a negated comparison holds for
    an absent header too (IAM User Guide, "IAM JSON policy elements: Condition operators"). And an upload that asks
    for `aws:kms` and names no key would get the AWS managed key rather than the bucket's (Amazon S3 User Guide,
    "Specifying server-side encryption with AWS KMS"): there the absent key header must count as a wrong key.
    """
    objects = pulumi.Output.concat(bucket_arn, "/*")
    asks_for_encryption = {"s3:x-amz-server-side-encryption": "false"}
    return [
        deny(
            "DenyOtherEncryption",
            actions="s3:PutObject",
            resources=objects,
            when={
                "Null": asks_for_encryption,
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
        ),
        deny(
            "DenyOtherKeys",
            actions="s3:PutObject",
            resources=objects,
            when={
                "Null": asks_for_encryption,
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn},
            },
        ),
        # A key that the caller brings and keeps locks the owner out: the way of ransomware on S3.
        deny(
            "DenyCallersOwnKeys",
            actions="s3:PutObject",
            resources=objects,
            when={"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
    ]
