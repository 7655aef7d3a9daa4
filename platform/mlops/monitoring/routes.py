"""Alertmanager's configuration: who is told of an alert, how often, and when not.

What leaves goes to a topic of Amazon SNS in the account, whose subscribers choose by `boundary` and `severity`. It has
the labels of `words.LABELS`, and no other and no annotation of whoever sends an alert; where its runbook is read, and
where the reports of a model's checks lie; and the fingerprint by which an incident names it.
"""

from collections.abc import Sequence
from typing import Any, Final

from mlops.monitoring import waiting, words
from mlops.monitoring.owners import Owner, Owners, Quiet
from mlops.monitoring.rules import (
    ALERTS,
    CALLERS,
    CHECK_DEAD,
    DOWN,
    DRIFT,
    ELSEWHERE,
    NO_DATA,
    OUTCOMES,
    OUTCOMES_LATE,
    UNREAD,
    WATCHDOG,
)
from mlops.monitoring.words import LABELS, Boundary, Severity

HEARTBEAT: Final = "heartbeat"
"""The receiver, and what its topic is called."""
BEATS: Final = "210s"
"""After which a heartbeat is sent again, at the next look at its group: each four minutes, of which one is expected
every five. Four minutes themselves would make it five: at the fourth look the last one is younger by as long as SNS
took to take it, since Alertmanager notes it only then."""
QUIET: Final = "quiet"
TICKETS_AGAIN: Final = "24h"
HELD_AGAIN: Final = "4h"
"""How often a page of HELD is told again at most: a check comes once a day, and nothing is new between two, while what
it found goes on for days after it was mended (`alerting.yaml`, calm). An owner whose own is longer keeps that."""
NOTES_AGAIN: Final = "168h"
GROUPED: Final = ("model", "kind")
"""By what is the matter with which model: several alerts of one cause are told together."""
SUBJECT: Final = "{{ .Status }}: {{ .GroupLabels.model }} {{ .GroupLabels.kind }} ({{ .CommonLabels.severity }})"
"""Of what SNS takes: 100 characters of ASCII (Amazon SNS API Reference, Publish); longer ones Alertmanager cuts."""
OF_MODEL: Final = "{{ .Labels.model }}"
OF_CHECKS: Final = (DRIFT, CALLERS, NO_DATA, UNREAD, ELSEWHERE, OUTCOMES, OUTCOMES_LATE)
"""Alerts by what the last check said: its report says more."""
HELD: Final = sorted(
    {each.name for each in ALERTS if any(said in each.expression for said in words.OF_CHECKS)} | {waiting.NAME}
)
"""What was over before morning; and alerts by what checks said, or did not, which are told again seldom."""


def text(read_at: str, reports: str) -> str:
    """What is told of each alert. `reports` is the place of the reports of checks of the model OF_MODEL."""
    label = "  {0}: {{{{ .Labels.{0} }}}}".format
    named = (label(each) for each in LABELS if each != "runbook")
    checked = " ".join(f'(eq .Labels.alertname "{each}")' for each in OF_CHECKS)
    return "\n".join(
        (
            '{{ range .Alerts }}{{ .Status }} since {{ .StartsAt.UTC.Format "2006-01-02T15:04:05Z" }}',
            *named,
            f"  runbook: {read_at}{{{{ .Labels.runbook }}}}",
            "  fingerprint: {{ .Fingerprint }}",
            f"{{{{ if or {checked} }}}}  reports: {reports}",
            "{{ end }}{{ end }}",
        )
    )


def configuration(
    owners: Owners, quiet: Quiet, *, topic_arn: str, heartbeat_arn: str, region: str, reports: str, api: str = ""
) -> dict[str, Any]:
    """As Alertmanager reads it. `reports` is the place of the reports of checks of the model OF_MODEL; `api` is where
    SNS is, if not where the Region has it.

    Nobody is ever told that something is over: what Prometheus knows ends with its pod, and minutes after its last word
    an alert is over to Alertmanager, while a new pod is not there yet, or still counts the five minutes of a model that
    is down. A pager would believe it, and close what goes on.
    """
    message = text(owners.read_at, reports)

    def sns(topic: str, attributes: dict[str, str]) -> dict[str, Any]:
        return {
            "topic_arn": topic,
            "sigv4": {"region": region},
            **({"api_url": api} if api else {}),
            "send_resolved": False,
            "subject": SUBJECT,
            "message": message,
            "attributes": attributes,
        }

    told = [
        {"name": name, "sns_configs": [sns(topic_arn, _attributes(each, severity))]}
        for each in owners.owners
        for name, severity in ((each.page, Severity.PAGE), (each.ticket, Severity.TICKET))
    ]
    beat = sns(heartbeat_arn, {"severity": HEARTBEAT})
    return {
        "route": _route(owners),
        "inhibit_rules": INHIBITED,
        "time_intervals": [{"name": QUIET, "time_intervals": _intervals(quiet)}],
        "receivers": [*told, {"name": HEARTBEAT, "sns_configs": [beat]}],
    }


def _attributes(owner: Owner, severity: Severity) -> dict[str, str]:
    """By what a subscriber chooses (Amazon SNS Developer Guide, "Amazon SNS subscription filter policies")."""
    return {"boundary": str(owner.boundary), "severity": str(severity), "team": owner.team}


def _route(owners: Owners) -> dict[str, Any]:
    """What no route knows is the platform's, and no quiet hour is for it."""
    platform = owners.of(Boundary.PLATFORM)
    return {
        "receiver": platform.ticket,
        "group_by": list(GROUPED),
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": TICKETS_AGAIN,
        "routes": [
            {
                "matchers": [f'alertname="{WATCHDOG}"'],
                "receiver": HEARTBEAT,
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "1m",
                "repeat_interval": BEATS,
            },
            *(_of(owner) for owner in owners.owners),
            {"matchers": [_is(Severity.PAGE)], "receiver": platform.page, **_paged(platform)},
        ],
    }


def _of(owner: Owner) -> dict[str, Any]:
    told = {"receiver": owner.ticket, "mute_time_intervals": [QUIET]}
    seldom = {"repeat_interval": max(owner.again_after, HELD_AGAIN, key=_seconds)}
    held = f'alertname=~"{"|".join(HELD)}"'
    return {
        "matchers": [f'boundary="{owner.boundary}"'],
        "receiver": owner.ticket,
        "routes": [
            {"matchers": [held, _is(Severity.PAGE)], "receiver": owner.page, **_paged(owner), **seldom},
            {"matchers": [_is(Severity.PAGE)], "receiver": owner.page, **_paged(owner)},
            {"matchers": [_is(Severity.TICKET)], **told},
            {"matchers": [_is(Severity.NOTE)], **told, "repeat_interval": NOTES_AGAIN},
        ],
    }


def _paged(owner: Owner) -> dict[str, str]:
    return {"group_wait": "10s", "group_interval": "1m", "repeat_interval": owner.again_after}


def _seconds(duration: str) -> int:
    """Of one of Prometheus' durations, as an owner may have one."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def _is(severity: Severity) -> str:
    return f'severity="{severity}"'


def _inhibited(source: Sequence[str], target: Sequence[str], *equal: str) -> dict[str, Any]:
    return {"source_matchers": list(source), "target_matchers": list(target), "equal": list(equal)}


_LESS: Final = f'severity=~"{Severity.TICKET}|{Severity.NOTE}"'
INHIBITED: Final = [
    # One page is enough, and none is silenced by what is no page.
    _inhibited([_is(Severity.PAGE)], [_LESS], "model", "kind"),
    # No kind of drift silences another: which column explains which, and for how long, the monitor knows alone
    # (`delivery/monitoring/alerting/causes.py`), and it has told them together.
    # Who no longer looks finds nothing.
    _inhibited([f'alertname="{CHECK_DEAD}"'], [f'alertname="{NO_DATA}"', _LESS], "model"),
    _inhibited([f'alertname="{DOWN}"'], [f'alertname="{NO_DATA}"', _LESS], "model"),
]


def _intervals(quiet: Quiet) -> list[dict[str, Any]]:
    nights = {
        "times": [{"start_time": "00:00", "end_time": quiet.ends}, {"start_time": quiet.begins, "end_time": "24:00"}]
    }
    return [nights, *([{"weekdays": list(quiet.days)}] if quiet.days else [])]
