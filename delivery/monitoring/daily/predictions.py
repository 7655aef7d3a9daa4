"""The prediction log's files of a time, as the inference server writes them (`parapet_serving/predictions`).

A file is `version=V/date=D/TIME-ID.parquet`, by when its first row was asked for. It has its rows' `request_id`, `row`
and `at`, and `input.FIELD` and `output.NAME`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from delivery.monitoring.daily import files
from delivery.monitoring.daily.files import Unread
from delivery.monitoring.daily.opening import OPENER
from delivery.monitoring.daily.places import Got, Listed, Odd, Place
from delivery.monitoring.daily.span import DAY, FILES, LATE, LISTED, Span, ahead
from delivery.monitoring.timeliness import SKEW
from delivery.registry.refused import Refused

NUMBERED: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
VERSIONED: Final = re.compile(rf"version=({NUMBERED.pattern})", re.ASCII)
MOST: Final = 5_000
"""Folders of the log whose names are looked at, of a version likewise: five pages of S3's list."""
BACK: Final = timedelta(days=400)
"""How far back a version's days are looked for."""
DAYS: Final = 100
"""Of a version that has more than MOST folders, the last days are taken for there: more than any window or outcome
reaches back."""
DATED: Final = re.compile(r"date=(\d{4}-\d\d-\d\d)", re.ASCII)
NAME: Final = re.compile(r"version=[^/]+/date=(\d{4}-\d\d-\d\d)/(\d{6})-[A-Za-z0-9]{1,64}\.parquet", re.ASCII)
LARGEST: Final = 256 << 20
"""Bytes of one file."""
ROWS: Final = 50_000
"""Of one file, as a server's settings allow them."""
KEYS: Final = ("_parapet_request", "_parapet_part")
"""As what a row is known here: no field of a model is called so."""
FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
"""As fields of a model are called (`parapet_serving/bundle/manifest.py`): `input.label.NAME` would be outcomes, by the
word of who writes the log."""
CALLER: Final = "_parapet_caller"
"""Who asked, as the log has it: by a keyed hash."""
WHOSE: Final = "caller"
"""The same in a file."""
WRITTEN: Final = {"request_id": pa.string(), "row": pa.int64()}
"""The same in a file."""
AT: Final = "at"
YEARS: Final = range(2000, 3000)
"""In which a day may be."""
INPUT, OUTPUT = "input.", "output."
Days = Mapping[str, Collection[date]]
"""Of each version of the model that ever answered, the days on which it did."""


def days(log: Place, promoted: Place, own: str, now: datetime) -> tuple[Days, int]:
    """Of this version and each other that was promoted, the newest first; and how many others the log names, of MOST
    that are looked at. Raises Refused.

    A model's pod may write under any name: of a hundred thousand, each of which is asked for, no check would come to
    an end. What was promoted nobody in the cluster writes."""
    found: dict[str, set[date]] = {}
    versions = {own, *(each for each in promoted.folders() if NUMBERED.fullmatch(each))}
    for version in sorted(versions, key=int, reverse=True):
        below = f"version={version}/"
        there = list(islice(log.folders(f"{below}date=", f"{below}date={now - BACK:%Y-%m-%d}"), MOST))
        told = [named[1] for each in there if (named := DATED.fullmatch(f"date={each}"))]
        found[version] = {day for each in told if (day := day_of(each))}
        if len(there) == MOST:
            found[version] |= {(now + DAY).date() - number * DAY for number in range(DAYS)}
    named = (VERSIONED.fullmatch(each) for each in islice(log.folders(), MOST))
    return found, sum(each is not None and each[1] not in versions for each in named)


def day_of(text: str) -> date | None:
    """None where there is no such day, or none of our time."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def tables(
    place: Place, version: str, known: Collection[date], span: Span, columns: Collection[str]
) -> Iterator[pa.Table]:
    """The rows of each file that are of this time, with KEYS, inputs as FIELD, and `output.NAME`. What is no such file
    is left out; of what is none of these columns, which a profile has, the values are. Raises Refused."""
    for each, call in place.each(_chosen(place, version, known, span), LARGEST):
        span.files += 1
        table = _left(each, call, version, span, _opened)
        if table is None:
            continue
        at = table[AT]
        span.later += _sum(pc.greater(at, _moment(span.now + SKEW)))
        there = pc.less(at, _moment(span.end))
        after = pc.greater_equal(at, _moment(span.start))
        if span.came_in(each.modified):
            span.older += _sum(pc.invert(after))
        else:
            there = pc.and_(there, after)
        yield _emptied(mapped(table.filter(there)), {*columns, *KEYS, CALLER})


def counted(place: Place, version: str, known: Collection[date], span: Span) -> int:
    """How many rows are in the files of a version that came in this time, by what these say. Raises Refused."""
    came = (each for each in _chosen(place, version, known, span) if span.came_in(each.modified))
    told = place.each(came, LARGEST)
    return sum(_left(each, call, version, span, lambda raw: OPENER.rows_of(raw, ROWS)) or 0 for each, call in told)


def of_day(place: Place, version: str, day: date, most: int) -> tuple[list[Listed], int, bool]:
    """The files of the log that begin on that day, `most` of them; how many besides came long after their time, as
    nobody writes them who was asked then; and whether there are more. Raises Refused."""
    found: list[Listed] = []
    late = 0
    for number, each in enumerate(place.list(f"version={version}/date={day}/")):
        if number >= LISTED or len(found) > most:
            break
        begun = _begun(each.name)
        if begun is None or ahead(begun, each.modified):
            continue
        if each.modified > begun + LATE + SKEW:
            late += 1
        else:
            found.append(each)
    else:
        return found[:most], late, len(found) > most
    return found[:most], late, True


def answers(place: Place, version: str, listed: Iterable[Listed], output: str, span: Span) -> Iterator[pa.Table]:
    """What it answered in these files, with KEYS; numbers as one kind. Raises Refused."""

    def opened(raw: bytes) -> Any:
        table = _read(raw, (output,))
        if output not in table.column_names:
            return None
        column = table[output]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            column = column.cast(pa.float64())
        return pa.table(dict(zip((*KEYS, output), [*(table[name] for name in WRITTEN), column], strict=True)))

    for each, call in place.each(listed, LARGEST):
        table = _left(each, call, version, span, opened)
        if table is not None:
            yield table


def _chosen(place: Place, version: str, known: Collection[date], span: Span) -> list[Listed]:
    """As they came, by S3's clock: of a row that is there twice the first counts, and not the one whose file somebody
    gave a name that sorts before it. Of more than `span.room`, or names than are looked through, those of the newest
    days, and the others are told."""
    first, last = (span.start - LATE).date(), (span.now + DAY).date()
    found: list[Listed] = []
    for day in sorted((each for each in known if first <= each <= last), reverse=True):
        for each in place.list(f"version={version}/date={day}/"):
            span.listed += 1
            if span.listed > LISTED or len(found) == span.room:
                span.unread += 1
                span.notes.append(
                    f"The log of version {version} has more files than are looked at ({FILES:,}, of {LISTED:,} names): "
                    f"of {day} not all are, and none of the days before it. Who writes so many?"
                )
                break
            begun = _begun(each.name)
            if begun is None:
                continue
            if ahead(begun, span.now):
                span.later_files += 1
            elif ahead(begun, each.modified):
                if span.start <= begun < span.end:
                    span.leave(_called(version, begun), "it was there before its time")
            elif span.may_hold(each.modified):
                found.append(each)
        else:
            continue
        break
    span.room -= len(found)
    return sorted(found, key=lambda each: (each.modified, each.name))


def _left(
    listed: Listed, call: Callable[[], Got | None], version: str, span: Span, opened: Callable[[bytes], Any]
) -> Any:
    """What is made of a file; None where it cannot be, which is told. Raises Refused where none can be had."""
    try:
        found = call()
        if found is None:
            raise Unread("it is there no more")
        return opened(found.raw)
    except Odd:
        why = "it is too long, or under a key of somebody's own"
    except Unread as unread:
        why = str(unread)
    span.leave(_called(version, _begun(listed.name)), why)
    return None


def _called(version: str, begun: datetime | None) -> str:
    assert begun
    return f"The file of the log of version {version} that begins {begun:%Y-%m-%d %H:%M:%S}"


def _opened(raw: bytes) -> pa.Table:
    return _read(raw, (WHOSE,), (INPUT, OUTPUT))


def _read(raw: bytes, names: tuple[str, ...], begins: tuple[str, ...] = ()) -> pa.Table:
    """With what each has, and these besides. Raises Unread."""
    table = OPENER.table(raw, ROWS, (*WRITTEN, AT, *names), begins)
    if _misnamed(table):
        raise Unread("columns of names that no field has")
    try:
        return _typed(table)
    except files.FAILS as error:
        raise Unread(f"{type(error).__name__} at its requests or moments") from None


def _misnamed(table: pa.Table) -> bool:
    for begins in (INPUT, OUTPUT):
        names = [each.removeprefix(begins) for each in table.column_names if each.startswith(begins)]
        if len(set(names)) < len(names) or not all(map(FIELD.fullmatch, names)):
            return True
    return False


def _begun(name: str) -> datetime | None:
    if not (found := NAME.fullmatch(name)):
        return None
    try:
        return datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _moment(told: datetime) -> pa.Scalar:
    return pa.scalar(told, pa.timestamp("us", "UTC"))


def _sum(found: Any) -> int:
    return int(pc.sum(found).as_py() or 0)


def _typed(table: pa.Table) -> pa.Table:
    whose = {WHOSE: pa.string()} if WHOSE in table.column_names else {}
    for each, kind in {**WRITTEN, AT: pa.timestamp("us", "UTC"), **whose}.items():
        column = table[each]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        table = table.set_column(table.column_names.index(each), each, column.cast(kind))
    return table


def opened(file: Any, called: str) -> pa.Table:
    """One that is at hand, of somebody's own. Raises Refused: what its reader says may hold values."""
    try:
        found = pq.read_table(file)
        if _misnamed(found):
            raise ValueError
        return _typed(found)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Refused(
            f"{called} is no file of the prediction log ({type(error).__name__}): a server writes them whole. Take it "
            "away, and run the check again."
        ) from None


def mapped(table: pa.Table) -> pa.Table:
    """As the profile has them, and CALLER. A category stays a place among the texts that there are: some bytes, where
    each row's own text may be kilobytes."""
    columns: dict[str, Any] = dict(zip(KEYS, (table[name] for name in WRITTEN), strict=True))
    columns[CALLER] = table[WHOSE] if WHOSE in table.column_names else pa.nulls(table.num_rows, pa.string())
    for name in table.column_names:
        if name.startswith((INPUT, OUTPUT)):
            columns[name.removeprefix(INPUT)] = table[name]
    return pa.table(columns)


def _emptied(table: pa.Table, columns: Collection[str]) -> pa.Table:
    """That there is another column, and of which type, is all that is asked of it: its values, which may be a terabyte
    of one text, are not carried along."""
    for place, each in enumerate(table.schema):
        if each.name not in columns:
            kind = each.type.value_type if pa.types.is_dictionary(each.type) else each.type
            table = table.set_column(place, each.name, pa.nulls(table.num_rows, kind))
    return table


def spread(wanted: Collection[date], known: Collection[date]) -> set[date]:
    """Of the log's days those in whose files rows of the wanted ones may be: one of the day before may have a day's
    first rows."""
    return {each for each in known if each in wanted or each + DAY in wanted}
