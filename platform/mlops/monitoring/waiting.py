"""What waited in the quiet hours and was over before they were: told when they end, since Alertmanager tells nothing of
it (`routes.py`, mute_time_intervals).

Of each model, kind and severity it is recorded when a ticket or a note last waited, and when its owner was last told:
who knows of a note was told of no ticket, while a ticket or a page says what a note of the same kind would.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from mlops.monitoring.owners import Quiet
from mlops.monitoring.words import Severity
from mlops.prometheus import MODEL

NAME: Final = "OverBeforeMorning"
HOURS: Final = "parapet:quiet_hours"
KNOWN: Final = "parapet:alert_known"
WAITED: Final = "parapet:alert_waited:seconds"
TOLD: Final = "parapet:alert_told:seconds"
MARGIN: Final = timedelta(minutes=6)
"""What begins so shortly before quiet hours Alertmanager may hold until they begin; and what ends so shortly after
them, it may not have told (`routes.py`, group_wait and group_interval)."""
TELLS: Final = "1h"
"""For how long after them it is there to be told, which happens at once."""
HEARD: Final = "50m"
"""After which it counts as told."""
DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""As PromQL counts them."""
LOOKS_BACK: Final = "98h"
"""A long weekend."""
SEVEREST: Final = (Severity.PAGE, Severity.TICKET, Severity.NOTE)
WAITING: Final = (Severity.TICKET, Severity.NOTE)


def recorded(quiet: Quiet, never: str) -> list[dict[str, Any]]:
    """The rules that record it, of all alerts but `never`."""
    there = _firing(_never(never))
    paged = _firing(f'alertname!="{NAME}"', _is(Severity.PAGE))
    told = _firing(f'alertname="{NAME}"')
    over = f"max_over_time({HOURS}[{HEARD}]) == 0"
    # What it was itself the last time: what was told by day is known for as long as it is there.
    known = (
        f"({there} and on () ({HOURS} == 0))",
        f"({there} and on ({MODEL}, kind) {paged})",
        *(
            f"({_firing(_never(never), _is(each))} and on ({MODEL}, kind) {KNOWN}{{{_at_least(each)}}})"
            for each in WAITING
        ),
    )
    return [
        {"record": HOURS, "expr": _hours(quiet)},
        {"record": KNOWN, "expr": " or ".join(known)},
        {"record": WAITED, "expr": f"({there} unless {KNOWN}) * time()"},
        {"record": TOLD, "expr": f"({KNOWN} or ({told} and on () ({over}))) * time()"},
    ]


def expression(kind: str) -> str:
    """PromQL: models of which something of this kind waited since its owner was last told, and waits no more."""

    def last(series: str, severities: str) -> str:
        return f'max by ({MODEL}) (last_over_time({series}{{kind="{kind}",{severities}}}[{LOOKS_BACK}]))'

    def over(severity: Severity) -> str:
        waited, told = last(WAITED, _is(severity)), last(TOLD, _at_least(severity))
        there = f'ALERTS{{alertname!="{NAME}",alertstate="firing",kind="{kind}",{_at_least(severity)}}}'
        return f"(({waited} > ({told} or {waited} * 0)) unless on ({MODEL}) {there})"

    return f"({' or '.join(map(over, WAITING))}) and on () (max_over_time({HOURS}[{TELLS}]) == 1)"


def _firing(*chosen: str) -> str:
    of = ",".join(('alertstate="firing"', *chosen))
    return f"max by ({MODEL}, kind, severity) (ALERTS{{{of}}})"


def _never(name: str) -> str:
    return f'alertname!~"{name}|{NAME}"'


def _is(severity: Severity) -> str:
    return f'severity="{severity}"'


def _at_least(severity: Severity) -> str:
    """That severity, and what says it too."""
    return f'severity=~"{"|".join(SEVEREST[: SEVEREST.index(severity) + 1])}"'


def _hours(quiet: Quiet) -> str:
    """PromQL: 1 in quiet hours, MARGIN before and after them, else 0."""

    def minutes(at: str, more: timedelta) -> int:
        moved = datetime.strptime(at, "%H:%M") + more
        return moved.hour * 60 + moved.minute

    now, begins, ends = "(hour() * 60 + minute())", minutes(quiet.begins, -MARGIN), minutes(quiet.ends, MARGIN)
    times = [f"({now} >= bool {begins})", f"({now} < bool {ends})"]
    times += [f"(day_of_week() == bool {DAYS.index(each)})" for each in quiet.days]
    return f"{' + '.join(times)} > bool 0"
