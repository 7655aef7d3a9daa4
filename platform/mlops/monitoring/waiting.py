"""What waited in the quiet hours and was over before they were: told when they end, since Alertmanager tells nothing of
it (`routes.py`, mute_time_intervals).

Of each model and kind it is recorded when a ticket or a note last waited, and when its owner was last told.
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


def recorded(quiet: Quiet, never: str) -> list[dict[str, Any]]:
    """The rules that record it, of all alerts but `never`."""
    there = _firing(f'alertname!~"{never}|{NAME}"')
    paged = _firing(f'alertname!="{NAME}"', f'severity="{Severity.PAGE}"')
    told = _firing(f'alertname="{NAME}"')
    over = f"max_over_time({HOURS}[{HEARD}]) == 0"
    return [
        {"record": HOURS, "expr": _hours(quiet)},
        # What it was itself the last time: what was told by day is known for as long as it is there.
        {"record": KNOWN, "expr": f"({there} and on () ({HOURS} == 0)) or ({paged}) or ({there} and {KNOWN})"},
        {"record": WAITED, "expr": f"({there} unless {KNOWN}) * time()"},
        {"record": TOLD, "expr": f"({KNOWN} or ({told} and on () ({over}))) * time()"},
    ]


def expression(kind: str) -> str:
    """PromQL: models of which something of this kind waited since its owner was last told, and waits no more."""
    of = f'{{kind="{kind}"}}[{LOOKS_BACK}]'
    waited, told = (f"max by ({MODEL}) (last_over_time({each}{of}))" for each in (WAITED, TOLD))
    there = f'ALERTS{{alertname!="{NAME}",alertstate="firing",kind="{kind}"}}'
    return (
        f"({waited} > ({told} or {waited} * 0)) unless on ({MODEL}) {there}"
        f" and on () (max_over_time({HOURS}[{TELLS}]) == 1)"
    )


def _firing(*chosen: str) -> str:
    of = ",".join(('alertstate="firing"', *chosen))
    return f"max by ({MODEL}, kind) (ALERTS{{{of}}})"


def _hours(quiet: Quiet) -> str:
    """PromQL: 1 in quiet hours, MARGIN before and after them, else 0."""

    def minutes(at: str, more: timedelta) -> int:
        moved = datetime.strptime(at, "%H:%M") + more
        return moved.hour * 60 + moved.minute

    now, begins, ends = "(hour() * 60 + minute())", minutes(quiet.begins, -MARGIN), minutes(quiet.ends, MARGIN)
    times = [f"({now} >= bool {begins})", f"({now} < bool {ends})"]
    times += [f"(day_of_week() == bool {DAYS.index(each)})" for each in quiet.days]
    return f"{' + '.join(times)} > bool 0"
