"""What is kept of a check: its report, once, and what the alerts know, by one of those who look at a time."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from delivery.monitoring.alerting.advancing import Step, advance, begin
from delivery.monitoring.alerting.declared import Declared
from delivery.monitoring.alerting.documents import Figures, State, read_state
from delivery.monitoring.alerting.noise import Noise
from delivery.monitoring.alerting.versions import turned
from delivery.monitoring.daily import span
from delivery.monitoring.daily.places import Got, Place
from delivery.monitoring.found import Check, Column
from delivery.monitoring.page import page
from delivery.registry.documents import canonical, moment, written
from delivery.registry.refused import Lost, Refused

STATE: Final = "state.json"
LARGEST: Final = 64 << 20
TRIES: Final = 5
DIGITS: Final = 4


def before(place: Place, model: str, reference: str, now: datetime) -> tuple[State | None, str | None]:
    """What is known of this version, by the profile that it has; and when an outcome of any version last came. Raises
    Refused, also where it knows of what is still to come: until then each check would have been there already, look at
    nothing, and end well."""
    if not (found := _found(place)):
        return None, None
    mine, others = turned(_known(place, found.raw), model)
    told = [each for state in (mine, *others) if state for each in _moments(state)]
    if told and span.ahead(last := max(map(moment, told)), now):
        raise Refused(_gone_on(place, f"it has a time that has not come, {written(last)}."))
    heard = max((each.figures.heard or "" for each in (mine, *others) if each), default="")
    return mine if mine and mine.reference == reference else None, heard or None


def report(place: Place, check: Check) -> str:
    """Writes it, and a page of it beside it for people; returns its name. What is there already is of the same second,
    and stays."""
    assert check.end
    check, at = rounded(check), moment(check.end)
    name = f"date={at:%Y-%m-%d}/check-{at:%H%M%S}"
    place.put(f"{name}.json", canonical(check) + b"\n")
    place.put(f"{name}.html", page(check).encode())
    return f"{name}.json"


def rounded(check: Check) -> Check:
    """With figures of DIGITS: of two reports over nearly the same rows, exact ones would tell of the few that are in
    one of them. What the alerts go by is not."""
    columns = {name: _rounded(each) for name, each in check.columns.items()}
    return structs.replace(check, columns=columns, tests=[_rounded(each) for each in check.tests])


def _rounded(told: Column) -> Column:
    figures = {name: getattr(told, name) for name in ("value", "threshold", "p")}
    short = {name: None if each is None else float(f"{each:.{DIGITS}g}") for name, each in figures.items()}
    return structs.replace(told, **short)


def again(place: Place, mine: State, at: datetime, noise: Noise | None, declared: Declared, window: timedelta) -> Step:
    """No window, at this time: what was accepted meanwhile is over, and all else is as it was. Raises Refused."""
    none = Check(written(at), mine.model, mine.reference, mine.since, mine.until, 0, False, False, "none", {}, [])
    return advanced(place, none, noise, declared, window, mine.figures)


def advanced(
    place: Place,
    check: Check,
    noise: Noise | None,
    declared: Declared,
    window: timedelta,
    figures: Figures,
    answering: Collection[str] = (),
) -> Step:
    """One window more for the alerts, kept before it is told; other versions are `answering`. Raises Refused, and Lost
    where others always were first: each time what they wrote is read, so that none of it is lost."""
    for _ in range(TRIES):
        found = _found(place)
        state = _known(place, found.raw) if found else begin(check)
        known = _as_known(state, check, window)
        step = advance(state, known, noise, declared, answering)
        if known is check:
            step = replace(step, state=structs.replace(step.state, figures=figures))
        raw = step.state.raw
        if (found and raw == found.raw) or place.put(STATE, raw, instead=found.tag if found else None):
            return step
    raise Lost(f"{place.told}/{STATE} was written by others {TRIES} times while this check was: who else runs it?")


def _known(place: Place, raw: bytes) -> State:
    try:
        return read_state(raw)
    except Refused as refused:
        raise Refused(_gone_on(place, str(refused))) from None


def _gone_on(place: Place, why: str) -> str:
    return (
        f"{place.told}/{STATE} cannot be gone on from: {why} Bring back the version before it, or take it away: then "
        "all alerts begin anew."
    )


def _moments(state: State) -> list[str]:
    own = (state.until, state.since, state.gathers, state.unjudged, state.moved, state.figures.heard, *state.lately)
    return [*filter(None, own), *(each.alert.began for each in (*state.open, *state.past))]


def _found(place: Place) -> Got | None:
    """The state, None before there is one: by the list, since S3 tells a role that may list this prefix alone of what
    is not there that it may not be read. Raises Refused."""
    listed = any(each.name == STATE for each in place.list(STATE))
    return place.get(STATE, LARGEST) if listed else None


def _as_known(state: State, check: Check, window: timedelta) -> Check:
    """The check as of the last window, where hardly anything of it is new."""
    mine, _ = turned(state, check.model)
    if mine is None or mine.until is None or check.end is None:
        return check
    if mine.reference == check.reference and span.early(moment(mine.until), moment(check.end), window):
        return structs.replace(check, start=mine.since, end=mine.until)
    return check
