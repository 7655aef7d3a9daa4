"""Parquet files of predictions, features and latencies. Keys must be keyed hashes already; none other is ever told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.keys import LENGTH
from delivery.data.safe_harbor import safe_harbor
from delivery.gates.measures import Sample
from delivery.registry.refused import Refused

RECORD: Final = "record_key"
PATIENT: Final = "patient_key"
LABEL: Final = "readmitted_30d"
HASH: Final = f"^[0-9a-f]{{{LENGTH}}}$"


def predictions(path: Path, threshold: float, groups: Sequence[str]) -> Sample:
    """Columns `record_key`, `patient_key`, `label` (boolean, or 0 and 1), `score`, and these groups.

    Raises Refused for a file of another form. Labels that lack and scores that are none stay, for the gates to fail.
    """
    table = _read(path, (RECORD, PATIENT, "label", "score", *groups))
    _check_keys(path, table)
    label, score = (_numbers(path, table, name) for name in ("label", "score"))
    if (strange := ~np.isin(label, (0, 1)) & ~np.isnan(label)).any():
        raise Refused(f"{path}: {strange.sum():,} labels are neither true nor false, 1 nor 0.")
    for name in groups:
        known = pa.array(contract().columns[name].one_of)
        if not pc.all(pc.is_in(table[name].cast(pa.string()), value_set=known)).as_py() and table.num_rows:
            raise Refused(f"{path}: {name} has rows of none of its groups ({', '.join(known.to_pylist())}).")
    record = _texts(table, RECORD)
    order = np.argsort(record)
    if (record[order][1:] == record[order][:-1]).any():
        raise Refused(f"{path} has a record more than once: give one prediction a record.")
    told = {name: _texts(table, name) for name in groups}
    return Sample(record, _texts(table, PATIENT), label, score, threshold, told).take(order)


def features(path: Path) -> pa.Table:
    """A table of features, by the list of Safe Harbor and no more. Raises Refused."""
    names = [feature.name for feature in safe_harbor().features]
    table = _read(path, names)
    if more := len(set(table.column_names) - set(names)):
        raise Refused(f"{path} has {more} columns that are none of {safe_harbor().stamp}: they may name a person.")
    _check_keys(path, table)
    return table.select(names)


def seconds(path: Path) -> NDArray[np.float64]:
    """The column `seconds`, one row a request."""
    return _numbers(path, _read(path, ("seconds",)), "seconds")


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read as Parquet ({type(error).__name__}). Is it there, and whole?") from None
    lacking = [name for name in names if name not in table.column_names]
    if lacking:
        raise Refused(f"{path} lacks {', '.join(lacking)}; it must have {', '.join(names)}.")
    if len(set(table.column_names)) < len(table.column_names):
        raise Refused(f"{path} has a column more than once.")
    return table


def _check_keys(path: Path, table: pa.Table) -> None:
    for name in (RECORD, PATIENT):
        if not pa.types.is_string(table[name].type):
            raise Refused(f"{path}: {name} must be text, a keyed hash.")
        hashed = pc.fill_null(pc.match_substring_regex(table[name], HASH), False)
        if wrong := table.num_rows - (pc.sum(hashed).as_py() or 0):
            raise Refused(
                f"{path}: {name} of {wrong:,} rows is no keyed hash of {LENGTH} hexadecimal digits. Take features of "
                "`./parapet data deidentify`: an identifier itself must not come here."
            )


def _numbers(path: Path, table: pa.Table, name: str) -> NDArray[np.float64]:
    """NaN where there is none."""
    kind = table[name].type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise Refused(f"{path}: {name} is of no numeric type.")
    return as_numbers(table[name])


def as_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    kind = column.type
    column = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
    made: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    return made


def _texts(table: pa.Table, name: str) -> NDArray[Any]:
    return np.array(table[name].to_pylist(), dtype=str)
