"""What Karpenter is told of instances that AWS is about to take away."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.policy_document import allow, deny, document
from foundation.stack import Stack

EVENTS: Final = {
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
    "health": ("aws.health", "AWS Health Event"),
}
"""Source and detail type of the events that Karpenter acts on (its `interruption/messages`)."""
RETENTION_SECONDS: Final = 300
"""A warning comes two minutes ahead: an older one is of no use."""


class Interruptions(pulumi.ComponentResource):
    """A queue of warnings, which only this account's event rules fill.

    A node that is about to go is drained first, so that a training job can write its checkpoint.
    """

    queue_name: pulumi.Output[str]
    queue_arn: pulumi.Output[str]

    def __init__(self, name: str, stack: Stack, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Interruptions", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # A warning holds an instance's id and no data, so SQS's own encryption is enough; EventBridge could not use a
        # key whose policy does not name it.
        queue = aws.sqs.Queue(name, message_retention_seconds=RETENTION_SECONDS, sqs_managed_sse_enabled=True, opts=own)
        self.queue_name = queue.name
        self.queue_arn = queue.arn
        rules = [self._rule(f"{name}-{event}", source, kind) for event, (source, kind) in EVENTS.items()]
        policy = aws.sqs.QueuePolicy(
            name,
            queue_url=queue.url,
            policy=document(
                allow(
                    "WarningsFromEventBridge",
                    principals={"Service": "events.amazonaws.com"},
                    actions="sqs:SendMessage",
                    resources=queue.arn,
                    when={
                        "StringEquals": {"aws:SourceAccount": stack.account.id},
                        "ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules]},
                    },
                ),
                deny(
                    "DenyInsecureTransport",
                    actions="sqs:*",
                    resources=queue.arn,
                    when={"Bool": {"aws:SecureTransport": "false"}},
                ),
            ),
            opts=own,
        )
        for event, rule in zip(EVENTS, rules, strict=True):
            aws.cloudwatch.EventTarget(
                f"{name}-{event}",
                rule=rule.name,
                target_id="karpenter",
                arn=queue.arn,
                # A target that may not write yet loses what it is told.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        self.register_outputs({"queueArn": self.queue_arn})

    def _rule(self, name: str, source: str, kind: str) -> aws.cloudwatch.EventRule:
        return aws.cloudwatch.EventRule(
            name,
            description=f"{kind}, for Karpenter.",
            event_pattern=pulumi.Output.json_dumps({"source": [source], "detail-type": [kind]}),
            opts=pulumi.ResourceOptions(parent=self),
        )
