"""A data set: a folder of Parquet files that say which contract they are of, and a manifest with their digests."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.refused import Refused

MANIFEST: Final = "manifest.json"
CONTRACT_KEY: Final = b"parapet.contract"
"""Key of a Parquet file's metadata; its value is the contract's name and version, `intake/1.0.0`."""


def stamp() -> str:
    """What a file of records says of its contract."""
    return f"{contract().name}/{contract().version}"


@dataclass(frozen=True)
class File:
    """One Parquet file of a data set."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a data set is made of."""

    contract: str
    rows: int
    files: tuple[File, ...]
    made_from: Mapping[str, Any]
    """What it was made with: seed and injections of a generated one, the digest of its input of another."""

    @property
    def digest(self) -> str:
        """Of the data set, from its files' names and digests: the same files are the same data set."""
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    def paths(self, folder: Path) -> list[Path]:
        """Its files, where the data set lies in `folder`."""
        return [folder / file.name for file in self.files]

    def write(self, folder: Path) -> None:
        told = {"digest": self.digest, **asdict(self)}
        (folder / MANIFEST).write_text(json.dumps(told, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path, name: str = MANIFEST) -> "Manifest":
        told = json.loads((folder / name).read_text())
        return cls(told["contract"], told["rows"], tuple(File(**each) for each in told["files"]), told["made_from"])


def arrow_schema() -> pa.Schema:
    """The contract's columns as Arrow has them, with the contract's stamp."""
    fields = [pa.field(name, column.type.to_pyarrow()) for name, column in contract().columns.items()]
    return pa.schema(fields, metadata={CONTRACT_KEY: stamp().encode()})


def batch(columns: Mapping[str, NDArray[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Columns as Arrow has them; NaN and None are nulls."""
    return pa.record_batch([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):  # 1, 0 or NaN
        return pa.array(values == 1, mask=np.isnan(values))
    return pa.array(values, type=kind, from_pandas=True)


class FileWriter:
    """A Parquet file, one row group a write, the same bytes for the same rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path, self.rows = path, 0
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False)

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
        self.rows += rows.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def closed(self) -> File:
        """The file as the manifest has it, once it is closed."""
        return File(self._path.name, self.rows, sha256(self._path))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replaced(folder: Path, own: Collection[str]) -> Iterator[Path]:
    """A draft beside `folder` that takes its place when all went well, and leaves nothing where it did not.

    Only its owner may read in it. Raises Refused where `folder` holds something that is not of `own`, names by pattern:
    what nobody asked to have replaced stays.
    """
    strange = folder.exists() and (
        not folder.is_dir() or any(not any(fnmatch(each.name, name) for name in own) for each in folder.iterdir())
    )
    if strange:
        raise Refused(f"{folder} is there and holds something else: name a folder that is new or empty.")
    draft = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):  # by one that was killed: it has records
        if left == draft or not _lives(left.name.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)
    try:
        draft.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}.") from None
    try:
        yield draft
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _lives(process: str) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
