"""Requests that are there at the same time are asked of the model together.

Who comes alone does not wait: a batch is asked once everybody who is being read has joined it, or the delay is over,
or it is full. So it grows with what waits, and the delay is the most that one pays for the others. A batch that the
model fails for is asked again, each request by itself: nobody fails for what another asked.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Final

import numpy as np

from parapet_serving.contract import Matrix, Outputs
from parapet_serving.model import Model
from parapet_serving.refusal import Wrong

QUICK: Final = 0.000_15
"""Seconds that a batch may take on the event loop itself. Others are asked in a thread, while the loop reads on: what
that costs is twenty microseconds."""

Told = Callable[[int], None]
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
        rows."""
        self._model, self._most, self._delay, self._told = model, rows, delay, told
        self._waiting = SimpleQueue[tuple[asyncio.AbstractEventLoop, Batch] | None]()
        self._thread: Thread | None = None
        one, full = takes(1), takes(rows)
        self._quick = rows if full <= QUICK else int((QUICK - one) / max(full - one, 1e-9) * rows)
        """Rows that take so long."""
        self._busy = False
        self._batch, self._looked = Batch(), False
        self._apart = deque[Batch]()
        """Of a batch that failed."""
        self._timer: asyncio.TimerHandle | None = None
        self._reading, self._turn = 0, 0
        """Requests that have come and have not asked yet: they may still join. Those of a turn that was waited for in
        vain count no more: whoever never ends his body makes nobody wait twice."""

    def reads(self) -> int:
        """One is being read from now on. Returns what `read` is told."""
        self._reading += 1
        return self._turn

    def read(self, turn: int) -> None:
        """One that was being read asks now, or never will: nobody has to wait for it any longer."""
        if turn != self._turn:
            return
        self._reading -= 1
        if not self._reading and self._timer:
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
        if self._reading and self._delay and self._batch.rows < self._most:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._in_vain)
        else:
            self._flush()

    def _in_vain(self) -> None:
        self._turn += 1
        self._reading = 0
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
            if self._thread is None:
                self._thread = Thread(target=self._work, name="model", daemon=True)
                self._thread.start()
            self._waiting.put((asyncio.get_running_loop(), batch))
            return
        try:
            outputs = self._model.predict(batch.matrix())
        except Exception as error:
            self._fail(batch, error)
            return
        self._told(batch.rows)
        batch.share(outputs)

    def close(self, seconds: float) -> None:
        """Ends the thread, after what it is asked now and within that time: what still computes as the interpreter ends
        can take the process with it."""
        if self._thread:
            self._waiting.put(None)
            self._thread.join(seconds)

    def _work(self) -> None:
        """In a thread. An executor takes twice the time for each batch: its futures are not those of the loop, and each
        waits for the other."""
        while asked := self._waiting.get():
            self._compute(*asked)
            del asked

    def _compute(self, loop: asyncio.AbstractEventLoop, batch: Batch) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            try:
                outputs = self._model.predict(batch.matrix())
            except Exception as error:
                loop.call_soon_threadsafe(self._came, batch, None, error)
            else:
                loop.call_soon_threadsafe(self._came, batch, outputs, None)

    def _came(self, batch: Batch, outputs: Outputs | None, error: Exception | None) -> None:
        self._busy = False
        if outputs is not None:
            self._told(batch.rows)
            batch.share(outputs)
        elif error:
            self._fail(batch, error)
        self._flush()  # what came meanwhile, all of it at once

    def _fail(self, batch: Batch, error: BaseException) -> None:
        if len(batch.matrices) > 1:
            self._apart.extend(batch.parted())
        else:
            batch.fail(error)


def _finite(outputs: Outputs) -> bool:
    return all(np.isfinite(column).all() for column in outputs.values())
