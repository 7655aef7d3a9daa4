"""Amazon Kinesis and Data Firehose: streams that encrypt what they hold."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import HEALTH_IS_NO_RECORD, OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, is_, not_applicable, violation

STREAM = "aws:kinesis/stream:Stream"
VIDEO_STREAM = "aws:kinesis/videoStream:VideoStream"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "kinesis-stream-encrypts-records",
    on=STREAM,
    severity=HIGH,
    fix="Set encryption_type=KMS and kms_key_id to the ARN of a customer managed key.",
    sound=[{"encryptionType": "KMS", "kmsKeyId": "alias/aws/kinesis"}, {"encryptionType": "KMS", "kmsKeyId": _KEY}],
    unsound=[{}, {"encryptionType": "NONE"}, {"encryptionType": "NONE", "kmsKeyId": _KEY}],
)
def stream_encrypts_records(stream: Properties) -> Verdict:
    """A stream encrypts its records: it does not unless told, whatever key is named."""
    return stream.require("encryptionType", is_("KMS"), default="NONE")


@rule(
    "kinesis-stream-encrypts-with-cmk",
    on=(STREAM, VIDEO_STREAM),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"encryptionType": "KMS", "kmsKeyId": _KEY}, Resource(VIDEO_STREAM, {"kmsKeyId": _KEY})],
    unsound=[{"encryptionType": "KMS", "kmsKeyId": "alias/aws/kinesis"}, Resource(VIDEO_STREAM, {"name": "ward"})],
)
def stream_encrypts_with_cmk(stream: Properties) -> Verdict:
    """A stream is under a customer managed key."""
    return stream.require("kmsKeyId", OWN_KEY)


_BUCKET: dict[str, Any] = {"destination": "extended_s3", "name": "records"}


@rule(
    "firehose-stream-encrypts-records",
    on=FIREHOSE,
    severity=HIGH,
    fix="Set server_side_encryption with enabled=True, key_type=CUSTOMER_MANAGED_CMK and key_arn.",
    sound=[
        _BUCKET | {"serverSideEncryption": {"enabled": True}},
        _BUCKET | {"serverSideEncryption": {"enabled": True, "keyType": "CUSTOMER_MANAGED_CMK", "keyArn": _KEY}},
        _BUCKET | {"kinesisSourceConfiguration": {"kinesisStreamArn": UNKNOWN, "roleArn": UNKNOWN}},
        _BUCKET | {"mskSourceConfiguration": {"mskClusterArn": UNKNOWN, "topicName": "records"}},
    ],
    unsound=[_BUCKET, _BUCKET | {"serverSideEncryption": {"enabled": False}}],
)
def firehose_encrypts_records(stream: Properties) -> Verdict:
    """A delivery stream encrypts what is put into it until it is delivered.

    One that reads a Kinesis stream or a Kafka cluster holds nothing itself, and takes no encryption of its own.
    """
    if "kinesisSourceConfiguration" in stream or "mskSourceConfiguration" in stream:
        return not_applicable("its source keeps the records")
    return stream.require("serverSideEncryption.enabled", is_(True), default=False)


_DESTINATIONS = (
    "extendedS3Configuration",
    "redshiftConfiguration",
    "opensearchConfiguration",
    "opensearchserverlessConfiguration",
    "elasticsearchConfiguration",
    "splunkConfiguration",
    "httpEndpointConfiguration",
    "icebergConfiguration",
    "snowflakeConfiguration",
)
_LOGGED = {"cloudwatchLoggingOptions": {"enabled": True, "logGroupName": "/aws/kinesisfirehose/records"}}


@rule(
    "firehose-stream-logs-errors",
    on=FIREHOSE,
    severity=LOW,
    advisory=HEALTH_IS_NO_RECORD,
    fix="Set cloudwatch_logging_options with enabled=True in the destination's configuration.",
    sound=[_BUCKET | {"extendedS3Configuration": {"bucketArn": UNKNOWN, "roleArn": UNKNOWN} | _LOGGED}],
    unsound=[
        _BUCKET | {"extendedS3Configuration": {"bucketArn": UNKNOWN, "roleArn": UNKNOWN}},
        _BUCKET | {"extendedS3Configuration": {"cloudwatchLoggingOptions": {"enabled": False}}},
    ],
)
def firehose_logs_errors(stream: Properties) -> Verdict:
    """A delivery stream says in CloudWatch Logs what it could not deliver."""
    for name in _DESTINATIONS:
        if name in stream and stream.at(f"{name}.cloudwatchLoggingOptions.enabled") is not True:
            return violation(f"`{stream.where(name)}` has no logging options that are enabled")
    return Verdict()
