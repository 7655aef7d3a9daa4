"""Amazon SNS, SQS and EventBridge by their policies: no plain HTTP, no service that acts for a stranger."""

from __future__ import annotations

import json
from typing import Any

from hipaa.aws.advice import PROPOSED_ENCRYPTION
from hipaa.aws.resource_policies import BUS_POLICY, QUEUE, QUEUE_POLICY, TOPIC, TOPIC_POLICY, policy
from hipaa.facts import fact
from hipaa.iam.document import NONE, document
from hipaa.iam.judging import answer, bounds_services, takes_plain_http
from hipaa.iam.questions import over_plain_http
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, undecided, violation

_PREFIXES = {TOPIC: "sns", TOPIC_POLICY: "sns", QUEUE: "sqs", QUEUE_POLICY: "sqs", BUS_POLICY: "events"}
_TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:records"
_QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:records"
_TLS_BY_DEFAULT = "AWS's services and SDKs speak TLS unless told otherwise; 164.312(e)(1) is met by clients that do"


def _sends(service: str, **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sns:Publish", "Resource": _TOPIC_ARN}
    return found | ({"Condition": condition} if condition else {})


@rule(
    "message-policy-binds-services-to-own-account",
    on=(TOPIC_POLICY, TOPIC, QUEUE_POLICY, QUEUE, BUS_POLICY),
    severity=HIGH,
    fix="Add a condition on aws:SourceArn or aws:SourceAccount to the statement that names the service.",
    sound=[
        {},
        policy("policy", _sends("s3.amazonaws.com", StringEquals={"aws:SourceAccount": "111122223333"})),
        policy("policy", _sends("cloudwatch.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:*:*:111122223333:*"})),
        policy("policy", _sends("events.amazonaws.com")),
        policy("policy", _sends("unheard.of.amazonaws.com")),
    ],
    unsound=[
        policy("policy", _sends("s3.amazonaws.com")),
        policy("policy", _sends("s3.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:s3:::*"})),
        Resource(QUEUE_POLICY, policy("policy", _sends("sns.amazonaws.com") | {"Action": "sqs:SendMessage"})),
        Resource(
            QUEUE,
            policy(
                "policy",
                _sends("events.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:events:*:*:rule/nightly"})
                | {"Action": "sqs:*"},
            ),
        ),
    ],
)
def message_policy_binds_services(resource: Resource) -> Verdict:
    """A service sends into a topic, queue or bus for resources of the own account, and not for anybody's.

    What arrives there is acted upon: a stranger's bucket or topic could send it, by the service's own hand.
    """
    prefix = _PREFIXES[resource.type]
    known = set(fact("services-that-name-their-source")) - set(fact("services-that-name-no-source-to").get(prefix, ()))
    return bounds_services(resource, prefix, tuple(sorted(known)))


def _denying(action: str, resource: str, **elements: Any) -> str:
    deny = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}
    statement = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}} | elements
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_TOPIC = Resource(TOPIC, {"arn": _TOPIC_ARN, "id": _TOPIC_ARN}, name="records")
_QUEUE = Resource(QUEUE, {"arn": _QUEUE_ARN, "id": "https://sqs/records"}, name="records")


@stack_rule(
    "sns-topic-denies-insecure-transport",
    on=TOPIC,
    severity=MEDIUM,
    advisory=_TLS_BY_DEFAULT,
    proposed=PROPOSED_ENCRYPTION,
    fix="Add a TopicPolicy that denies sns:Publish to `*` where aws:SecureTransport is false.",
    sound=[
        [_TOPIC, Resource(TOPIC_POLICY, {"arn": _TOPIC_ARN, "policy": _denying("SNS:Publish", "*")})],
        [Resource(TOPIC, {"policy": _denying("sns:Pub*", _TOPIC_ARN), "arn": _TOPIC_ARN})],
    ],
    unsound=[
        [_TOPIC],
        [_TOPIC, Resource(TOPIC_POLICY, {"arn": _TOPIC_ARN, "policy": _denying("sns:Subscribe", "*")})],
        [_TOPIC, Resource(TOPIC_POLICY, {"arn": _TOPIC_ARN, "policy": _denying("sns:Publish", f"{_TOPIC_ARN}-2")})],
    ],
)
def topic_denies_insecure_transport(topic: Resource, stack: Stack) -> Verdict:
    """A topic takes no message that comes without TLS."""
    return _denies(topic, stack.companions(topic, TOPIC_POLICY, by="arn"), "sns", ("sns:Publish",))


@stack_rule(
    "sqs-queue-denies-insecure-transport",
    on=QUEUE,
    severity=MEDIUM,
    advisory=_TLS_BY_DEFAULT,
    proposed=PROPOSED_ENCRYPTION,
    fix="Add a QueuePolicy that denies sqs:* to `*` where aws:SecureTransport is false.",
    sound=[
        [_QUEUE, Resource(QUEUE_POLICY, {"queueUrl": "https://sqs/records", "policy": _denying("sqs:*", _QUEUE_ARN)})],
        [Resource(QUEUE, {"policy": _denying("*", "*"), "arn": _QUEUE_ARN})],
    ],
    unsound=[
        [_QUEUE],
        [_QUEUE, Resource(QUEUE_POLICY, {"queueUrl": "https://sqs/records", "policy": _denying("sqs:Send*", "*")})],
        [_QUEUE, Resource(QUEUE_POLICY, {"queueUrl": "https://sqs/another", "policy": _denying("sqs:*", "*")})],
    ],
)
def queue_denies_insecure_transport(queue: Resource, stack: Stack) -> Verdict:
    """A queue takes and gives no message without TLS."""
    policies = stack.companions(queue, QUEUE_POLICY, by="queueUrl")
    return _denies(queue, policies, "sqs", ("sqs:SendMessage", "sqs:ReceiveMessage"))


def _denies(resource: Resource, policies: list[Resource], prefix: str, actions: tuple[str, ...]) -> Verdict:
    sources: list[Properties] = list(policies) or ([resource] if resource.is_set_by_program("policy") else [])
    found = [(document(source), source.where("policy")) for source in sources]
    found = [(each, where) for each, where in found if each is not NONE]
    if not found:
        return violation("no policy is there for it that refuses plain HTTP")
    own = (str(arn),) if (arn := resource.known("arn")) else ()
    verdicts = [
        all_of(
            answer(each, where, lambda each: over_plain_http(each, prefix, own, actions), takes_plain_http),
            *map(undecided, each.unknown),
        )
        for each, where in found
    ]
    return next((verdict for verdict in verdicts if verdict == Verdict()), verdicts[0])


_PERMISSION = "aws:cloudwatch/eventPermission:EventPermission"
_IN_ORGANIZATION = {"condition": {"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-1a2b3c4d5e"}}


@rule(
    "event-permission-is-not-public",
    on=_PERMISSION,
    severity=CRITICAL,
    fix="Set principal to an account's id, or add the condition on aws:PrincipalOrgID.",
    sound=[{"principal": "111122223333"}, {"principal": "*"} | _IN_ORGANIZATION],
    unsound=[{"principal": "*"}, {"principal": "*", "condition": {}}],
)
def event_permission_is_not_public(permission: Resource) -> Verdict:
    """An event bus takes events from accounts, or an organization, that are named."""
    if permission.get("principal") != "*" or permission.at("condition.value"):
        return Verdict()
    return violation(f"`{permission.where('principal')}` is '*', which is every account; it must be one, or bounded")
