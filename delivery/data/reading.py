"""Files of records, before a row of them is looked at: whether they can be read, their version and columns."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from delivery.data.contract import contract
from delivery.data.dataset import CONTRACT_KEY, stamp
from delivery.data.refused import Refused

READING_FAILS: Final = (duckdb.Error, pa.ArrowException)


def check_files(files: Sequence[Path]) -> None:
    """Raises Refused with all that is wrong with these files as such."""
    wrong = [trouble for path in files if (trouble := _trouble(path))]
    given = Counter(path.resolve() for path in files)
    wrong += [f"{path} is given {times} times." for path, times in given.items() if times > 1]
    named = Counter(path.name for path in given)
    wrong += [f"{times} files are named {name}: give each its own name." for name, times in named.items() if times > 1]
    if not files:
        wrong = ["No file is given."]
    if wrong:
        raise Refused("\n".join(wrong))


def _trouble(path: Path) -> str:
    if not path.exists():
        return f"{path} is not there."
    if not path.is_file():
        return f"{path} is no file: give the Parquet files in it, {path}/*.parquet."
    if not path.stat().st_size:
        return f"{path} is empty, 0 bytes; a Parquet file without rows is not. Was it written to its end?"
    try:
        pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return f"{path} is not a whole Parquet file, in which records come; convert it, or fetch it again."
    return ""


def damaged(path: Path, error: Exception) -> Refused:
    """The error for a file whose footer is whole and whose rows are not. What the reader said may hold some of them."""
    kind = type(error).__name__
    return Refused(f"{path} cannot be read to its end ({kind}): a part of it is damaged, or the disk is full.")


def differences(path: Path, table: ir.Table) -> list[str]:
    """What of its version, columns and types speaks against the file that `table` is of; in words."""
    said = said_contract(path)
    plain = said if re.fullmatch(r"[a-z]+/[0-9]+(\.[0-9]+){0,2}", said) else "another contract"
    version = [f"was written for {plain}; this is {stamp()}"] if said not in ("", stamp()) else []
    return version + contract().differences(table)


def said_contract(path: Path) -> str:
    """What the file says which contract it is of; empty where it says nothing."""
    return (pq.read_schema(path).metadata or {}).get(CONTRACT_KEY, b"").decode(errors="replace")
