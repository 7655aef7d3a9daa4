"""The prediction log: what was asked and what was answered, in Parquet, for the labels that come late.

A request puts its rows down and goes on; a thread writes files. Rows that cannot be written wait, in bounded memory;
what comes when that is full is counted and lost. This is the one place where inputs are kept.
"""

import io
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from parapet_serving.bundle.folder import Bundle
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.predictions.places import Place
from parapet_serving.settings import PredictionLog
from parapet_serving.telling.logs import say, told
from parapet_serving.telling.metrics import Metrics

AGAIN: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a file that could not be put is tried again; the last one from then on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request's."""

    at: float
    """Seconds since 1970."""
    request: str
    own_id: str | None
    """What the caller calls the request."""
    caller: str
    subject: str | None
    matrix: Matrix
    outputs: Outputs

    @property
    def bytes(self) -> int:
        """About what it takes in memory, and once more while a file is made of it."""
        return 2 * (self.matrix.nbytes + 4 * len(self.outputs) * len(self.matrix) + 600)


class Log:
    """Rows of one model. `add` is called by the event loop alone."""

    def __init__(
        self, settings: PredictionLog, bundle: Bundle, contract: Contract, place: Place, metrics: Metrics
    ) -> None:
        self._settings, self._bundle, self._contract = settings, bundle, contract
        self._place, self._metrics = place, metrics
        self._entries: deque[Entry] = deque()
        self._rows = self._bytes = 0
        self._failed = 0
        self._wake, self._ending = threading.Event(), False
        self._thread = threading.Thread(target=self._work, name="prediction log", daemon=True)
        self._lock = threading.Lock()

    @property
    def healthy(self) -> bool:
        """Whether the last file could be put."""
        return not self._failed

    def start(self) -> None:
        """Tries the place with an empty file first, so that a server that cannot write is never ready."""
        self._write([])
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Keeps it until it is written, where there is room. Waits for nobody who writes."""
        with self._lock:
            if self._bytes + entry.bytes > self._settings.memory_bytes:
                self._metrics.lost.inc(len(entry.matrix))
                return
            self._entries.append(entry)
            self._rows += len(entry.matrix)
            self._bytes += entry.bytes
            enough = self._rows >= self._settings.rows
        if enough and not self._wake.is_set():
            self._wake.set()

    def close(self, seconds: float) -> bool:
        """Writes what is left; False where it could not be within that time."""
        self._ending = True
        self._wake.set()
        self._thread.join(seconds)
        return not self._entries and not self._thread.is_alive()

    def _work(self) -> None:
        while not (self._ending and not self._entries):
            self._wake.wait(AGAIN[min(self._failed, len(AGAIN)) - 1] if self._failed else self._settings.seconds)
            self._wake.clear()
            self._metrics.waiting.set(self._rows)
            while taken := self._next():
                if not self._write(taken):
                    break
                self._done(taken)
                self._metrics.waiting.set(self._rows)
            if self._failed and self._ending:
                time.sleep(0.2)
                self._wake.set()
            if not self._entries and self._failed:
                self._write([])

    def _next(self) -> list[Entry]:
        """The oldest, as many as a file may have."""
        with self._lock:
            taken, rows = list[Entry](), 0
            for entry in self._entries:
                if taken and rows + len(entry.matrix) > self._settings.rows:
                    break
                taken.append(entry)
                rows += len(entry.matrix)
            return taken

    def _done(self, taken: list[Entry]) -> None:
        with self._lock:
            for _ in taken:
                entry = self._entries.popleft()
                self._rows -= len(entry.matrix)
                self._bytes -= entry.bytes
        self._metrics.logged.inc(sum(len(entry.matrix) for entry in taken))

    def _write(self, taken: list[Entry]) -> bool:
        try:
            if taken:
                self._place.put(self._name(taken[0].at, f"{uuid4().hex}.parquet"), self._file(taken))
            else:
                self._place.put(f"tried/{self._bundle.manifest.name}", b"")
        except Exception as error:  # of whatever library writes there
            self._failed += 1
            self._metrics.failures.inc()
            say("prediction log not written", tries=self._failed, **told(error))
            return False
        self._failed = 0
        return True

    def _name(self, at: float, file: str) -> str:
        manifest, day = self._bundle.manifest, datetime.fromtimestamp(at, UTC)
        return f"model={manifest.name}/version={manifest.version}/date={day:%Y-%m-%d}/{day:%H%M%S}-{file}"

    def _file(self, taken: list[Entry]) -> bytes:
        out = io.BytesIO()
        parquet.write_table(table(taken, self._bundle, self._contract), out, compression="zstd")
        return out.getvalue()


def table(entries: list[Entry], bundle: Bundle, contract: Contract) -> pa.Table:
    """A row for each that was asked, with the request's facts, `input.FIELD` and `output.NAME`; categories as texts."""
    counts = np.array([len(entry.matrix) for entry in entries])
    matrix = np.concatenate([entry.matrix for entry in entries])
    whose = pa.array(np.repeat(np.arange(len(entries)), counts))

    def spread(of: Callable[[Entry], Any], kind: pa.DataType) -> pa.Array:
        return pa.array([of(entry) for entry in entries], kind).take(whose)

    columns: dict[str, pa.Array] = {
        "request_id": spread(lambda entry: entry.request, pa.string()),
        "own_id": spread(lambda entry: entry.own_id, pa.string()),
        "row": pa.array(np.concatenate([np.arange(count) for count in counts]), pa.int32()),
        "at": spread(lambda entry: round(entry.at * 1e6), pa.timestamp("us", "UTC")),
        "caller": spread(lambda entry: entry.caller, pa.string()),
        "subject": spread(lambda entry: entry.subject, pa.string()),
    }
    for place, field in enumerate(contract.inputs):
        columns[f"input.{field.name}"] = _column(matrix[:, place], field.kind, field.categories)
    for output in contract.outputs:
        columns[f"output.{output.name}"] = pa.array(np.concatenate([entry.outputs[output.name] for entry in entries]))
    facts = {"model": bundle.manifest.name, "version": bundle.manifest.version, "digest": bundle.digest}
    return pa.table(columns).replace_schema_metadata(facts)


def _column(values: Matrix, kind: str, categories: list[str]) -> pa.Array:
    missing = np.isnan(values)
    if kind == "category":
        codes = pa.array(np.where(missing, 0, values).astype(np.int32), mask=missing)
        return pa.DictionaryArray.from_arrays(codes, pa.array(categories, pa.string()))
    if kind == "boolean":
        return pa.array(values == 1, mask=missing)
    return pa.array(values, mask=missing)
