"""Versions of one model that are checked side by side: each is known by itself, and what is told is of all of them.

A canary and what it may replace come in turn. Were all begun anew with each, nothing would ever be there twice.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from msgspec import structs

from delivery.monitoring.alerting.declared import SEVERITIES, Declared
from delivery.monitoring.alerting.documents import Alert, Evidence, State
from delivery.registry.documents import moment

HOLDS: Final = timedelta(days=14)
"""How long after a version's last window what was found of it is told because it still answers somebody. That it does
is what files of the log say, whose writer may be whose model it is: without an end, one of them a day keeps a page for
good. A Rollout that waits for longer is told by itself (`MonitorMissesAnswers`)."""


def turned(state: State, model: str) -> tuple[State | None, list[State]]:
    """What is known of this version, if anything is, and of each other."""
    versions = [structs.replace(state, beside=[]), *state.beside]
    mine = next((each for each in versions if each.model == model), None)
    return mine, [each for each in versions if each.model != model]


def follows(new: State, others: Sequence[State]) -> State:
    """What is known of a version before its first window, from that of the one that was looked at last: in how many
    windows in a row a signal was out of the ordinary, and since when none had rows enough. Of a model that is promoted
    each week, or each day, no version has more than a few windows. What speaks for a drift, it says by itself: it is
    held to a reference of its own."""
    if not others:
        return new
    last = max(others, key=lambda each: each.until or "")
    evidence = {signal: Evidence(0.0, each.streak) for signal, each in last.evidence.items() if each.streak}
    return structs.replace(new, evidence=evidence, unjudged=last.unjudged)


def there(
    others: Sequence[State], mine: State, answering: Collection[str], declared: Declared
) -> tuple[list[State], list[Alert]]:
    """Those of which a window came within this version's last ones that were judged, or that answered somebody in this
    one and were looked at within HOLDS, and the alerts of those that are over by that. Nobody looks at what a Rollout
    that waits leaves in service: what was found of it holds for whom it answers."""
    full = len(mine.lately) >= declared.calm
    gone = [each for each in others if each.model not in answering or _long_ago(each, mine)]
    over = [each for each in gone if full and (each.until or "") < mine.lately[0]]
    return [each for each in others if each not in over], [known.alert for each in over for known in each.open]


def _long_ago(other: State, mine: State) -> bool:
    return not (other.until and mine.until) or moment(mine.until) - moment(other.until) > HOLDS


def of_this_window(state: State) -> list[State]:
    """The version that was looked at last, and each other whose own last window ended in the later half of that one's:
    they come in turn. What was there of one that nobody looks at any more says nothing of today."""
    if not (state.since and state.until):
        return [state]
    begun, ended = moment(state.since), moment(state.until)
    half = begun + (ended - begun) / 2
    return [state, *(each for each in state.beside if each.until and moment(each.until) >= half)]


def alerts(state: State) -> list[Alert]:
    """All that are open, of whichever version; of one cause in two of them the graver."""
    found: dict[str, Alert] = {}
    for each in (known.alert for version in (state, *state.beside) for known in version.open):
        before = found.get(each.fingerprint)
        if before is None or SEVERITIES.index(each.severity) < SEVERITIES.index(before.severity):
            found[each.fingerprint] = each
    return list(found.values())
