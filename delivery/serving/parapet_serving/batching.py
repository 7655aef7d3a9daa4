"""Requests that are there at the same time are asked of the model together.

Who comes alone does not wait: a batch is asked once everybody who is being read has joined it, or the delay is over,
or it is full. So it grows with what waits, and the delay is the most that one pays for the others. A batch that the
model fails for is asked again, each request by itself: nobody fails for what another asked.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parapet_serving.contract import Matrix, Outputs
from parapet_serving.model import Model
from parapet_serving.refusal import Wrong

QUICK: Final = 0.000_15
"""Seconds that a batch may take on the event loop itself. Others are asked in a thread, while the loop reads on: what
that costs is twenty microseconds."""

Told = Callable[[int, Outputs], None]
Takes = Callable[[int], float]


@dataclass
class Batch:
    """Who waits together."""

    matrices: list[Matrix] = field(default_factory=list)
    answers: list[asyncio.Future[Outputs]] = field(default_factory=list)
    rows: int = 0

    def matrix(self) -> Matrix:
        return self.matrices[0] if len(self.matrices) == 1 else np.concatenate(self.matrices)

    def share(self, outputs: Outputs) -> None:
        """Gives everyone his rows, or an error for those of which the model made something that is no number."""
        begin, finite = 0, _finite(outputs)
        for matrix, answer in zip(self.matrices, self.answers, strict=True):
            end = begin + len(matrix)
            rows = {name: column[begin:end] for name, column in outputs.items()}
            if answer.done():  # its caller has gone
                pass
            elif finite or _finite(rows):
                answer.set_result(rows)
            else:
                answer.set_exception(Wrong(500, "model", "the model answered with something that is no number"))
            begin = end

    def parted(self) -> "list[Batch]":
        """Each of those who still wait by himself."""
        waiting = zip(self.matrices, self.answers, strict=True)
        return [Batch([matrix], [answer], len(matrix)) for matrix, answer in waiting if not answer.done()]

    def fail(self, error: BaseException) -> None:
        """The error for everyone, to each its own: a traceback grows with who raises it, and words may hold values."""
        for answer in self.answers:
            if not answer.done():
                answer.set_exception(RuntimeError(type(error).__name__))


class Batches:
    """Of one event loop."""

    def __init__(self, model: Model, *, rows: int, delay: float, takes: Takes, told: Told) -> None:
        """`rows`: of a full batch. `takes`: how many seconds the model takes for so many. `told` hears of each batch's
        rows and outputs."""
        self._model, self._most, self._delay, self._told = model, rows, delay, told
        self._thread = ThreadPoolExecutor(1, "model")
        one, full = takes(1), takes(rows)
        self._quick = rows if full <= QUICK else int((QUICK - one) / max(full - one, 1e-9) * rows)
        """Rows that take so long."""
        self._busy = False
        self._batch, self._looked = Batch(), False
        self._apart = deque[Batch]()
        """Of a batch that failed."""
        self._timer: asyncio.TimerHandle | None = None
        self.reading = 0
        """Requests that have come and have not asked yet: they may still join."""

    def read(self) -> None:
        """One that was being read asks now, or never will: nobody has to wait for it any longer."""
        self.reading -= 1
        if not self.reading and self._timer:
            self._timer.cancel()
            self._timer = None
            asyncio.get_running_loop().call_soon(self._flush)

    def predict(self, matrix: Matrix) -> asyncio.Future[Outputs]:
        """The outputs of these rows, in their order."""
        if self._batch.rows + len(matrix) > self._most:
            self._flush()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outputs] = loop.create_future()
        self._batch.matrices.append(matrix)
        self._batch.answers.append(answer)
        self._batch.rows += len(matrix)
        if not self._looked:
            self._looked = True
            # Those whose bytes are here already are read before it is looked at who is still missing.
            loop.call_soon(self._look)
        return answer

    def _look(self) -> None:
        if self.reading and self._delay and self._batch.rows < self._most:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._looked, self._timer = False, None
        while not self._busy and (self._apart or self._batch.matrices):
            if self._apart:
                batch = self._apart.popleft()
            else:
                batch, self._batch = self._batch, Batch()
            self._ask(batch)

    def _ask(self, batch: Batch) -> None:
        if batch.rows > self._quick:
            self._busy = True
            asked = asyncio.get_running_loop().run_in_executor(self._thread, self._model.predict, batch.matrix())
            asked.add_done_callback(lambda done: self._came(batch, done))
            return
        try:
            outputs = self._model.predict(batch.matrix())
        except Exception as error:
            self._fail(batch, error)
            return
        self._told(batch.rows, outputs)
        batch.share(outputs)

    def _came(self, batch: Batch, done: asyncio.Future[Outputs]) -> None:
        self._busy = False
        if error := done.exception():
            self._fail(batch, error)
        else:
            self._told(batch.rows, done.result())
            batch.share(done.result())
        self._flush()  # what came meanwhile, all of it at once

    def _fail(self, batch: Batch, error: BaseException) -> None:
        if len(batch.matrices) > 1:
            self._apart.extend(batch.parted())
        else:
            batch.fail(error)


def _finite(outputs: Outputs) -> bool:
    return all(np.isfinite(column).all() for column in outputs.values())
