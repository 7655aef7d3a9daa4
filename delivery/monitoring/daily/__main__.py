"""`python -m delivery.monitoring.daily CONFIGURATION`: one check of one model's last window.

Exit status: 0 it was checked, also where something drifted, which the alerts tell; 1 it could not be, or not all of it,
and why is said in one line: then nobody is told that it ended well. Nothing of a record is in what is said, nor what a
library says of one.
"""

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import boto3
from msgspec import structs

from delivery.monitoring.alerting.declared import GATHERED, declared
from delivery.monitoring.alerting.documents import State
from delivery.monitoring.alerting.evidence import judged
from delivery.monitoring.alerting.versions import alerts
from delivery.monitoring.bounded import limit, unreadable
from delivery.monitoring.daily import answering, callers, keeping, pipeline, settings, span
from delivery.monitoring.daily.looking import looked
from delivery.monitoring.daily.opening import OPENER
from delivery.monitoring.daily.places import PATIENCE, Place
from delivery.monitoring.daily.settings import Settings
from delivery.monitoring.daily.signed import NoProfile, known
from delivery.registry.documents import moment
from delivery.registry.refused import Refused

FEW: Final = (
    f"The rows are too few, and are gathered: the next window begins where this one does, {GATHERED} days back at "
    "most, until there are enough."
)
LOOKS_SECONDS: Final = 2_400
"""For which a check looks for drift: of the hour that its pod has (`platform/mlops/monitoring/check_pod.py`) the rest
is for the pipeline, and to be asked for what was found."""
UNTOLD: Final = "What it said may hold values of records and is not shown. Is the disk full, or memory short?"


def checked(told: Settings, end: datetime, s3: Any, now: datetime | None = None) -> str:
    """Looks at the window that ends then, and keeps what it came to; returns what Prometheus is to be told.

    Where hardly anything came since the last one it does not look: a second report of nearly the same rows would tell
    of the few that are in one of them. Raises Refused.
    """
    alerting = declared()
    held = known(told.model, Place.of_the_model(s3, told.model), alerting)
    log, reports = (Place.of(s3, each) for each in (told.predictions, told.reports))
    labels = Place.of(s3, told.labels, named=False)
    due = alerting.outcomes_within(told.model.name) if held.profile.labels else 0
    mine, heard = keeping.before(reports, told.model.told, held.profile.digest, now or end)
    until = moment(mine.until) if mine and mine.until else None
    if mine and until and span.early(until, end, told.window):
        step = keeping.again(reports, mine, end, held.noise, alerting, told.window)
        print(
            f"{told.model.told}: looked at until {until:%Y-%m-%d %H:%M:%S}; the next window may end from "
            f"{span.free(until, told.window):%Y-%m-%d %H:%M:%S} on, and what it says is what the last one did.",
            flush=True,
        )
        return _told(told.model.name, step.state, now or end, due)
    gathers = moment(mine.gathers) if mine and mine.gathers else None
    window = span.Span.after(until, end, told.window, now, gathers)
    whose, tag = callers.known(reports, held.profile.digest)
    places = (log, labels, Place.of_the_promoted(s3, told.model))
    found = looked(told.model, held.profile, places, window, whose, heard)
    few = [] if judged(found.check, alerting) else [FEW]
    check = structs.replace(found.check, notes=[*held.notes, *found.check.notes, *few])
    name = keeping.report(reports, check)  # before the alerts: what they tell of can be looked at
    step = keeping.advanced(reports, check, held.noise, alerting, told.window, found.figures, found.answering)
    callers.keep(reports, found.callers, tag)
    enough = "" if check.enough else ", too few to judge"
    unread = f", {found.figures.unread:,} files left out" if found.figures.unread else ""
    print(
        f"{told.model.told}: {check.rows:,} rows{enough}{unread}, drift of kind {check.kind}, "
        f"{len(alerts(step.state))} alerts ({len(step.begins)} new, {len(step.ends)} over); {reports.told}/{name}",
        flush=True,
    )
    return _told(told.model.name, step.state, now or end, due)


def _told(model: str, state: State, now: datetime, due: int) -> str:
    return answering.of_a_check(model, state, time.time()) + answering.of_outcomes(model, state.figures.heard, now, due)


def main(arguments: Sequence[str], alone: Callable[[Settings], AbstractContextManager[object]] = nullcontext) -> int:
    """Its exit status. `alone` is for a process that is nothing else: what holds while it looks for drift."""
    try:
        if len(arguments) != 1:
            raise Refused("Give one file, the configuration.")
        told = settings.load(Path(arguments[0]))
        s3, now = boto3.client("s3", config=PATIENCE), datetime.now(UTC).replace(microsecond=0)
        # What one of them cannot find, for whatever reason, keeps nobody from hearing what the others did.
        with alone(told):
            drift = _drift(told, s3, now)
        parts = [drift, _pipeline(told, s3, now)]
        status = max(status for status, _ in parts)
        text = "".join(text for _, text in parts)
        text += answering.succeeded(told.model.name, time.time()) if status == 0 else ""
        answering.answer(text, told.metrics)
    except Exception as error:
        return _failed(error)
    return status


def _drift(told: Settings, s3: Any, now: datetime) -> tuple[int, str]:
    name = told.model.name
    try:
        return 0, checked(told, span.ending(now, told.window), s3, now)
    except NoProfile as error:
        return _failed(error), answering.of_no_check(name, time.time())
    except Exception as error:
        status = _failed(error)
    return status, answering.ended(name, time.time()) + _outcomes(told, s3, now)


def _outcomes(told: Settings, s3: Any, now: datetime) -> str:
    """What the checks before knew of them, for one that could not look; empty where that cannot be had either, of which
    the reason was said."""
    with suppress(Exception):
        held = known(told.model, Place.of_the_model(s3, told.model), declared())
        _, heard = keeping.before(Place.of(s3, told.reports), told.model.told, held.profile.digest, now)
        due = declared().outcomes_within(told.model.name) if held.profile.labels else 0
        return answering.of_outcomes(told.model.name, heard, now, due) if heard else ""
    return ""


def _pipeline(told: Settings, s3: Any, now: datetime) -> tuple[int, str]:
    try:
        if not told.runs:
            return 0, ""
        late_after = declared().late_after.get(told.model.name)
        return 0, pipeline.told(told.model.name, Place.of(s3, told.runs), now, late_after)
    except Exception as error:
        return _failed(error), ""


def _failed(error: Exception) -> int:
    return _say(str(error) if isinstance(error, Refused) else _kind_and_place(error))


def _say(text: str) -> int:
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    print(f"parapet: {shown}", file=sys.stderr, flush=True)
    return 1


def _kind_and_place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/delivery/" in frame.filename][-1:] or frames[-1:]
    where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours)
    return f"The check failed with {type(error).__name__} at {where}. {UNTOLD}"


@contextmanager
def _alone(told: Settings) -> Iterator[None]:
    """A check that needs more memory or time than it has says so, and is not killed without a word: what it asks for
    counts, of which a gigabyte is set aside and not used."""
    unreadable()
    limit(told.works_with)
    OPENER.memory = told.opens_with
    signal.signal(signal.SIGALRM, _overdue)
    signal.alarm(LOOKS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _overdue(*_: object) -> NoReturn:
    raise Refused(
        f"It looked for drift for {LOOKS_SECONDS:,} seconds, and was not through: the log or the outcomes have more "
        "than one look has time for, or S3 is slow. Who writes so much?"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _alone))
