"""The way to what programs wrote where there is PHI, for who runs or audits the platform: for an hour, with a reason,
and never unseen."""

import json
from dataclasses import dataclass
from typing import Annotated, Final

import pulumi
import pulumi_aws as aws
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cluster.roles import BREAK_GLASS
from foundation.policy_document import allow, document
from foundation.stack import Stack
from foundation.topic import topic
from role_arn import RoleArn

TOLD: Final = {
    "time": "$.detail.eventTime",
    "session": "$.detail.requestParameters.roleSessionName",
    "caller": "$.detail.userIdentity.arn",
    "address": "$.detail.sourceIPAddress",
    "event": "$.detail.eventID",
}
"""What a mail says of a session. Not its reason, which may name a patient: CloudTrail has it."""
LONGEST_SECONDS: Final = 3600
"""The shortest that IAM offers as a role's longest session. Whoever comes by another role gets no more in any case (IAM
User Guide, "Roles terms and concepts", role chaining)."""
REASON: Final = "reason"
"""The session tag that says why: a ticket's number and a few words, say. CloudTrail keeps it with the call."""
FEWEST_CHARACTERS: Final = 10
"""Of a reason, as the registry's ledger has it (`delivery/registry/documents.py`), a space between words being one."""
BLANKS: Final = (" *", "* ", "*  *", "*\t*", "*\n*", "*\r*")
"""What no reason is like, which would be long by what nobody sees."""
USER: Final = "parapet:break-glass:"
"""How the user's name in the API server's audit log begins, before that of the session."""
MAX_ROLES: Final = 10
MAX_ADDRESSES: Final = 10

Address = Annotated[
    str, Field(pattern=r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$", max_length=254, description="an address of electronic mail")
]


def _some(named: tuple[str, ...]) -> tuple[str, ...]:
    if not named or len(set(named)) < len(named):
        raise ValueError
    return named


class BreakGlass(BaseModel):
    """Who may take the role, and who is told when it is used. One without the other is no way in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: Annotated[tuple[RoleArn, ...], AfterValidator(_some)] = Field(
        max_length=MAX_ROLES, description=f"a list of 1 to {MAX_ROLES} ARNs of IAM roles, each once"
    )
    notify: Annotated[tuple[Address, ...], AfterValidator(_some)] = Field(
        max_length=MAX_ADDRESSES, description=f"a list of 1 to {MAX_ADDRESSES} addresses, each once"
    )


@dataclass(frozen=True, kw_only=True)
class BreakGlassArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    audit_log: pulumi.Input[str]
    """The log group in which the API server writes who called it."""
    logs_key_arn: pulumi.Input[str]
    settings: BreakGlass


class BreakGlassRole(pulumi.ComponentResource):
    """An IAM role that holds for an hour at most, whoever forgets to give it back, and is of use in the cluster alone.

    It is taken with a reason, by those named; whose its sessions are, CloudTrail tells; what they read, the API
    server's audit log; and of each session, and of the first call in the cluster, those to be told are told.
    """

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: BreakGlassArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:BreakGlass", name, {"roles": args.settings.roles}, opts)
        own = pulumi.ResourceOptions(parent=self)
        # No policy is attached, so there is nothing that it may in AWS.
        role = aws.iam.Role(
            name,
            description=f"Reads logs and ConfigMaps of {args.stack.name}'s workloads, for an hour and with a reason.",
            max_session_duration=LONGEST_SECONDS,
            assume_role_policy=document(
                allow(
                    "TakenWithAReason",
                    principals={"AWS": list(args.settings.roles)},
                    actions=["sts:AssumeRole", "sts:TagSession"],
                    when={
                        "StringLike": {f"aws:RequestTag/{REASON}": "?" * FEWEST_CHARACTERS + "*"},
                        "StringNotLike": {f"aws:RequestTag/{REASON}": list(BLANKS)},
                        # CloudTrail and EventBridge have it in the Region whose STS was asked.
                        "StringEquals": {"aws:RequestedRegion": args.stack.account.region},
                    },
                )
            ),
            opts=own,
        )
        self.role_arn = role.arn
        told = self._told(name, args, role)
        aws.eks.AccessEntry(
            name,
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            kubernetes_groups=[BREAK_GLASS.group],
            user_name=USER + "{{SessionName}}",
            type="STANDARD",
            # Nobody comes in before somebody is told of it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=told),
        )
        self.register_outputs({"roleArn": self.role_arn})

    def _told(self, name: str, args: BreakGlassArgs, role: aws.iam.Role) -> list[pulumi.Resource]:
        own = pulumi.ResourceOptions(parent=self)
        told, policy = topic(
            args.stack, name, key_arn=args.logs_key_arn, services=("cloudwatch", "events"), parent=self
        )
        for address in args.settings.notify:
            aws.sns.TopicSubscription(
                f"{name}-{address.replace('@', '-at-')}", topic=told.arn, protocol="email", endpoint=address, opts=own
            )
        return [self._sessions(name, args, role, told, policy), self._calls(name, args, told, policy)]

    def _sessions(
        self, name: str, args: BreakGlassArgs, role: aws.iam.Role, told: aws.sns.Topic, policy: pulumi.Resource
    ) -> aws.cloudwatch.EventTarget:
        """A mail for each: an alarm that is in alarm tells nobody of the next session."""
        rule = aws.cloudwatch.EventRule(
            name,
            description=f"Somebody takes the role that reads what workloads of {args.stack.name} wrote.",
            # To CloudTrail AssumeRole is a call that reads, of which a rule hears when it says so (Amazon EventBridge
            # User Guide, "Receiving read-only management events from AWS services").
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
            event_pattern=pulumi.Output.json_dumps(
                {
                    "source": ["aws.sts"],
                    "detail-type": ["AWS API Call via CloudTrail"],
                    "detail": {
                        "eventSource": ["sts.amazonaws.com"],
                        "eventName": ["AssumeRole"],
                        "requestParameters": {"roleArn": [role.arn]},
                    },
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            target_id="told",
            arn=told.arn,
            input_transformer={
                "input_paths": TOLD,
                "input_template": json.dumps(
                    f"<session> may read what workloads of {args.stack.name} wrote, for an hour at most from <time>: "
                    f"asked for by <caller> from <address>. Why: CloudTrail, event <event>, the tag {REASON}."
                ),
            },
            # A target that may not write yet loses what it is told.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _calls(
        self, name: str, args: BreakGlassArgs, told: aws.sns.Topic, policy: pulumi.Resource
    ) -> aws.cloudwatch.MetricAlarm:
        """Also where no trail tells of sessions."""
        own = pulumi.ResourceOptions(parent=self)
        calls = aws.cloudwatch.LogMetricFilter(
            name,
            log_group_name=args.audit_log,
            pattern=f'{{ $.user.username = "{USER}*" }}',
            metric_transformation={"name": name, "namespace": "Parapet", "value": "1"},
            opts=own,
        )
        return aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=pulumi.Output.format(
                "Somebody reads what workloads of {0} wrote. Who and what: log group {1}, by user.username; why: "
                "in CloudTrail, the tag {2} of the session's AssumeRole.",
                args.stack.name,
                args.audit_log,
                REASON,
            ),
            namespace="Parapet",
            metric_name=name,
            statistic="Sum",
            period=60,
            # EKS sends its logs within a few minutes, and a metric has the time of the event: looked for in the last
            # minute alone, one that comes late would be told to nobody.
            evaluation_periods=15,
            datapoints_to_alarm=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[told.arn],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, calls]),
        )
