"""Amazon CloudWatch Logs: log groups that are encrypted under a key of one's own, and kept."""

from __future__ import annotations

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.parameter import Parameter
from hipaa.resource import Properties
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, at_least, not_applicable

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"

# AWS Config's cw-loggroup-retention-period-check asks for a year unless told otherwise. Records that must be kept for
# six years (45 CFR 164.316(b)(2)(i)) belong in a bucket with Object Lock: see s3-object-lock-keeps-six-years.
_LEAST_DAYS = 365


@rule(
    "log-group-encrypts-with-cmk",
    on=LOG_GROUP,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key whose policy allows logs.<region>.amazonaws.com.",
    sound=[{"kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],
    unsound=[{}, {"kmsKeyId": ""}, {"kmsKeyId": "arn:aws:kms:us-east-1:111122223333:alias/aws/logs"}],
)
def log_group_encrypts_with_cmk(group: Properties) -> Verdict:
    """A log group is encrypted with a customer managed key.

    Logs repeat what passed through a system; only a key of one's own bounds and records who reads them.
    """
    return group.require("kmsKeyId", OWN_KEY)


@rule(
    "log-group-is-kept-a-year",
    on=LOG_GROUP,
    severity=MEDIUM,
    fix="Set retention_in_days to {days} or more, or to 0 to keep events for ever.",
    sound=[{}, {"retentionInDays": 0}, {"retentionInDays": 365}, {"retentionInDays": 2192}],
    unsound=[{"retentionInDays": 30}, {"retentionInDays": 180, "logGroupClass": "INFREQUENT_ACCESS"}],
    parameters=[Parameter("days", "Days for which events are kept at the least", _LEAST_DAYS, least=1, most=3653)],
)
def log_group_is_kept_a_year(group: Properties, days: int) -> Verdict:
    """A log group keeps its events for a year or longer, or as long as the configuration says.

    An incident is often found months after it began.
    """
    if group.get("logGroupClass") == "DELIVERY":
        return not_applicable("a delivery log group keeps events for two days, whatever is asked")
    least = at_least(days, "days")
    long_enough = Requirement(f"{least.text}, or 0 for ever", lambda kept: kept == 0 or least.met(kept))
    return group.require("retentionInDays", long_enough, default=0)
