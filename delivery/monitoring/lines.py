"""The lines of a CSV: what stands between its fields, by its line of names, and which lines have another count of them.

DuckDB tries what may stand between fields until all lines have as many, and takes a file for one of a single column
where some have a comma more.
"""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from delivery.registry.refused import Refused

DELIMITERS: Final = (",", ";", "\t", "|")
FAILS: Final = (OSError, UnicodeDecodeError, csv.Error, EOFError)
LONGEST: Final = 4 << 20
"""Characters of a line; DuckDB takes 2 MB. Some kilobytes of gzip may hold one of gigabytes."""


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    form = "utf-8-sig"
    with gzip.open(path, "rt", encoding=form, newline="") if packed else path.open(encoding=form, newline="") as text:
        yield text


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(LONGEST):
        if len(line) == LONGEST:
            raise csv.Error
        yield line


def delimiter(path: Path) -> str:
    """The one that makes most fields of the line of names; a comma where that has one field, or cannot be read."""
    try:
        with _opened(path) as text:
            first = next(_lines(text), "")
        return max(DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))
    except FAILS:
        return DELIMITERS[0]


def uneven(path: Path) -> Refused | None:
    """What to say of a text whose lines have not all as many fields as its line of names; None where they have, or
    where it is no text at all. By their numbers, and nothing of what they hold."""
    try:
        with _opened(path) as text:
            rows = csv.reader(_lines(text), delimiter=delimiter(path))
            names = len(next(rows, []))
            found = [(rows.line_num, len(row)) for row in rows if row and len(row) != names]
    except FAILS:
        return None
    if not found:
        return None
    (line, fields), more = found[0], len(found) - 1
    return Refused(
        f"{path} cannot be read: line {line} has {fields} fields and its line of names {names}"
        + (f"; so have {more:,} more lines another count" if more else "")
        + ". Put fields that hold the separator into quotes."
    )
