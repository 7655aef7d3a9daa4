"""A file of Parquet that somebody else wrote: what it says of itself is looked at before any of it is read.

Some kilobytes may say that they are a thousand million rows, one text that stands in each row may be as long as the
file, and who reads them is killed without a word. So what is not as its writer makes them is left out, told, and ends
no check of the rest.
"""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

UNPACKED: Final = 512 << 20
"""Bytes of all that a file holds, as it is before it is compressed: 50,000 rows of 2,000 numbers."""
COLUMNS: Final = 2_100
GROUPS: Final = 10_000
"""Parts that a file's rows are in; a server writes one."""
NAMED: Final = 300
"""Characters of a column's name."""
TEXT: Final = 512
"""Bytes of one text: longer is no category, of which a contract takes 100 characters, and no name of a request."""
KEY: Final = 64
"""Bytes of what a row or who asked is known by; a server's own are 36 and 32."""
KEYS: Final = ("request_id", "caller")
FAILS: Final = (
    *(pa.ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError, MemoryError),
    NotImplementedError,
)


class Unread(Exception):
    """It is left out. The text says why, in words of this program alone."""


def table(raw: bytes, rows: int, wanted: Callable[[str], bool]) -> pa.Table:
    """The columns that are wanted, texts as places among the texts that there are; raises Unread for more rows than
    these, and whatever else no writer of ours makes."""
    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        _bounded(file.metadata, rows)
        chosen = [each for each in file.schema_arrow if wanted(each.name)]
        names = [each.name for each in chosen]
        # The reader takes what it is asked for as the beginning of a name too.
        if any(
            each not in names and each.startswith(tuple(f"{one}." for one in names)) for each in file.schema_arrow.names
        ):
            raise Unread("columns of names that no field has")
        if len({each.casefold() for each in names}) < len(names) or any(len(each) > NAMED for each in names):
            raise Unread("two columns of a name, or a long one")
        if odd := [each for each in chosen if not _plain(each.type)]:
            raise Unread(f"{len(odd)} columns of a kind that none has")
        texts = [each.name for each in chosen if _is_text(each.type)]
        try:
            found = _read(raw, names, texts)
        except (OSError, NotImplementedError):  # an encoding that Arrow has no reader of places of
            found = _read(raw, names, [])
        found.validate(full=True)
        _short(found)
    except FAILS as error:
        raise Unread(type(error).__name__) from None
    return found


def _read(raw: bytes, names: list[str], texts: list[str]) -> pa.Table:
    return pq.ParquetFile(pa.BufferReader(raw), read_dictionary=texts).read(names, use_threads=False)


def rows_of(raw: bytes, most: int) -> int:
    """How many it says that it has; raises Unread likewise."""
    try:
        metadata = pq.ParquetFile(pa.BufferReader(raw)).metadata
        _bounded(metadata, most)
    except FAILS as error:
        raise Unread(type(error).__name__) from None
    return int(metadata.num_rows)


def _bounded(metadata: Any, rows: int) -> None:
    """By what the file says of itself: parts are read by what each says, and not by the sum."""
    if metadata.num_row_groups > GROUPS or metadata.num_columns > COLUMNS:
        raise Unread("too many columns or parts")
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    if not 0 <= max(metadata.num_rows, sum(each.num_rows for each in groups)) <= rows:
        raise Unread(f"more than {rows:,} rows")
    columns = [each.column(place) for each in groups for place in range(each.num_columns)]
    if sum(max(each.total_uncompressed_size, 0) for each in columns) > UNPACKED:
        raise Unread(f"more than {UNPACKED >> 20} MiB before it is compressed")
    if any(each.num_values > rows for each in columns):
        raise Unread("more values than rows")


def _plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    of = pa.types
    kinds = (of.is_boolean, of.is_integer, of.is_floating, of.is_date, of.is_timestamp, of.is_null)
    return _is_text(kind) or any(each(kind) for each in kinds)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _short(found: pa.Table) -> None:
    """That each text is, and all of the file: what is read by its place among the texts that there are is as long as
    all of them in the end, each as often as it is there."""
    unpacked = 0
    for name, column in zip(found.column_names, found.columns, strict=True):
        longest = 0
        for chunk in column.chunks:
            told = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            if not _is_text(told.type):
                continue
            lengths = pc.binary_length(told)
            longest = max(longest, pc.max(lengths).as_py() or 0)
            each = lengths.take(chunk.indices) if told is not chunk else lengths
            unpacked += pc.sum(each.cast(pa.int64())).as_py() or 0
        most = KEY if name in KEYS else TEXT
        if longest > most:
            raise Unread(f"a text of more than {most:,} bytes")
        if unpacked > UNPACKED:
            raise Unread(f"texts of more than {UNPACKED >> 20} MiB")
