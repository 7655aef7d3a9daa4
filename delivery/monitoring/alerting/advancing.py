"""One window more: what was known before and a check, to what is known now and what begins, goes on and ends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import exp
from typing import Final

from msgspec import structs

from delivery.monitoring.alerting import summary
from delivery.monitoring.alerting.accepting import accepted
from delivery.monitoring.alerting.causes import LAYOUT, Group, column_of, grouped, kind_of
from delivery.monitoring.alerting.declared import Declared
from delivery.monitoring.alerting.documents import Alert, Evidence, Open, Past, State, fingerprint, read_state
from delivery.monitoring.alerting.evidence import Seen, gathered, judged, seen
from delivery.monitoring.alerting.noise import Noise
from delivery.monitoring.alerting.severity import tells
from delivery.monitoring.alerting.versions import follows, there, turned
from delivery.monitoring.alerting.windows import LAYOUT_TESTS, broken, end_of, tested
from delivery.monitoring.found import Check
from delivery.registry.documents import moment, written
from delivery.registry.refused import Refused

STUCK: Final = timedelta(days=1)
"""After which a window that does not move is no data: who brings it brings the same again."""
SILENCED_OF: Final = 28
"""Judged windows of which it is counted how many the noise made usual. They are not counted in a row: of a ward that is
asked little on Sundays each week would begin at none."""
FILES: Final = "files"
"""In place of a model's name, where files were compared."""


@dataclass(frozen=True)
class Step:
    """What a window came to."""

    state: State
    begins: tuple[Alert, ...] = ()
    goes_on: tuple[Alert, ...] = ()
    """Those of before, and those that had ended and are there again."""
    ends: tuple[Alert, ...] = ()
    """As they were last; those that another one took in are among them."""


def begin(check: Check) -> State:
    """What is known of a model before its first window. Raises Refused for a name that no model has."""
    state = State("parapet-alerting-state/1", check.model or FILES, check.reference)
    return read_state(state.raw)


def advance(
    state: State, check: Check, noise: Noise | None, declared: Declared, answering: Collection[str] = ()
) -> Step:
    """A function of its arguments alone. A window that ends and starts no later than the last one was there: it changes
    nothing but what was accepted in the meantime, and that there are no data where a day has gone by.

    Versions may come in turn: each goes on from its own last window, and ends when it has none for as long as an alert
    takes to be over and is none of those `answering`, NAME@VERSION. With another reference all begins anew, and what
    was open ends. `noise` is of the check's reference; without it, or where it is of another one, the check's own
    chances are taken, which know of no season. Raises Refused for a check of another model.
    """
    model = check.model or FILES
    if model.partition("@")[0] != state.model.partition("@")[0]:
        raise Refused(f"The state is of the model {state.model}, the check of {model}. Give each model its own state.")
    mine, others = turned(state, model)
    same = mine is not None and mine.reference == check.reference
    known = mine if mine and same else begin(check)
    step = _advanced(follows(known, others) if mine is None else known, check, noise, declared)
    others, gone = _without_accepted_beside(others, moment(check.at).date(), declared)
    if step.state.windows > known.windows:  # else it says nothing of who still answers
        others, over = there(others, step.state, answering, declared)
        gone += over
    elsewhere = {each.alert.fingerprint for other in others for each in other.open}
    over = [*gone, *((each.alert for each in mine.open) if mine and not same else ()), *step.ends]
    return Step(
        structs.replace(step.state, beside=others),
        tuple(each for each in step.begins if each.fingerprint not in elsewhere),
        (*step.goes_on, *(each for each in step.begins if each.fingerprint in elsewhere)),
        tuple(each for each in over if each.fingerprint not in elsewhere),
    )


def _advanced(state: State, check: Check, noise: Noise | None, declared: Declared) -> Step:
    """The same of one version."""
    model = state.model
    today, until = moment(check.at).date(), written(end_of(check))
    since = min(check.start or until, until)
    state, over = _without_accepted(state, today, declared)
    if state.until and (until, since) <= (state.until, state.since or ""):
        stuck = state.moved is not None and moment(check.at) - moment(state.moved) >= STUCK
        state = structs.replace(state, rows=0) if stuck else state
        return Step(state, goes_on=tuple(each.alert for each in state.open), ends=over)
    rows = check.rows if judged(check, declared) else 0
    unjudged = min(state.unjudged or since, since)
    quiet = moment(until) - moment(unjudged) <= declared.quiet(model)
    windows, lately = state.windows + 1, [*state.lately, *([until] if rows else ())][-declared.calm :]
    state = structs.replace(state, until=until, since=since, windows=windows, moved=check.at, lately=lately)
    idle = not check.rows and moment(until) - moment(unjudged) <= declared.idle(model)
    counted = None if idle else check.rows if rows or quiet else 0
    state = structs.replace(state, rows=counted, gathers=None if rows else since)
    state = structs.replace(state, unjudged=None if rows else unjudged)

    def told(signal: str) -> bool:
        return not accepted(model, signal, today, declared)

    now = {each.signal: each for each in seen(check, noise, declared) if told(each.signal)}
    step = _followed(state, now, frozenset(filter(told, _broken(check, declared))), declared)
    if rows:
        heard = {signal for each in step.state.open for signal in each.signals}
        silent = any(each.silenced and each.ordinary and each.signal not in heard for each in now.values())
        usual = [*state.usual, silent][-SILENCED_OF:]
        step = replace(step, state=structs.replace(step.state, silenced=sum(usual), usual=usual))
    return replace(step, ends=(*over, *step.ends))


def _without_accepted(state: State, day: date, declared: Declared) -> tuple[State, tuple[Alert, ...]]:
    """Without what is accepted on this day, and the alerts that are over by that."""
    opened, over = list[Open](), list[Alert]()
    for each in state.open:
        signals = frozenset(name for name in each.signals if not accepted(state.model, name, day, declared))
        if len(signals) == len(each.signals):
            opened.append(each)
        elif signals:
            unheard = {name: windows for name, windows in each.unheard.items() if name in signals}
            last = each.alert
            alert = _alert(state, signals, unheard, last.windows, each.confirmed, last, frozenset(), declared)
            opened.append(structs.replace(each, alert=alert, signals=sorted(signals), unheard=unheard))
        else:
            over.append(each.alert)
    evidence = {name: each for name, each in state.evidence.items() if not accepted(state.model, name, day, declared)}
    return structs.replace(state, open=opened, evidence=evidence), tuple(over)


def _without_accepted_beside(others: Sequence[State], day: date, declared: Declared) -> tuple[list[State], list[Alert]]:
    told = [_without_accepted(each, day, declared) for each in others]
    return [state for state, _ in told], [alert for _, over in told for alert in over]


def _broken(check: Check, declared: Declared) -> frozenset[str]:
    known = {each.name for each in tested(check)} | {name for each in declared.sources.values() for name in each}
    return frozenset(
        f"{LAYOUT if each.test in LAYOUT_TESTS else 'schema'}:{each.name if each.name in known else summary.UNNAMED}"
        for each in broken(check)
    )


def _followed(state: State, now: Mapping[str, Seen], schema: frozenset[str], declared: Declared) -> Step:
    """The window, which the state counts already, with what was seen in it."""
    evidence = gathered(state.evidence, now.values())
    begun = {name for name, each in now.items() if name in evidence and evidence[name].weight >= each.bound}
    there = {signal for each in state.open for signal in each.signals}
    groups = [Group(frozenset(each.signals), each.grown) for each in state.open]
    groups = grouped(groups, (schema | begun) - there, state.windows, declared)
    past = [each for each in state.past if state.windows - each.ended <= declared.again]
    state = structs.replace(state, evidence=evidence)
    opened, begins, goes_on, ends = list[Open](), list[Alert](), list[Alert](), list[Alert]()
    for group in groups:
        former = sorted((state.open[place] for place in group.took), key=lambda each: each.alert.began)
        back = None if former else _back(group, past)
        sure = any(each.confirmed for each in former) or _confirmed(group.signals, evidence, schema, declared)
        calm = 0 if group.grown == state.windows else _calm(former[0].calm, group.signals, now, schema)
        last = former[0].alert if former else back
        past = [each for each in past if each.alert is not back]
        waits = bool(state.gathers and state.rows != 0)
        unheard = _unheard(former, group.signals, now, schema, waits)
        windows = last.windows + 1 if last else 1
        alert = _alert(state, group.signals, unheard, windows, sure, last, schema, declared)
        ends += [each.alert for each in former[1:]]
        if calm >= declared.calm:
            ends.append(alert)
            past.append(Past(alert, state.windows))
            evidence = {name: each for name, each in evidence.items() if name not in group.signals}
        else:
            opened.append(Open(alert, group.grown, calm, sure, sorted(group.signals), unheard))
            (goes_on if last else begins).append(alert)
    state = structs.replace(state, evidence=evidence, open=opened, past=past)
    return Step(state, tuple(begins), tuple(goes_on), tuple(ends))


def _alert(
    state: State,
    signals: frozenset[str],
    unheard: Mapping[str, int],
    windows: int,
    sure: bool,
    last: Alert | None,
    schema: frozenset[str],
    declared: Declared,
) -> Alert:
    """What is told of it now; its name and its beginning are those of what it goes on from."""
    assert state.until
    kinds, where = summary.moves(signals), summary.cause(signals, declared)
    first = summary.columns([each for each in signals if kind_of(each) == kinds[0]])
    began = last.began if last else state.until
    heard = {each for each in signals if unheard.get(each, 0) < declared.unheard}
    # Of another kind than the cause somebody is woken when it is confirmed itself, and stays so.
    confirmed = {each.kind for each in last.tells if each.severity == "page"} if last else set()
    confirmed |= {kinds[0]} if sure else set()
    confirmed |= {
        kind
        for kind in kinds
        if _confirmed([each for each in signals if kind_of(each) == kind], state.evidence, schema, declared)
    }
    told = tells(state.model, signals, heard, confirmed, declared)
    return Alert(
        fingerprint=last.fingerprint if last else fingerprint(state.model, kinds[0], where, first),
        model=state.model,
        kind=kinds[0],
        moves=kinds,
        columns=summary.columns(signals),
        cause=where,
        severity=told[0].severity,
        boundary=told[0].boundary,
        runbook=told[0].runbook,
        began=began,
        windows=windows,
        summary=summary.summary(
            state.model, signals, where, began, windows, 0 if heard else min(unheard.values(), default=0)
        ),
        tells=told,
    )


def _unheard(
    former: Sequence[Open], signals: Collection[str], now: Mapping[str, Seen], schema: Collection[str], waits: bool
) -> dict[str, int]:
    """Windows in a row in which nothing was heard of a signal, where that is any. A whole schema is heard of, and one
    in which rows are gathered does not count."""
    before = {name: windows for each in former for name, windows in each.unheard.items()}
    silent = [each for each in signals if kind_of(each) != "schema" and each not in now and each not in schema]
    counted = {name: before.get(name, 0) + (not waits) for name in sorted(silent)}
    return {name: windows for name, windows in counted.items() if windows}


def _back(group: Group, past: Sequence[Past]) -> Alert | None:
    """The last alert of its kind that is over since a few windows, and had one of its columns."""
    columns = {column_of(each) for each in group.signals}
    alike = [
        each
        for each in past
        if (each.alert.kind, each.alert.cause == LAYOUT) == (group.kind, group.layout)
        and columns & set(each.alert.columns)
    ]
    return max(alike, key=lambda each: each.ended).alert if alike else None


def _confirmed(
    signals: Collection[str], evidence: Mapping[str, Evidence], schema: Collection[str], declared: Declared
) -> bool:
    streaks = [evidence[each].streak for each in signals if each in evidence]
    return max(streaks, default=0) >= declared.confirm or any(each in schema for each in signals)


def _calm(before: int, signals: Collection[str], now: Mapping[str, Seen], schema: Collection[str]) -> int:
    """Windows in a row in which nothing of it spoke for it. One that could not be judged is neither."""
    if any(each in schema for each in signals):
        return 0
    weights = [now[each].weight for each in signals if each in now]
    if not weights:
        return before + int(all(kind_of(each) == "schema" for each in signals))
    return before + 1 if sum(map(exp, weights)) < len(weights) else 0
