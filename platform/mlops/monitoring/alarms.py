"""Where alerts go in AWS: encrypted topics, what AWS tells itself, and the alarm that tells when alerts are dead."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from cluster import namespaces as ns
from foundation import data_class
from foundation.data_class import DataClass
from foundation.key_policy import administer, use_by_alarms
from foundation.keys import DELETION_WINDOW_DAYS
from foundation.policy_document import document
from foundation.stack import Stack
from foundation.topic import topic
from mlops.monitoring.routes import HEARTBEAT
from mlops.monitoring.words import RUNBOOKS

ALERTS: Final = "alerts"
"""What Alertmanager's topic is called, after the stack."""
ACCOUNT: Final = "account"
"""The topic of what AWS tells itself. Its messages have no attributes, and no filter takes one without any, not by
`exists: false` either (Amazon SNS Developer Guide, "Key matching"): among Alertmanager's, of which subscriptions choose
by attributes, they would reach nobody, and SNS would count no failure."""
DEADMAN: Final = "deadman"
"""The topic, and its key, of what tells that alerts are dead."""
LEAST_SEVERE: Final = 4
"""Of GuardDuty's findings those of medium severity and more (Amazon GuardDuty User Guide, "Severity levels of GuardDuty
findings")."""
BEFORE: Final = ("Stealth:", "Policy:IAMUser/", "Policy:S3/")
"""How types begin of which each counts, as low as GuardDuty has them: a trail or an access log that was stopped, the
root user at work, a bucket that lost its block (Amazon GuardDuty User Guide, "GuardDuty IAM finding types", "GuardDuty
S3 Protection finding types"). Whoever does that does it before something else."""
LABELS: Final = ("HIGH", "CRITICAL")
"""Of Security Hub's findings (AWS Security Finding Format, Severity)."""
DONE: Final = ("TTPs", "Effects", "Unusual Behaviors")
"""How types begin of findings of what somebody does, or did (AWS Security Hub User Guide, "Types taxonomy for ASFF").
The others are of settings and CVEs, which are there for months, and each is told anew with each update, once a day at
least; and of what data is, which in a bucket for PHI is PHI."""
ONE_IS_TOO_MANY: Final[Mapping[str, Any]] = {
    "statistic": "Sum",
    "period": 300,
    "evaluation_periods": 1,
    "threshold": 1,
    "comparison_operator": "GreaterThanOrEqualToThreshold",
    "treat_missing_data": "notBreaching",
}
"""How what is counted when it goes wrong, and only then, is watched."""
NODE_MINUTES: Final = 10
"""For which a node is not well before somebody is told: one that starts, or is taken away by Karpenter, is for less."""
ROOM_MINUTES: Final = 60
"""For which pods wait for room: a node with a GPU, or of Spot capacity, may take that long to come."""
EXPIRES_DAYS: Final = 30
"""ACM renews a certificate 60 days before its end (AWS Certificate Manager User Guide, "Managed certificate renewal"):
one that has fewer days left was not renewed."""
TRAIL: Final = "audit-trail"
TRAIL_STOPPED: Final = "audit: stopped:"
"""How a line of MLflow's begins by which it says so (`delivery/mlflow_server`, `audit/sinks.py`)."""
_GUARDDUTY: Final = {"kind": "$.detail.type", "severity": "$.detail.severity", "id": "$.detail.id", "time": "$.time"}
_HUB: Final = {
    "kind": "$.detail.findings[0].Types[0]",
    "severity": "$.detail.findings[0].Severity.Label",
    "id": "$.detail.findings[0].Id",
    "product": "$.detail.findings[0].ProductArn",
    "time": "$.time",
}
DETECTION: Final = 2004
"""The class of OCSF's findings of what somebody does; others are of settings (2003), CVEs (2002) and data (2006)."""
_HUB_V2: Final = {
    "kind": "$.detail.findings[0].finding_info.types[0]",
    "severity": "$.detail.findings[0].severity",
    "id": "$.detail.findings[0].metadata.uid",
    "time": "$.time",
}
STOPS: Final[Mapping[str, Sequence[str]]] = {
    "cloudtrail": ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"),
    "guardduty": ("DeleteDetector", "UpdateDetector", "StopMonitoringMembers"),
    "securityhub": ("DisableSecurityHub", "DisableSecurityHubV2"),
}
"""Calls, by service, by which what records or finds is stopped, or made to leave something out."""
STACK: Final = "<stack>"
"""What patterns of TOLD have in the place of the stack's name, before which and after which names have more."""
_NAMED: Final = [{"prefix": f"{STACK}-"}]
_ARN: Final = [{"wildcard": f"*:{STACK}-*"}]
MUTES: Final[Sequence[tuple[str, Sequence[str], Mapping[str, Any]]]] = (
    ("events", ("DisableRule", "DeleteRule"), {"name": _NAMED}),
    ("events", ("RemoveTargets",), {"rule": _NAMED}),
    ("monitoring", ("DeleteAlarms", "DisableAlarmActions"), {"alarmNames": _NAMED}),
    ("sns", ("DeleteTopic", "SetTopicAttributes"), {"topicArn": _ARN}),
    ("sns", ("Unsubscribe", "SetSubscriptionAttributes"), {"subscriptionArn": _ARN}),
    (
        "logs",
        ("DeleteLogGroup", "DeleteMetricFilter", "PutRetentionPolicy"),
        {"logGroupName": [{"wildcard": f"*{STACK}*"}]},
    ),
    ("kms", ("DisableKey", "ScheduleKeyDeletion"), {}),
)
"""Calls, by service, by which nobody is told any more, or nothing of what is kept can be read, and what of the stack
they name: a key has none of its names. Where nobody listens to a topic SNS counts no failure, and where a rule is off
nothing is counted either, so that every other alarm is well."""


MUTED: Final = "muted"
_CALL: Final = {
    "call": "$.detail.eventName",
    "caller": "$.detail.userIdentity.arn",
    "address": "$.detail.sourceIPAddress",
    "event": "$.detail.eventID",
    "time": "$.time",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What EventBridge tells: which events, and what of one."""

    who: str
    """Whose events, in words."""
    pattern: Mapping[str, Any]
    paths: Mapping[str, str]
    """The values that the message has, by their names in it: neither a title nor a description, in which the name of
    an object may stand."""
    says: str
    runbook: str


def _finding(who: str, pattern: Mapping[str, Any], paths: Mapping[str, str], also: str = "") -> Told:
    which = "<id> of <product>" if "product" in paths else "<id>"
    says = f"{who} found <kind>, severity <severity>, at <time>: finding {which}{also}"
    return Told(who=who, pattern=pattern, paths=paths, says=says, runbook="leaked-credential")


TOLD: Final[Mapping[str, Told]] = {
    "guardduty": _finding(
        "GuardDuty",
        {
            "source": ["aws.guardduty"],
            "detail-type": ["GuardDuty Finding"],
            "detail": {
                # One that somebody has archived comes again with each occurrence, and is no news.
                "service": {"archived": [False]},
                "$or": [
                    {"severity": [{"numeric": [">=", LEAST_SEVERE]}]},
                    {"type": [{"prefix": each} for each in BEFORE]},
                ],
            },
        },
        _GUARDDUTY,
        " (of a kind that begins with Stealth, the runbook is audit-trail-stopped)",
    ),
    "securityhub": _finding(
        "Security Hub",
        {
            "source": ["aws.securityhub"],
            "detail-type": ["Security Hub Findings - Imported"],
            "detail": {
                "findings": {
                    "Severity": {"Label": list(LABELS)},
                    "Types": [{"prefix": each} for each in DONE],
                    "RecordState": ["ACTIVE"],
                    # Until somebody says that they have it in hand (the runbook).
                    "Workflow": {"Status": ["NEW"]},
                    # GuardDuty's own are told already.
                    "ProductName": [{"anything-but": ["GuardDuty"]}],
                }
            },
        },
        _HUB,
    ),
    # The newer one has events and a form of its own (AWS Security Hub User Guide, "EventBridge event formats", "OCSF
    # findings in Security Hub").
    "securityhub-v2": _finding(
        "Security Hub",
        {
            "source": ["aws.securityhub"],
            "detail-type": ["Findings Imported V2"],
            "detail": {
                "findings": {
                    "class_uid": [DETECTION],
                    # High, critical, fatal.
                    "severity_id": [4, 5, 6],
                    # New: until somebody says that they have it in hand.
                    "status_id": [1],
                    "activity_name": [{"anything-but": ["Close"]}],
                    "metadata": {
                        "product": {
                            # What the hub itself makes of settings and CVEs is of this class too.
                            "name": [{"anything-but": {"prefix": "Security Hub"}}],
                            "uid": [{"anything-but": {"suffix": "/aws/guardduty"}}],
                        }
                    },
                }
            },
        },
        _HUB_V2,
    ),
    # By the call itself: GuardDuty's finding comes minutes later, where the account has GuardDuty, and none comes of
    # its own end.
    "watchers": Told(
        who="CloudTrail",
        pattern={
            "source": [f"aws.{service}" for service in STOPS],
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "$or": [
                    {"eventSource": [f"{service}.amazonaws.com"], "eventName": list(calls)}
                    for service, calls in STOPS.items()
                ]
            },
        },
        paths=_CALL,
        says="<caller> called <call> from <address> at <time>, which may stop what records or finds: event <event>",
        runbook="audit-trail-stopped",
    ),
    # By a rule of its own: of who turns off the one the other tells.
    MUTED: Told(
        who="CloudTrail",
        pattern={
            "source": sorted({f"aws.{service}" for service, _, _ in MUTES}),
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "$or": [
                    {
                        "eventSource": [f"{service}.amazonaws.com"],
                        "eventName": list(calls),
                        **({"requestParameters": of} if of else {}),
                    }
                    for service, calls, of in MUTES
                ]
            },
        },
        paths=_CALL,
        says="<caller> called <call> from <address> at <time>, by which nobody may be told any more: event <event>",
        runbook="audit-trail-stopped",
    ),
}


def _noughts(namespace: str, metric: str, dimensions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was counted in each five minutes, and 0 where nothing was. A period without a point is no matter to an alarm
    while the two before those that it is to judge have one: of three it rang after five (Amazon CloudWatch User Guide,
    "How alarm state is evaluated when data is missing")."""
    counted = {"namespace": namespace, "metric_name": metric, "dimensions": dimensions, "period": 300, "stat": "Sum"}
    return [
        {"id": "filled", "label": metric, "expression": "FILL(counted, 0)", "return_data": True},
        {"id": "counted", "metric": counted},
    ]


def deadman_alias(name: str) -> str:
    """What the account calls the key of that stack's topic that tells that alerts are dead."""
    return f"alias/{name}-{DEADMAN}"


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    stack: Stack
    logs_key_arn: pulumi.Input[str]
    key_administrators: Sequence[str]
    """As those of the other keys."""
    read_at: str
    """Where people read the runbooks (`owners.py`)."""
    certificate_arn: pulumi.Input[str]
    """Of the gateway."""
    application_log: pulumi.Input[str]
    """The log group of what containers write."""
    cluster_name: pulumi.Input[str]


class Alarms(pulumi.ComponentResource):
    """Four topics: one for Alertmanager's alerts, one for what AWS tells people itself, one for a heartbeat, and one
    for what tells people that the first is dead.

    All are encrypted; nothing leaves the account but by a subscription that the hospital makes. To the first and the
    heartbeat's Alertmanager alone writes, to the second the stack's alarms and EventBridge, to the last the alarms
    alone. Where the heartbeat fails to come for three times five minutes, because Prometheus, Alertmanager or the
    way to SNS is dead, or one of Alertmanager's topics refuses it (`rules.py`), an alarm of CloudWatch, which is
    none of these, tells by the last topic, which shares no key, policy or subscription with what is dead; and by
    the second, which may be alive. Of a topic that cannot reach who listens to it another one tells.
    """

    topic_arn: pulumi.Output[str]
    account_arn: pulumi.Output[str]
    heartbeat_arn: pulumi.Output[str]
    deadman_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Alarms", name, {}, opts)
        self._name, self._args = name, args
        alerts, _ = topic(args.stack, f"{name}-{ALERTS}", key_arn=args.logs_key_arn, services=(), parent=self)
        account, written = topic(
            args.stack,
            f"{name}-{ACCOUNT}",
            key_arn=args.logs_key_arn,
            services=("cloudwatch", "events"),
            parent=self,
        )
        beat, _ = topic(args.stack, f"{name}-{HEARTBEAT}", key_arn=args.logs_key_arn, services=(), parent=self)
        deadman, by_alarms = topic(
            args.stack, f"{name}-{DEADMAN}", key_arn=self._key().arn, services=("cloudwatch",), parent=self
        )
        self.topic_arn, self.account_arn = alerts.arn, account.arn
        self.heartbeat_arn, self.deadman_arn = beat.arn, deadman.arn
        people, others = (account, written), (deadman, by_alarms)
        self._alarm(
            HEARTBEAT,
            [others, people],
            f"Alerts of {args.stack.name} reach nobody, or not all do: its heartbeat stopped. Boundary platform, "
            f"severity page: {self._runbook('pipeline-stopped')}.",
            metric_queries=_noughts("AWS/SNS", "NumberOfMessagesPublished", {"TopicName": beat.name}),
            evaluation_periods=3,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
        )
        of_aws = ((ACCOUNT, account, others), (DEADMAN, deadman, people))
        for called, of, told in of_aws:
            self._alarm(
                f"{called}-filtered",
                [told],
                f"A subscription of the topic {called} of {args.stack.name} has a filter, and took nothing of what it "
                "told: these messages have no attributes. Take the filter away. Boundary platform, severity page: "
                f"{self._runbook('pipeline-stopped')}.",
                namespace="AWS/SNS",
                metric_name="NumberOfNotificationsFilteredOut-NoMessageAttributes",
                dimensions={"TopicName": of.name},
                **ONE_IS_TOO_MANY,
            )
        for called, of, told in ((ALERTS, alerts, others), (HEARTBEAT, beat, others), *of_aws):
            self._alarm(
                f"{called}-failed",
                [told],
                f"Somebody who listens to the topic {called} of {args.stack.name} was not reached by what it told, or "
                "only at a later attempt: SNS failed to deliver it. Boundary platform, severity page: "
                f"{self._runbook('pipeline-stopped')}.",
                namespace="AWS/SNS",
                # Of HTTPS each attempt counts, of mail and telephone what SNS gave up (Amazon SNS Developer Guide,
                # "Monitoring Amazon SNS topics using CloudWatch"). One is told all the same: what an endpoint refuses
                # (4xx) is not tried again, so that one attempt may be a page that nobody got, and how many were of
                # one message nothing says.
                metric_name="NumberOfNotificationsFailed",
                dimensions={"TopicName": of.name},
                **ONE_IS_TOO_MANY,
            )
        self._alarm(
            "certificate",
            [people],
            f"The gateway's certificate of {args.stack.name} ends in less than {EXPIRES_DAYS} days, and ACM did not "
            f"renew it. Boundary platform, severity ticket: {self._runbook('expired-waiver-or-certificate')}.",
            namespace="AWS/CertificateManager",
            metric_name="DaysToExpiry",
            dimensions={"CertificateArn": args.certificate_arn},
            statistic="Minimum",
            # ACM tells it twice a day.
            period=86_400,
            evaluation_periods=1,
            threshold=EXPIRES_DAYS,
            comparison_operator="LessThanThreshold",
            treat_missing_data="missing",
        )
        self._trail(people)
        self._cluster(people)
        for source, event in TOLD.items():
            rule = self._events(source, event, account, written)
            self._alarm(
                f"{source}-failed",
                [others],
                f"What {event.who} found in the account of {args.stack.name} was told to nobody: EventBridge could not "
                f"write to the topic {ACCOUNT}. Boundary security, severity page: {self._runbook('pipeline-stopped')}.",
                # A refusal is not tried again, and the event is dropped (Amazon EventBridge User Guide, "Monitoring
                # Amazon EventBridge", "How EventBridge retries delivering events").
                namespace="AWS/Events",
                metric_name="FailedInvocations",
                dimensions={"RuleName": rule.name},
                **ONE_IS_TOO_MANY,
            )
            if source == MUTED:
                self._alarm(
                    MUTED,
                    [others],
                    f"Somebody called what may keep others from being told by {args.stack.name}: the topic {ACCOUNT} "
                    "says who, if anybody listens to it still; else CloudTrail does. Boundary security, severity page: "
                    f"{self._runbook(event.runbook)}.",
                    # That the rule was matched (Amazon EventBridge User Guide, "Monitoring Amazon EventBridge").
                    namespace="AWS/Events",
                    metric_name="TriggeredRules",
                    dimensions={"RuleName": rule.name},
                    **ONE_IS_TOO_MANY,
                )
        self.register_outputs(
            {"topicArn": self.topic_arn, "accountArn": self.account_arn, "deadmanArn": self.deadman_arn}
        )

    def _key(self) -> aws.kms.Key:
        """Of the topic of what is dead alone: a policy of the logs key that somebody broke breaks nothing here."""
        stack, name = self._args.stack, f"{self._name}-{DEADMAN}"
        key = aws.kms.Key(
            name,
            description=f"Encrypts what tells that alerts of {stack.name} are dead.",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=document(administer(stack.account, self._args.key_administrators), use_by_alarms(stack)),
            tags=data_class.tags(DataClass.LOGS),
            opts=pulumi.ResourceOptions(parent=self, protect=stack.protect),
        )
        aws.kms.Alias(
            name, name=deadman_alias(self._name), target_key_id=key.key_id, opts=pulumi.ResourceOptions(parent=self)
        )
        return key

    def _runbook(self, name: str) -> str:
        return f"{self._args.read_at}{RUNBOOKS}/{name}.md"

    def _alarm(
        self, which: str, told: Sequence[tuple[aws.sns.Topic, pulumi.Resource]], says: str, **watched: Any
    ) -> None:
        """An alarm that tells these topics when it begins and when it ends."""
        arns = [each.arn for each, _ in told]
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{which}",
            alarm_description=says,
            alarm_actions=arns,
            ok_actions=arns,
            **watched,
            # A topic that it may not write to yet loses what it tells.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[written for _, written in told]),
        )

    def _trail(self, people: tuple[aws.sns.Topic, pulumi.Resource]) -> None:
        """MLflow answers on where its trail takes no lines, and says so each minute in its own log, which the agents of
        the nodes bring to CloudWatch by a role of theirs, with the fields of Fluent Bit's filter for Kubernetes."""
        name, stack = f"{self._name}-{TRAIL}", self._args.stack.name
        aws.cloudwatch.LogMetricFilter(
            name,
            log_group_name=self._args.application_log,
            pattern=f'{{ $.kubernetes.namespace_name = "{ns.MLFLOW.name}" && $.log = "{TRAIL_STOPPED}*" }}',
            metric_transformation={"name": name, "namespace": "Parapet", "value": "1"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._alarm(
            TRAIL,
            [people],
            f"Who did what in MLflow of {stack} is not written down: its audit trail takes no lines. "
            f"Boundary security, severity page: {self._runbook('audit-trail-stopped')}.",
            namespace="Parapet",
            metric_name=name,
            **ONE_IS_TOO_MANY,
        )

    def _cluster(self, people: tuple[aws.sns.Topic, pulumi.Resource]) -> None:
        """What the agents of the nodes say of them (Amazon CloudWatch User Guide, "Amazon EKS and Kubernetes Container
        Insights metrics"), and EKS of pods that no node has room for (Amazon EKS User Guide, "Basic metrics in Amazon
        CloudWatch")."""
        stack = self._args.stack.name
        for which, says, minutes, metric in (
            (
                "nodes",
                f"A node of {stack} is not well: it does not answer, or its disk, memory or processes are at their end",
                NODE_MINUTES,
                {"namespace": "ContainerInsights", "metric_name": "cluster_failed_node_count", "statistic": "Maximum"},
            ),
            (
                "no-room",
                f"Pods of {stack} wait for a node for {ROOM_MINUTES} minutes",
                ROOM_MINUTES,
                {"namespace": "AWS/EKS", "metric_name": "scheduler_pending_pods_UNSCHEDULABLE", "statistic": "Sum"},
            ),
        ):
            self._alarm(
                which,
                [people],
                f"{says}. Boundary platform, severity ticket: {self._runbook('lost-node-or-region')}.",
                dimensions={"ClusterName": self._args.cluster_name},
                **{**ONE_IS_TOO_MANY, **metric, "evaluation_periods": minutes * 60 // ONE_IS_TOO_MANY["period"]},
            )

    def _events(
        self, source: str, event: Told, account: aws.sns.Topic, written: pulumi.Resource
    ) -> aws.cloudwatch.EventRule:
        """Where the organisation has turned the service on for the account; the stack does not."""
        stack = self._args.stack
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-{source}",
            description=f"{event.who} has something to tell of the account of {stack.name}.",
            event_pattern=json.dumps(event.pattern).replace(STACK, self._name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        text = (
            f"{event.says}. Account of {stack.name}. Boundary security, severity page: {self._runbook(event.runbook)}."
        )
        aws.cloudwatch.EventTarget(
            f"{self._name}-{source}",
            rule=rule.name,
            target_id="told",
            arn=account.arn,
            input_transformer={"input_paths": dict(event.paths), "input_template": json.dumps(text)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[written]),
        )
        return rule
