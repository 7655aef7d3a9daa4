"""Amazon CloudWatch: alarms that tell someone, and metric filters that have an alarm. `logs` has log groups."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT
from hipaa.resource import UNKNOWN, Resource
from hipaa.rule import LOW, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, undecided, violation

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"

_TOPIC = "arn:aws:sns:us-east-1:111122223333:alarms"


def _alarm(**properties: Any) -> Resource:
    return Resource(ALARM, {"name": "errors", "metricName": "Errors", "namespace": "Ward"} | properties, name="errors")


@stack_rule(
    "cloudwatch-alarm-tells-someone",
    on=(ALARM, COMPOSITE),
    severity=MEDIUM,
    advisory="a person or a deployment may look at an alarm; that someone is told is good practice",
    proposed=PROPOSED_AUDIT,
    fix="Set alarm_actions to a topic, and leave actions_enabled out.",
    sound=[
        [_alarm(alarmActions=[_TOPIC])],
        [_alarm(alarmActions=[UNKNOWN])],
        [_alarm(), Resource(COMPOSITE, {"alarmRule": 'ALARM("errors")', "alarmActions": [_TOPIC]})],
        [Resource(COMPOSITE, {"alarmRule": "ALARM(a)", "alarmActions": [_TOPIC]})],
    ],
    unsound=[
        [_alarm()],
        [_alarm(alarmActions=[])],
        [_alarm(alarmActions=[_TOPIC], actionsEnabled=False)],
        [_alarm(okActions=[_TOPIC])],
    ],
)
def alarm_tells_someone(alarm: Resource, stack: Stack) -> Verdict:
    """An alarm does something when it goes off, or is part of one that does."""
    if alarm.at("actionsEnabled", True) is False:
        return violation("`actions_enabled` is false; it must be true")
    if alarm.at("alarmActions"):
        return Verdict()
    name = str(alarm.known("name") or alarm.known("alarmName") or alarm.name)
    origins, rules, unknown = stack.once(_composites)
    if alarm.urn in origins or name in rules:
        return Verdict()
    if unknown:
        return undecided(unknown)
    return violation("`alarm_actions` is empty, and no CompositeAlarm of the program names the alarm")


def _composites(stack: Stack) -> tuple[set[str], str, str]:
    """The alarms that composite ones were made from, the text of all their rules, and the first not known yet."""
    composites = stack.of(COMPOSITE)
    origins = {urn for composite in composites for urn in composite.sources.get("alarmRule", ())}
    rules = {composite.name: composite.known("alarmRule") for composite in composites}
    unknown = next((f"alarm_rule of {composite.name}" for composite in composites if rules[composite.name] is None), "")
    return origins, "\n".join(str(text) for text in rules.values() if text), unknown


def _queried(**properties: Any) -> Resource:
    return Resource(ALARM, {"name": "errors"} | properties, name="errors")


def _filter(name: str = "Errors") -> Resource:
    transformation = {"name": name, "namespace": "Ward", "value": "1"}
    return Resource(METRIC_FILTER, {"logGroupName": "ward", "pattern": "ERROR", "metricTransformation": transformation})


@stack_rule(
    "cloudwatch-metric-filter-has-an-alarm",
    on=METRIC_FILTER,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Add a MetricAlarm over the metric's name and namespace.",
    sound=[
        [_filter(), _alarm()],
        [_filter(), _queried(metricQueries=[{"id": "a", "metric": {"metricName": "Errors"}}])],
        [_filter(), _queried(metricQueries=[{"id": "a", "expression": "SUM(SEARCH('Errors'))"}])],
    ],
    unsound=[[_filter()], [_filter("Refusals"), _alarm()]],
)
def metric_filter_has_an_alarm(metric_filter: Resource, stack: Stack) -> Verdict:
    """What is counted in a log is looked at by an alarm."""
    name = str(metric_filter.at("metricTransformation.name", ""))
    if name and name in stack.once(_queries):
        return Verdict()
    return violation(f"no MetricAlarm of the program is over the metric {name[:60]!r}")


def _queries(stack: Stack) -> str:
    """All that the program's alarms ask for."""
    return "\n".join(told for alarm in stack.of(ALARM) for told in _metrics(alarm))


def _metrics(alarm: Resource) -> list[str]:
    queries = alarm.objects("metricQueries")
    told = [alarm.at("metricName"), *(query.at("metric.metricName") for query in queries)]
    return [str(each) for each in (*told, *(query.at("expression") for query in queries)) if each]
