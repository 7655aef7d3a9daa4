"""Amazon SNS: topics that encrypt, and subscriptions by HTTPS. Who may publish is in their policies."""

from __future__ import annotations

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, is_set, violation

TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:records"


@rule(
    "sns-topic-encrypts-messages",
    on=TOPIC,
    severity=HIGH,
    fix="Set kms_master_key_id to the ARN of a customer managed key, or to alias/aws/sns.",
    sound=[{"kmsMasterKeyId": _KEY}, {"kmsMasterKeyId": "alias/aws/sns"}],
    unsound=[{}, {"kmsMasterKeyId": ""}, {"fifoTopic": True}],
)
def topic_encrypts_messages(topic: Properties) -> Verdict:
    """A topic encrypts its messages while it holds them: it does not unless told."""
    return topic.require("kmsMasterKeyId", is_set())


@rule(
    "sns-topic-encrypts-with-cmk",
    on=TOPIC,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_master_key_id to the ARN of a customer managed key whose policy names the publishing services.",
    sound=[{"kmsMasterKeyId": _KEY}],
    unsound=[{"kmsMasterKeyId": "alias/aws/sns"}, {}],
)
def topic_encrypts_with_cmk(topic: Properties) -> Verdict:
    """A topic is under a customer managed key: under AWS's own, alarms of CloudWatch cannot write to it."""
    return topic.require("kmsMasterKeyId", OWN_KEY)


@rule(
    "sns-subscription-uses-https",
    on=SUBSCRIPTION,
    severity=HIGH,
    fix="Set protocol=https and an endpoint of https.",
    sound=[
        {"topic": _TOPIC_ARN, "protocol": "https", "endpoint": "https://alerts.example.com/"},
        {"topic": _TOPIC_ARN, "protocol": "sqs", "endpoint": "arn:aws:sqs:us-east-1:111122223333:records"},
    ],
    unsound=[{"topic": _TOPIC_ARN, "protocol": "http", "endpoint": "http://alerts.example.com/"}],
)
def subscription_uses_https(subscription: Properties) -> Verdict:
    """A subscription of a web address is told by HTTPS."""
    if str(subscription.at("protocol", "")).lower() == "http":
        return violation("`protocol` is 'http'; it must be 'https'")
    return Verdict()
