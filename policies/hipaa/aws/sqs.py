"""Amazon SQS: queues that encrypt. Who may send and read is in their policies."""

from __future__ import annotations

from hipaa.resource import Properties
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, violation

QUEUE = "aws:sqs/queue:Queue"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "sqs-queue-encrypts-messages",
    on=QUEUE,
    severity=HIGH,
    fix="Leave sqs_managed_sse_enabled out or set it to True, or set kms_master_key_id.",
    remedy={"sqsManagedSseEnabled": True},
    sound=[{}, {"sqsManagedSseEnabled": True}, {"kmsMasterKeyId": _KEY}, {"kmsMasterKeyId": "alias/aws/sqs"}],
    unsound=[{"sqsManagedSseEnabled": False}, {"sqsManagedSseEnabled": False, "kmsMasterKeyId": ""}],
)
def queue_encrypts_messages(queue: Properties) -> Verdict:
    """A queue encrypts its messages, as it does unless told otherwise."""
    if queue.at("sqsManagedSseEnabled") is False and not queue.at("kmsMasterKeyId"):
        return violation("`sqs_managed_sse_enabled` is false and `kms_master_key_id` is not set; one of them must be")
    return Verdict()
