"""What the recorded event logs deploy: MODE says which flaws it has."""

import os

import pulumi_aws as aws

mode = os.environ.get("MODE", "")

phi = aws.kms.Key("phi", enable_key_rotation=True)
if mode != "clean":
    aws.kms.Key("logs", enable_key_rotation=False)
aws.kms.Key(
    "signing",
    customer_master_key_spec="ECC_NIST_P256",
    key_usage="ENCRYPT_DECRYPT" if mode == "replace" else "SIGN_VERIFY",
)
records = aws.s3.Bucket("records", tags={"key": phi.arn})
aws.s3.BucketLogging("records", bucket=records.id, target_bucket=phi.arn, target_prefix="x")
