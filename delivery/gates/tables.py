"""Gates over the tables of features that a model is trained and tried on."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.safe_harbor import Feature, safe_harbor
from delivery.gates.declared import Nulls, Volume
from delivery.gates.measured import Measured, first, unmeasured
from delivery.gates.measures import Sample, auroc
from delivery.gates.reading import LABEL, PATIENT, RECORD, as_numbers

BINS: Final = 64


def nulls(gate: Nulls, tables: Sequence[pa.Table]) -> Measured:
    """The greatest share of nulls in one of the gate's columns."""
    whole = pa.concat_tables(tables)
    if not whole.num_rows:
        return unmeasured("there is no row")
    shares = {name: whole[name].null_count / whole.num_rows for name in gate.columns}
    worst = max(shares, key=lambda name: shares[name])
    rows = whole.filter(pc.is_null(whole[worst]))
    return Measured(shares[worst], rows.num_rows, keys=_keys(rows), says=f"most in {worst}" if rows.num_rows else "")


def ranges(tables: Sequence[pa.Table], year: int) -> Measured:
    """Rows with a number out of its range, one that is none, or a word of no list."""
    whole = pa.concat_tables(tables)
    if not whole.num_rows:
        return unmeasured("there is no row")
    broken = np.zeros(whole.num_rows, bool)
    where: list[str] = []
    for feature in safe_harbor().features:
        wrong = _out_of_range(feature, whole[feature.name], year)
        broken |= wrong
        where += [feature.name] if wrong.any() else []
    return _rows(whole, broken, f"in {', '.join(where)}" if where else "")


def duplicates(tables: Sequence[pa.Table]) -> Measured:
    """Rows whose record, or whose patient and whole content, an earlier one has."""
    whole = pa.concat_tables(tables)
    if not whole.num_rows:
        return unmeasured("there is no row")
    content = [name for name in whole.column_names if name != RECORD]
    return _rows(whole, _repeated(whole, [RECORD]) | _repeated(whole, content))


def patients_in_both(train: pa.Table, test: pa.Table) -> Measured:
    if not train.num_rows or not test.num_rows:
        return unmeasured("one of the tables has no row")
    both = test.filter(pc.is_in(test[PATIENT], value_set=pc.unique(train[PATIENT])))
    return Measured(float(pc.count_distinct(both[PATIENT]).as_py()), both.num_rows, keys=_keys(both))


def leakage(train: pa.Table, test: pa.Table) -> Measured:
    """The greatest AUROC that one feature has alone: by the outcome's rate in its bins and words, learnt on `train`.

    A bin of its own is for what is missing, which may tell the label as well as a value does.
    """
    train, test = (table.filter(pc.is_valid(table[LABEL])) for table in (train, test))
    label, truth = (as_numbers(table[LABEL]) for table in (train, test))
    if len(np.unique(label)) < 2 or len(np.unique(truth)) < 2:
        return unmeasured("one of the tables has labels of one kind only, or none", test.num_rows)
    found: dict[str, float] = {}
    for name in train.column_names:
        if name not in (LABEL, PATIENT, RECORD):
            seen, asked = _codes(train[name], test[name])
            size = int(max(seen.max(), asked.max())) + 1
            counted = np.bincount(seen, minlength=size)
            rate = np.where(counted > 0, np.bincount(seen, label, size) / np.maximum(counted, 1), label.mean())
            none = np.zeros(asked.size)
            alone = auroc(Sample(none, none, truth, rate[asked], 0.5, {}), np.ones(asked.size))
            found[name] = max(alone, 1 - alone)
    worst = max(found, key=lambda name: found[name])
    return Measured(found[worst], test.num_rows, says=f"most by {worst}")


def volume(gate: Volume, table: pa.Table) -> Measured:
    of = table.filter(pc.fill_null(table[LABEL], False)) if gate.of == "cases" else table
    count = of.num_rows if gate.of == "rows" else pc.count_distinct(of[PATIENT]).as_py()
    return Measured(float(count), table.num_rows)


def freshness(tables: Sequence[pa.Table], year: int) -> Measured:
    """Years from the newest admission until this year."""
    whole = pa.concat_tables(tables)
    newest = pc.max(whole["admitted_year"]).as_py()
    return unmeasured("no row has a year") if newest is None else Measured(float(year - newest), whole.num_rows)


def _out_of_range(feature: Feature, column: pa.ChunkedArray, year: int) -> NDArray[np.bool_]:
    source = contract().columns[feature.of[0]]
    missing = column.is_null().to_numpy()
    if feature.by == "kept" and source.one_of:
        return ~missing & ~pc.is_in(column, value_set=pa.array(source.one_of)).to_numpy()
    if pa.types.is_string(column.type) or pa.types.is_boolean(column.type):
        return np.zeros(len(column), bool)
    low, high = source.bounds if feature.by == "kept" else (0.0, float(np.finfo(np.float64).max))
    if feature.by == "age":
        high = safe_harbor().oldest_age
    if feature.by == "year":
        low, high = 1900, year
    numbers = as_numbers(column)
    return ~missing & ~((numbers >= low) & (numbers <= high))


def _repeated(table: pa.Table, names: list[str]) -> NDArray[np.bool_]:
    numbered = table.select(names).append_column("_row", pa.array(np.arange(table.num_rows)))
    firsts = numbered.group_by(names, use_threads=False).aggregate([("_row", "min")])["_row_min"]
    repeated = np.ones(table.num_rows, bool)
    repeated[firsts.to_numpy()] = False
    return repeated


def _codes(train: pa.ChunkedArray, test: pa.ChunkedArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers from 0 of the bins or words of a column in both tables; those that train lacks have one more."""
    if pa.types.is_string(train.type) or pa.types.is_boolean(train.type):
        known = pc.unique(train)
        each = (pc.fill_null(pc.index_in(column, value_set=known), len(known)) for column in (train, test))
        seen, asked = (column.to_numpy().astype(np.intp) for column in each)
        return seen, asked
    numbers, others = as_numbers(train), as_numbers(test)
    there = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(there, np.linspace(0, 1, BINS + 1))) if there.size else np.zeros(1)
    seen, asked = (
        np.where(np.isfinite(each), np.searchsorted(edges, each), edges.size + 1) for each in (numbers, others)
    )
    return seen, asked


def _rows(whole: pa.Table, broken: NDArray[np.bool_], says: str = "") -> Measured:
    rows = whole.filter(pa.array(broken))
    return Measured(float(rows.num_rows), rows.num_rows, keys=_keys(rows), says=says)


def _keys(rows: pa.Table) -> tuple[str, ...]:
    keys: Any = np.array(rows[RECORD].to_pylist(), dtype=str)
    return first(keys)
