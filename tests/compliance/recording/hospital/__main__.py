"""What is recorded with the real pack: a sound key, a weak and a waived one, two buckets that lack companions."""

import pulumi_aws as aws

phi = aws.kms.Key("phi", enable_key_rotation=True, deletion_window_in_days=30)
aws.kms.Key("weak", enable_key_rotation=False, deletion_window_in_days=30)
aws.kms.Key("legacy", enable_key_rotation=False, deletion_window_in_days=30)

for name in ("records", "scratch"):
    bucket = aws.s3.Bucket(name)
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": phi.arn},
                "bucket_key_enabled": True,
            }
        ],
    )
aws.cloudwatch.LogGroup("audit", retention_in_days=400, kms_key_id=phi.arn)
