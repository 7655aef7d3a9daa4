"""Topics of Amazon SNS by which the stack tells people: encrypted, and written to by the stack's own alone."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from foundation.policy_document import Statement, allow, deny, document
from foundation.stack import Stack


def topic(
    stack: Stack, name: str, *, key_arn: pulumi.Input[str], services: Sequence[str], parent: pulumi.Resource
) -> tuple[aws.sns.Topic, aws.sns.TopicPolicy]:
    """A topic under this key, and its policy, which what writes to it waits for.

    `services` are those of AWS that may: `cloudwatch` for the stack's alarms, `events` for EventBridge's rules. A role
    of the account may by its own policy.
    """
    own = pulumi.ResourceOptions(parent=parent)
    made = aws.sns.Topic(name, kms_master_key_id=key_arn, tags={"Name": name}, opts=own)
    statements = [_of_service(each, stack, made.arn) for each in services]
    insecure = deny(
        "DenyInsecureTransport",
        actions="sns:Publish",
        resources=made.arn,
        when={"Bool": {"aws:SecureTransport": "false"}},
    )
    return made, aws.sns.TopicPolicy(name, arn=made.arn, policy=document(*statements, insecure), opts=own)


def _of_service(service: str, stack: Stack, arn: pulumi.Input[str]) -> Statement:
    account = stack.account
    principals = {"Service": f"{service}.amazonaws.com"}
    if service == "events":
        # Without a condition: EventBridge says nothing that one could be about.
        return allow("EventsOfTheStack", principals=principals, actions="sns:Publish", resources=arn)
    return allow(
        "AlarmsOfTheStack",
        principals=principals,
        actions="sns:Publish",
        resources=arn,
        when={
            "StringEquals": {"aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": account.arn("cloudwatch", f"alarm:{stack.name}-*")},
        },
    )
