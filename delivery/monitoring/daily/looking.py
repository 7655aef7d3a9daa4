"""One look at a window: the rows of the log that are of it, the outcomes that came in it, held against the profile."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from msgspec import structs

from delivery.monitoring.alerting.documents import Figures
from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.daily import callers, labels, predictions, staging
from delivery.monitoring.daily.places import Place
from delivery.monitoring.daily.settings import Model
from delivery.monitoring.daily.span import Span
from delivery.monitoring.found import Check
from delivery.monitoring.profile import Profile, Type
from delivery.monitoring.reading import Source, source
from delivery.monitoring.running import engine
from delivery.registry.documents import written

TYPES: Final[dict[Type, pa.DataType]] = {
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "moment": pa.timestamp("us"),
}
"""Of a window without rows. Whatever else is a text."""


@dataclass(frozen=True)
class Looked:
    """What came of it."""

    check: Check
    figures: Figures
    callers: callers.Known
    """What is known of each caller after this window."""
    answering: frozenset[str]
    """Other versions that answered somebody meanwhile, NAME@VERSION."""


def looked(
    model: Model,
    profile: Profile,
    places: tuple[Place, Place, Place],
    span: Span,
    whose: callers.Known,
    heard: str | None,
) -> Looked:
    """The check of this window. `places` are the log's, the labels' and that of the versions that were promoted;
    `whose` is what is known of callers, `heard` when outcomes last came. Raises Refused."""
    log, outcomes, promoted = places
    known, others = predictions.days(log, promoted, model.version, span.now)
    if others:
        span.notes.append(f"The log has rows of {others:,} versions that were never promoted, which are not looked at.")
    with tempfile.TemporaryDirectory(prefix="parapet-daily-") as work, engine() as connection:
        folder = Path(work)
        columns = {each.name for each in profile.columns}
        answered = predictions.tables(log, model.version, known.get(model.version, ()), span, columns)
        files, left = staging.staged(answered, folder, "log")
        if left:
            span.unread += left
            span.notes.append(f"{left:,} files of the log have forms that few have, and are left out.")
        tables, twice = staging.once(connection, files) if files else ([], 0)
        rows = staging.written(connection, tables, folder, "window") or [_none(profile, folder / "none.parquet")]
        if twice:
            span.notes.append(f"{twice:,} rows are in the log more than once, and count once.")
            span.other(staging.contradicted(connection, files))
        elsewhere = _elsewhere(log, model.version, known, span)
        answering = frozenset(f"{model.name}@{version}" for version, rows in elsewhere.items() if rows)
        came = labels.labelled(connection, profile, span, model.version, (outcomes, log), known, folder)
        window = _source(connection, rows, "window", profile)
        labelled = _source(connection, came.files, "labelled", profile) if came.files else None
        found = check(Reference(profile), window, at=span.end, labelled=labelled)
        other = {each.name for each in found.tests if each.kind == "schema" and each.drifted}
        names = {held.name for held in profile.columns if held.name not in {*other, profile.labels}}
        apart, beyond = callers.apart(connection, tables, profile, names, whose, folder) if found.enough else ({}, [])
    judged = callers.judged(whose, apart, written(span.end))
    notes = [*span.told(), *judged.notes, *beyond, *found.notes]
    told = structs.replace(found, model=model.told, start=written(span.start), end=written(span.end), notes=notes)
    heard = written(came.last) if came.came and came.last else heard or _since(outcomes, known, span)
    figures = Figures(found.rows, sum(elsewhere.values()), came.came, came.joined, span.unread, judged.drifted, heard)
    return Looked(told, figures, judged.known, answering)


def _since(outcomes: Place, known: predictions.Days, span: Span) -> str:
    """Where no check knows yet: when the last file of outcomes came, or when the model was first asked, as far as the
    log goes back. Raises Refused."""
    if last := labels.newest(outcomes, span):
        return written(last)
    days = [day for each in known.values() for day in each if day <= span.end.date()]
    return written(datetime.combine(min(days), time(), UTC) if days else span.end)


def _elsewhere(log: Place, version: str, known: predictions.Days, span: Span) -> dict[str, int]:
    """How many rows each other version answered meanwhile, which no window of this one holds."""
    rows = {each: predictions.counted(log, each, days, span) for each, days in known.items() if each != version}
    others = [each for each, many in rows.items() if many]
    if others:
        span.notes.append(
            f"{sum(rows.values()):,} rows are answers of versions {', '.join(others)}, which nobody looked at here."
        )
    return rows


def _source(connection: Backend, files: Sequence[Path], name: str, profile: Profile) -> Source:
    return source(connection, files, name, profile_types(profile))


def _none(profile: Profile, path: Path) -> Path:
    """No rows of the profile's columns: that nothing came breaks no schema."""
    kinds = [(held.name, TYPES.get(held.type, pa.string())) for held in profile.columns if held.name != profile.labels]
    pq.write_table(pa.schema(kinds).empty_table(), path)
    return path
