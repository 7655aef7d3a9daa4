"""By patient and by time: who a model is tried on was never seen by it, and came later."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from delivery.data.dataset import FileWriter, Manifest
from delivery.data.refused import Refused
from delivery.pipeline.settings import settings

PATIENT: Final = "patient_key"
YEAR: Final = "admitted_year"
LABEL: Final = "readmitted_30d"


@dataclass(frozen=True)
class Counts:
    """Rows, and what became of them; the first four are together all."""

    train: int
    test: int
    unused: int
    """Of a patient who is trained on in a year that is tried on, or the other way round."""
    without_outcome: int
    first_year_held_out: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def split(features: Path, seed: int, train: Path, test: Path) -> Counts:
    """Writes two files of the rows of a folder of features whose outcome is known.

    Raises Refused where one of them would have no row.
    """
    table = pq.read_table(Manifest.read(features).paths(features))
    known = table.filter(pc.is_valid(table[LABEL]))
    years = known[YEAR].to_numpy()
    first = int(years.max()) - settings().split.years_held_out + 1 if years.size else 0
    late = years >= first
    other = held_out(known[PATIENT], seed)
    parts = {train: known.filter(pa.array(~late & ~other)), test: known.filter(pa.array(late & other))}
    for path, part in parts.items():
        if not part.num_rows:
            what = "trained" if path == train else "tried"
            raise Refused(
                f"No row is left to be {what} on: of {table.num_rows:,} rows {known.num_rows:,} have an outcome, and "
                f"{int(late.sum()):,} of those are of {first} or later. Take a feed of two years and more people."
            )
        with FileWriter(path, part.schema) as writer:
            writer.write(part)
    rows = [part.num_rows for part in parts.values()]
    return Counts(rows[0], rows[1], known.num_rows - sum(rows), table.num_rows - known.num_rows, first)


def held_out(patients: pa.ChunkedArray, seed: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Of each row, whether its patient is one of those a model is tried on: the same for all rows of a patient."""
    unique = pc.unique(patients)
    drawn = {key: _share(f"{seed}\0{key}") < settings().split.patients_held_out for key in unique.to_pylist()}
    return np.array([drawn[key] for key in patients.to_pylist()], dtype=bool)


def _share(text: str) -> float:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64
