"""Outcomes that came in a time, and what had been answered to them: by files that a hospital's own job writes.

`[date=D/]ANY.parquet` with `request_id`, `row` and `label`: D is the day of the predictions that they are of (UTC), the
window's where it is not said. A file counts when it came, by S3's clock. Of an outcome that was told twice, the last
one holds. It is of whichever version answered: an outcome that is known after a month is seldom of the one that serves.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from delivery.data.engine import number
from delivery.monitoring import limits
from delivery.monitoring.daily import files, predictions, staging
from delivery.monitoring.daily.files import Unread
from delivery.monitoring.daily.opening import OPENER
from delivery.monitoring.daily.places import Listed, Odd, Place
from delivery.monitoring.daily.predictions import KEYS, WRITTEN, Days
from delivery.monitoring.daily.span import FILES, LATE, LISTED, Span
from delivery.monitoring.profile import Profile

DAY: Final = re.compile(r"(?:^|/)date=(\d{4}-\d\d-\d\d)/", re.ASCII)
LARGEST: Final = 256 << 20
ROWS: Final = 2_000_000
"""Of one file."""
DAYS: Final = 45
"""Of predictions, that outcomes of one window are joined with: of more, the newest that the log has."""
BEFORE: Final = timedelta(days=45)
"""How long before a window files are looked at for outcomes that come again."""
BYTES: Final = 256 << 20
"""Of these files together, at most."""
AGAIN: Final = 10_000
"""Of these files, likewise: half a minute of S3's."""
MOST: Final = 150_000
"""Files of a window and of BEFORE, the newest: outcomes of three thousand a day."""
LABEL: Final = "label"
BOTH: Final = pa.array([0.0, 1.0])
"""Outcomes of a model that says how likely one is."""
VERSION: Final = "_parapet_version"


@dataclass(frozen=True)
class Labelled:
    """Outcomes beside what was answered, as the profile calls both."""

    files: Sequence[Path] = ()
    """Without them, none could be joined."""
    came: int = 0
    """Outcomes, each once."""
    joined: int = 0
    """Of them those whose prediction the log has, of whichever version."""
    last: datetime | None = None
    """When the newest of them came."""


def labelled(
    connection: Backend,
    profile: Profile,
    span: Span,
    version: str,
    places: tuple[Place, Place],
    known: Days,
    folder: Path,
) -> Labelled:
    """Of the outcomes that came in this time. Those of this version alone, where they are enough to judge; else those
    of all, and which these are is told. `places` are the labels' and the log's, `known` the log's days. Raises
    Refused."""
    if profile.labels is None or profile.predictions is None:
        return Labelled()
    place, log = places
    there = _there(place, span)
    came = [each for each in there if span.start <= each.modified]
    told, _ = staging.staged(_outcomes(place, came, span, _binary(profile)), folder, "labels")
    if not told:
        return Labelled()
    outcomes, _ = staging.once(connection, told, last=True)
    all_of_them = number(_all(outcomes))
    for path in _before(place, there[: -len(came)], span, _binary(profile), folder):
        known_then = connection.read_parquet(path, table_name=path.stem.replace("-", "_"))
        outcomes = [each.anti_join(known_then, [*KEYS, LABEL]) for each in outcomes]
    many, last = number(_all(outcomes)), came[-1].modified
    if many < all_of_them:
        span.notes.append(f"{all_of_them - many:,} outcomes came before this window too, and count no second time.")
    if not many:
        return Labelled()
    days = _days(came, span, known)
    aside = span.aside()
    listed, older, late = _listed(log, known, days)
    if older:
        span.notes.append(
            f"Of the days that outcomes came of the log has more than {FILES:,} files: the oldest {older} are left "
            "out, or looked at in part."
        )
    if late:
        span.unread += late
        span.notes.append(
            f"{late:,} files of the log came more than {LATE.days} days after their time, and are joined with no "
            "outcome: nobody writes them who was asked then. Who put them?"
        )
    asked, left = staging.staged(_answers(log, version, listed, profile.predictions, aside), folder, "answers")
    if left + aside.unread:
        span.notes.append(f"{left + aside.unread:,} files of the log could be joined with no outcome.")
    if not asked:
        span.notes.append("Outcomes came, and the log has no predictions of their days.")
        return Labelled(came=many, last=last)
    answers, twice = staging.once(connection, asked)
    if twice:
        span.other(staging.contradicted(connection, asked, (*KEYS, VERSION)))
    joined = [
        one.inner_join(other.drop(staging.PLACE), list(KEYS)).rename({profile.labels: LABEL})
        for one in answers
        for other in outcomes
    ]
    found = number(_all(joined))
    if found < many:
        span.notes.append(f"{many - found:,} outcomes are of no prediction of the days that they name.")
    mine = [each.filter(each[VERSION] == version) for each in joined]
    if number(_all(mine)) < limits.ROWS and found:
        mine = joined
        versions = sorted({each for one in joined for each in _versions(one)}, key=int)
        if versions != [version]:
            span.notes.append(f"Outcomes are of versions {', '.join(versions)} together: too few are of {version}.")
    written = staging.written(connection, [each.drop(VERSION) for each in mine], folder, "labelled")
    return Labelled(written if found else (), many, found, last)


def newest(place: Place, span: Span) -> datetime | None:
    """When the last file of outcomes came, whatever is in it. Raises Refused."""
    return max((each.modified for each in _files(islice(place.list(), LISTED), span)), default=None)


def _files(listed: Iterable[Listed], span: Span) -> Iterator[Listed]:
    return (each for each in listed if each.name.endswith(".parquet") and each.modified < span.end)


def _there(place: Place, span: Span) -> list[Listed]:
    """Those of this window and of BEFORE, as they came; what is more than can be looked at is told."""
    names, many = place.list(), 0

    def lately() -> Iterator[Listed]:
        nonlocal many
        for each in _files(islice(names, LISTED), span):
            if each.modified >= span.start - BEFORE:
                many += 1
                yield each

    there = nlargest(MOST, lately(), key=lambda each: (each.modified, each.name))[::-1]
    if many > MOST:
        span.unread += many - MOST
        span.notes.append(f"{many - MOST:,} files of outcomes, the oldest of more than {MOST:,}, are not looked at.")
    if next(names, None):
        span.unread += 1
        span.notes.append(f"More than {LISTED:,} names are where outcomes come: those after them are not looked at.")
    return there


def _all(tables: list[Any]) -> Any:
    return sum((each.count() for each in tables[1:]), tables[0].count())


def _versions(table: Any) -> list[str]:
    return [str(each) for each in table.select(VERSION).distinct().to_pyarrow()[VERSION].to_pylist()]


def _days(came: list[Listed], span: Span, known: Days) -> set[date]:
    """That outcomes are of: those on which the log has something, the newest. What names a day that there is none of,
    or one that has not come, is joined with nothing, and keeps no other from its own."""
    named = set[date]()
    for each in came:
        found = DAY.search(each.name)
        if found is None:
            named |= {span.start.date() + timedelta(days=more) for more in range((span.end - span.start).days + 2)}
        elif day := predictions.day_of(found[1]):
            named.add(day)
    there = {day for days in known.values() for day in days if day <= span.end.date()}
    last = {day + timedelta(days=1) for day in there if day < span.end.date()}
    days = sorted(named & (there | last), reverse=True)
    if len(days) > DAYS:
        span.notes.append(f"Outcomes came of {len(days)} days; those of the newest {DAYS} are looked at.")
    return set(days[:DAYS])


def _answers(log: Place, version: str, listed: dict[str, list[Listed]], output: str, span: Span) -> Iterator[pa.Table]:
    """What each version answered in these files; this one's first, which counts where two have a row."""
    for each in sorted(listed, key=lambda named: named != version):
        in_order = sorted(listed[each], key=lambda of: (of.modified, of.name))
        for table in predictions.answers(log, each, in_order, output, span):
            yield table.append_column(VERSION, pa.array([each] * table.num_rows, pa.string()))


def _listed(log: Place, known: Days, days: set[date]) -> tuple[dict[str, list[Listed]], int, int]:
    """Each version's files that may have rows of these days, the newest days first, as long as there are FILES at most;
    how many days that leaves out, or has in part; and how many files came too late."""
    listed: dict[str, list[Listed]] = {each: [] for each in known}
    of_files = sorted({day for each in known.values() for day in predictions.spread(days, each)}, reverse=True)
    files = late = 0
    for place, day in enumerate(of_files):
        for each in (version for version in known if day in known[version]):
            there, too_late, more = predictions.of_day(log, each, day, FILES - files)
            late += too_late
            if more and place:
                return listed, len(of_files) - place, late
            listed[each] += there
            files += len(there)
            if more:
                return listed, len(of_files), late
    return listed, 0, late


def _binary(profile: Profile) -> bool:
    """Whether an outcome comes or does not, by what the model was tried on."""
    types = {held.name: held.type for held in profile.columns}
    kind = profile.scores.kind if profile.scores else ""
    numbers = all(types.get(name or "") in ("integer", "float") for name in (profile.labels, profile.predictions))
    return kind in ("scores", "ranks") or (kind == "classes" and numbers)


def _outcomes(place: Place, came: list[Listed], span: Span, binary: bool) -> Iterator[pa.Table]:
    """Of a model whose outcome comes or does not no other number counts: two codes for "unknown" among the labels, and
    no AUROC could be had of them; one of a thousand million, and no error would be too large."""
    for each, call in place.each(came, LARGEST):
        try:
            found = call()
            if found is None:
                raise Unread("it is there no more")
            table = _read(found.raw)
            other = _other(table[LABEL]) if binary else 0
            if other:
                table = table.filter(pc.is_in(table[LABEL], value_set=BOTH))
                span.in_part(_called(each), f"{other:,} of its outcomes are neither 0 nor 1")
            yield table
            continue
        except Odd:
            why = "it is too long, or under a key of somebody's own"
        except Unread as unread:
            why = str(unread)
        span.leave(_called(each), why)


def _before(place: Place, listed: Sequence[Listed], span: Span, binary: bool, folder: Path) -> list[Path]:
    """What outcomes were known before the window, by the newest files, within BEFORE, BYTES and AGAIN. A job that
    writes the month so far each night has the same ones in thirty files: were each looked at as if it were new, an
    unlucky month would be thirty bad days. One that is another than it was counts: else who told it first would have
    told it for good."""
    chosen, size, left = list[Listed](), 0, 0
    for each in reversed(listed):
        if each.modified < span.start - BEFORE:
            break
        if each.size > LARGEST:
            continue  # as in its own window, where that was told
        if size + each.size > BYTES or len(chosen) == AGAIN:
            left += 1
            continue
        size += each.size
        chosen.append(each)
    if left:
        span.notes.append(
            f"{left:,} files of outcomes of the {BEFORE.days} days before are not looked at, since they are more than "
            f"{AGAIN:,} or {BYTES >> 20} MiB together: what of them comes again counts as if it were new."
        )
    tables = _outcomes(place, chosen, span.aside(), binary)
    known = (each.filter(pc.invert(pc.is_null(each[LABEL], nan_is_null=True))) for each in tables)
    return staging.staged(known, folder, "before")[0]


def _called(listed: Listed) -> str:
    """By when it came: its name may be somebody's."""
    return f"A file of labels, of {listed.modified:%Y-%m-%d %H:%M}"


def _other(outcomes: Any) -> int:
    """How many are numbers, and neither 0 nor 1. Of what is none (null, NaN) nothing is known yet."""
    numbers = pc.and_(pc.is_valid(outcomes), pc.invert(pc.is_nan(outcomes)))
    return int(pc.sum(pc.and_kleene(numbers, pc.invert(pc.is_in(outcomes, value_set=BOTH)))).as_py() or 0)


def _read(raw: bytes) -> pa.Table:
    """Raises Unread."""
    table = OPENER.table(raw, ROWS, (*WRITTEN, LABEL))
    try:
        label = table[LABEL]
        if pa.types.is_boolean(label.type):
            label = label.cast(pa.int8())
        keys = [_plain(table[name]).cast(kind) for name, kind in WRITTEN.items()]
        return pa.table(dict(zip((*KEYS, LABEL), [*keys, _plain(label).cast(pa.float64())], strict=True)))
    except files.FAILS as error:
        raise Unread(f"{', '.join(WRITTEN)} and a number as {LABEL} are not in it ({type(error).__name__})") from None


def _plain(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
