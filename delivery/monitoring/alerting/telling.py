"""Alerts in the forms that others take: Alertmanager's API (v2), and Prometheus' text.

Both have the labels that the platform's routes go by (`platform/mlops/monitoring`), and no label holds anything else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from delivery.monitoring.alerting.declared import KINDS, SEVERITIES
from delivery.monitoring.alerting.documents import Alert, State, Told
from delivery.monitoring.alerting.versions import alerts, of_this_window
from delivery.registry.documents import written

ALERTNAME: Final = "ModelDrift"
DRIFTED: Final = "parapet_monitor_drift"
ROWS: Final = "parapet_monitor_rows"
SILENCED: Final = "parapet_monitor_silenced_windows"
LASTS: Final = 2.5
"""Times the interval between windows after which what is not told again is over: one late window ends nothing."""


def posted_labels(alert: Alert) -> list[dict[str, str]]:
    """For each owner of what has moved: what routes go by, and the fingerprint, which tells two alerts of one model and
    kind apart."""
    return [_labels(alert, each) for each in alert.tells]


def _labels(alert: Alert, to: Told) -> dict[str, str]:
    return {
        **{"alertname": ALERTNAME, "model": _name(alert.model), "kind": to.kind},
        **{"severity": to.severity, "boundary": to.boundary, "runbook": f"runbooks/{to.runbook}.md"},
        "fingerprint": alert.fingerprint,
    }


def annotations(alert: Alert) -> dict[str, str]:
    return {"summary": alert.summary, "columns": ", ".join(alert.columns), "windows": str(alert.windows)}


def for_alertmanager(
    before: Sequence[Alert], after: Sequence[Alert], now: datetime, every: timedelta
) -> list[dict[str, Any]]:
    """The body of `POST /api/v2/alerts`: those that are there, and the end of those that are so no more.

    An alert whose severity or kind has changed is another one to Alertmanager: the former ends as the next begins.
    """
    there = [(each, labels) for each in after for labels in posted_labels(each)]
    are = [labels for _, labels in there]
    over = [(each, labels) for each in before for labels in posted_labels(each) if labels not in are]
    return [
        *(_posted(*each, written(now + every * LASTS)) for each in there),
        *(_posted(*each, written(now)) for each in over),
    ]


def _posted(alert: Alert, labels: dict[str, str], ends: str) -> dict[str, Any]:
    told = {"labels": labels, "annotations": annotations(alert)}
    return {**told, "startsAt": min(alert.began, ends), "endsAt": ends}


def metrics(state: State) -> str:
    """In Prometheus' text format: 1 where somebody is told of the kind and severity, else 0; each pair is there."""
    there = {(told.kind, told.severity) for each in alerts(state) for told in each.tells}
    lines = [f"# HELP {DRIFTED} Whether an alert is open, by kind and severity.", f"# TYPE {DRIFTED} gauge"]
    for kind in KINDS:
        for grave in SEVERITIES:
            pairs = f'model="{_name(state.model)}",kind="{kind}",severity="{grave}"'
            lines.append(f"{DRIFTED}{{{pairs}}} {int((kind, grave) in there)}")
    # Where nobody need have asked, what the check before said holds.
    if rows := [each.rows for each in of_this_window(state) if each.rows is not None]:
        lines += [
            f"# HELP {ROWS} Rows of the last window; 0 where for days they were too few, or the same as before.",
            f"# TYPE {ROWS} gauge",
            f'{ROWS}{{model="{_name(state.model)}"}} {max(rows)}',
        ]
    lines += [
        f"# HELP {SILENCED} Of 28 windows those that drifted by the check's own tests, usual by the noise alone.",
        f"# TYPE {SILENCED} gauge",
        f'{SILENCED}{{model="{_name(state.model)}"}} {max(each.silenced for each in (state, *state.beside))}',
    ]
    return "\n".join(lines) + "\n"


def _name(model: str) -> str:
    return model.partition("@")[0]
