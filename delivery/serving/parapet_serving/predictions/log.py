"""The prediction log: what was asked and what was answered, in Parquet, for the labels that come late.

A request puts its rows down and goes on; a thread writes files. While the place takes none, rows wait, in bounded
memory; what comes when that is full is counted and lost. So is a request of which no file can be made, whatever it is:
it keeps no other from its place. To a place all files are bytes: what it refuses is never for what stands in one. This
is the one place where inputs are kept.
"""

import threading
from collections import deque
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import pyarrow as pa
from pyarrow import parquet

from parapet_serving.bundle.folder import Bundle
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.predictions.places import Place
from parapet_serving.predictions.rows import REQUEST, About, Rows
from parapet_serving.settings import PredictionLog
from parapet_serving.telling.logs import say, told
from parapet_serving.telling.metrics import Metrics

AGAIN: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a file that could not be put is tried again; the last one from then on."""


class Log:
    """Rows of one model. `add` is called by the event loop alone."""

    def __init__(
        self,
        settings: PredictionLog,
        bundle: Bundle,
        contract: Contract,
        place: Place,
        metrics: Metrics,
        hashed_with: str,
    ) -> None:
        """`hashed_with`: which key callers and subjects are hashed with, as each row says."""
        self._settings, self._bundle, self._contract = settings, bundle, contract
        self._place, self._metrics = place, metrics
        self._filling = Rows(contract, settings.rows)
        self._waiting: deque[Rows] = deque()
        self._bytes = 0
        self._failed = 0
        manifest = bundle.manifest
        self._facts = {"model": manifest.name, "version": manifest.version, "digest": bundle.digest}
        self._wake, self._ending = threading.Event(), False
        self._thread = threading.Thread(target=self._work, name="prediction log", daemon=True)
        self._lock = threading.Lock()
        self._hashed_with = hashed_with

    @property
    def healthy(self) -> bool:
        """Whether the last file could be put."""
        return not self._failed

    def start(self) -> None:
        """Tries the place first, so that a server that cannot write is never ready."""
        self._try()
        self._thread.start()

    def add(self, about: About, asked: Matrix, told: Outputs) -> None:
        """Keeps one request's rows until they are written, where there is room. Waits for nobody who writes."""
        with self._lock:
            rows = self._filling
            if self._bytes + rows.bytes + 4 * asked.size + REQUEST > self._settings.memory_bytes:
                self._metrics.lost.inc(len(asked))
                return
            if not rows.room(len(asked)):
                rows = self._next(len(asked))
                if not self._failed:
                    self._wake.set()
            rows.add(about, asked, told)

    def _next(self, least: int) -> Rows:
        """Others, to be filled; what was filled is to be written."""
        if self._filling.count:
            self._waiting.append(self._filling)
            self._bytes += self._filling.bytes
            self._filling = Rows(self._contract, self._settings.rows)
        if not self._filling.room(least):
            self._filling = Rows(self._contract, least)
        return self._filling

    def close(self, seconds: float) -> bool:
        """Writes what is left; False where it could not be within that time."""
        self._ending = True
        self._wake.set()
        self._thread.join(seconds)
        return not self._unwritten and not self._thread.is_alive()

    @property
    def _unwritten(self) -> int:
        return self._filling.count + sum(rows.count for rows in self._waiting)

    def _work(self) -> None:
        while not (self._ending and not self._unwritten):
            self._wake.wait(self._pause())
            self._wake.clear()
            try:
                self._write()
            except Exception as error:  # nothing ends the one thread that writes
                self._fail(error)

    def _write(self) -> None:
        """What waits, as long as the place takes it."""
        if not self._waiting:
            with self._lock:
                self._next(0)
        self._metrics.waiting.set(self._unwritten)
        while self._waiting and self._go_on(self._waiting[0]):
            self._metrics.waiting.set(self._unwritten)
        if self._failed and not self._waiting:
            self._try()

    def _fail(self, error: Exception) -> None:
        self._failed += 1
        self._metrics.failures.inc()
        say("prediction log not written", tries=self._failed, **told(error))

    def _go_on(self, rows: Rows) -> bool:
        """Writes the first that waits, or parts it where no file can be made of it; False where the place took none."""
        try:
            name, content = self._name(rows.since, f"{uuid4().hex}.parquet"), self._file(rows)
        except Exception as error:  # whatever it is, it must not stop what is behind it
            halves = rows.halves()
            say("prediction log: no file can be made of these rows", rows=rows.count, lost=not halves, **told(error))
            self._instead(rows, halves)
            if not halves:
                self._metrics.lost.inc(rows.count)
            return True
        if not self._put(name, content):
            return False
        self._instead(rows, [])
        self._metrics.logged.inc(rows.count)
        return True

    def _instead(self, rows: Rows, others: list[Rows]) -> None:
        """These in the place of the first, which is done."""
        with self._lock:
            self._waiting.popleft()
            self._waiting.extendleft(reversed(others))
            self._bytes += sum(each.bytes for each in others) - rows.bytes

    def _pause(self) -> float:
        """Seconds until it looks again, unless it is woken."""
        if self._failed:
            return min(AGAIN[min(self._failed, len(AGAIN)) - 1], 0.2 if self._ending else AGAIN[-1])
        return 0.0 if self._ending else self._settings.seconds

    def _try(self) -> None:
        """Whether the place takes anything, by an empty file: within the model's own part, and named as what reads
        tables passes over."""
        self._put(f"model={self._bundle.manifest.name}/_tried", b"")

    def _put(self, name: str, content: bytes) -> bool:
        try:
            self._place.put(name, content)
        except Exception as error:  # of whatever library writes there
            self._fail(error)
            return False
        self._failed = 0
        return True

    def _name(self, at: float, file: str) -> str:
        manifest, day = self._bundle.manifest, datetime.fromtimestamp(at, UTC)
        return f"model={manifest.name}/version={manifest.version}/date={day:%Y-%m-%d}/{day:%H%M%S}-{file}"

    def _file(self, rows: Rows) -> bytes:
        table, out = rows.table(self._hashed_with).replace_schema_metadata(self._facts), pa.BufferOutputStream()
        # Numbers that seldom repeat gain nothing by a dictionary, which takes longest to make.
        repeated = [each.name for each in table.schema if not pa.types.is_floating(each.type)]
        parquet.write_table(table, out, compression="snappy", use_dictionary=repeated, write_statistics=False)
        content: bytes = out.getvalue().to_pybytes()
        return content
