"""Makes a data set of synthetic intake records, of any size in the same memory: block after block, file after file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from delivery.data import records
from delivery.data.contract import contract
from delivery.data.dataset import MANIFEST, File, FileWriter, Manifest, arrow_schema, batch, replaced, stamp
from delivery.data.injections import Injection, breaks_schema, broken_schema, inject
from delivery.data.refused import Refused

BLOCKS_A_FILE: Final = 40
"""Some 200,000 rows, 20 MB."""


def generate(rows: int, seed: int, out: Path, injections: Sequence[Injection] = ()) -> Manifest:
    """Writes `rows` records to `out`, the same bytes for the same arguments, and returns what was written.

    A smaller data set of a seed is the beginning of a larger one, patient by patient; within a row group, rows are in
    the order of admission. Raises Refused for arguments that make no data set, and where `out` holds something else.
    """
    if rows < 0:
        raise Refused(f"--rows {rows}: a data set has 0 rows or more.")
    if seed < 0:
        raise Refused(f"--seed {seed}: a seed is 0 or more.")
    kinds = [each.kind for each in injections]
    if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        raise Refused(f"Injected twice: {', '.join(twice)}. Give each kind once.")
    files: list[File] = []
    touched = Counter(dict.fromkeys(kinds, 0))
    with replaced(out, (MANIFEST, f"{contract().name}-*.parquet")) as draft:
        while not files or rows > sum(file.rows for file in files):
            left = rows - sum(file.rows for file in files)
            path = draft / f"{contract().name}-{len(files):05d}.parquet"
            files.append(_write(path, len(files), left, seed, injections, touched))
        injected = {each.kind: {"amount": each.amount, "rows": touched[each.kind]} for each in injections}
        manifest = Manifest(stamp(), rows, tuple(files), {"seed": seed, "injected": injected})
        manifest.write(draft)
    return manifest


def _write(
    path: Path, number: int, left: int, seed: int, injections: Sequence[Injection], touched: Counter[str]
) -> File:
    """One file, of the blocks that are its own; at most `left` rows. Adds to what was touched."""
    broken = breaks_schema(injections, seed, number)
    schema = broken_schema(arrow_schema()) if broken else arrow_schema()
    with FileWriter(path, schema) as writer:
        for block in range(number * BLOCKS_A_FILE, (number + 1) * BLOCKS_A_FILE):
            if writer.rows == left:
                break
            columns = {name: values[: left - writer.rows] for name, values in records.block(seed, block).items()}
            touched.update(inject(injections, seed, block, columns))
            made = pa.Table.from_batches([batch(columns, arrow_schema())]).sort_by("admitted_at")
            # Names are what a broken schema has changed, and one type.
            writer.write(made.rename_columns(schema.names).cast(schema))
    if broken:
        touched["schema"] += writer.rows
    return writer.closed()
