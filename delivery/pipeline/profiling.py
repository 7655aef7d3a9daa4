"""What a version's drift is checked by: a profile of the rows that it was tried on, as its log will have them, and what
days are like by that.

Of rows that it was not trained on: of the others it says more than it knows, and each day would seem to be worse.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from delivery.data.dataset import Manifest
from delivery.data.deidentification import DAYS_FILE, ORDER
from delivery.monitoring.alerting.declared import declared as alerts
from delivery.monitoring.learning import learnt, spans
from delivery.monitoring.profile import Profile
from delivery.monitoring.running import load, profile_files
from delivery.pipeline.declared import OUTPUT, TENSOR, Input, Matrix, inputs, matrix, output
from delivery.pipeline.scoring import Graph
from delivery.pipeline.settings import settings
from delivery.pipeline.splitting import LABEL, YEAR
from delivery.registry.documents import canonical

PREDICTIONS: Final = f"output.{OUTPUT}"
"""As the prediction log calls it; a field is called by its own name."""
LABELS: Final = f"label.{OUTPUT}"


def profile_of(test: Path, model: Path, out: Path) -> Profile:
    """The profile of these features, what the model says of them and what came. Raises Refused."""
    rows, taken = pq.read_table(test), inputs()
    asked = matrix(rows, taken)
    return profiled(asked, taken, _scores(model, asked), rows[LABEL], out)


def profiled(
    matrix: Matrix, taken: Sequence[Input], scores: NDArray[np.float64], labels: pa.ChunkedArray, out: Path
) -> Profile:
    """Writes the profile of these rows, with what the model says of them and what came: its one form and not a byte
    more, so that its digest is the file's. Raises Refused."""
    rows = out.with_name(f".{out.name}.parquet")
    try:
        pq.write_table(logged(matrix, taken, scores, labels), rows)
        made = profile_files([rows], out, PREDICTIONS, LABELS)
    finally:
        rows.unlink(missing_ok=True)
    out.write_bytes(canonical(made))
    return made


def noise_of(name: str, days: Path, features: Path, model: Path, profile: Path) -> bytes:
    """What the days of the newest rows are like by the profile; nothing where they do not suffice. Raises Refused.

    Of all patients, whichever side of the split they are on: a day of a half of them is not like a day, since what
    moves a day as a whole does not grow less with its rows.
    """
    table, told = pq.read_table(Manifest.read(features).paths(features)), pq.read_table(days / DAYS_FILE)
    years = table[YEAR].to_numpy()
    newest = int(years.max()) - settings().split.years_held_out + 1 if years.size else 0
    rows = table.filter(pa.array(years >= newest))
    known = dict(zip(told[ORDER].to_pylist(), told["day"].to_pylist(), strict=True))
    found = [known[key] for key in rows[ORDER].to_pylist()]
    fewest = alerts().fewest_windows
    if len(spans(found)) < fewest:
        return b""
    taken = inputs()
    asked = matrix(rows, taken)
    noise = learnt(load(profile), logged(asked, taken, _scores(model, asked), rows[LABEL]), found, name, fewest)
    return noise.raw if noise else b""


def _scores(model: Path, asked: Matrix) -> NDArray[np.float64]:
    return Graph(model.read_bytes(), TENSOR, output().column).scores(asked)


def logged(matrix: Matrix, taken: Sequence[Input], scores: NDArray[np.float64], labels: pa.ChunkedArray) -> pa.Table:
    """The rows in the types of the prediction log (delivery/serving), with labels as numbers."""
    columns = {each.name: _column(matrix[:, place], each) for place, each in enumerate(taken)}
    outcome = labels.cast(pa.int8()).cast(pa.float64())
    return pa.table({**columns, PREDICTIONS: pa.array(scores.astype(np.float32)), LABELS: outcome})


def _column(values: NDArray[np.float32], taken: Input) -> pa.Array:
    missing = np.isnan(values)
    if taken.kind == "category":
        codes = pa.array(np.where(missing, 0, values).astype(np.int32), mask=missing)
        return pa.DictionaryArray.from_arrays(codes, pa.array(taken.categories, pa.string())).cast(pa.string())
    return pa.array(values == 1 if taken.kind == "boolean" else values, mask=missing)
