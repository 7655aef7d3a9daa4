"""Where the audit trail goes: standard output, which is always there, and CloudWatch Logs."""

import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import boto3
import botocore.exceptions

GROUP = "PARAPET_AUDIT_LOG_GROUP"
BATCH_BYTES, BATCH_LINES, OVERHEAD = 1_048_576, 10_000, 26
"""What one PutLogEvents takes: bytes, of which each line costs 26 more, and lines (CloudWatch Logs' API reference)."""
INTERVAL, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two batches, and at most after a failure."""
WAITING = 50_000
"""Lines that wait while CloudWatch Logs does not answer, some 15 MB; beyond, the oldest are on standard output only."""


SAYS, STOPPED = "audit: ", "stopped:"
"""How its own lines on standard error begin, and how that goes on which an alarm is told by
(`platform/mlops/monitoring/alarms.py`)."""


class StandardOutput:
    """One write for a line, so that the lines of two workers do not mix."""

    def write(self, line: str) -> None:
        os.write(sys.stdout.fileno(), line.encode() + b"\n")

    def close(self) -> None:
        """Nothing waits."""


class CloudWatchLogs:
    """Sends lines in batches from a thread of its own. Each try that fails is told on standard error, and their end."""

    def __init__(self, group: str, stream: str, client: Any = None) -> None:
        self.group, self.stream = group, stream
        self._client = client or boto3.client("logs")
        self._waiting: deque[tuple[int, str]] = deque(maxlen=WAITING)
        self._made = self._failing = False
        self._lost = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        self._lost += len(self._waiting) == WAITING
        self._waiting.append((int(time.time() * 1000), line))

    def close(self) -> None:
        """Sends what waits, for five seconds at most."""
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        pause = INTERVAL
        while not self._ended.wait(pause):
            pause = INTERVAL if self._send_all() else min(2 * pause, LONGEST_PAUSE)
        self._send_all()

    def _send_all(self) -> bool:
        while batch := self._batch():
            try:
                self._send(batch)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                self._waiting.extendleft(reversed(batch[: WAITING - len(self._waiting)]))
                # Its stream may have gone with its group: who makes that anew knows of no stream.
                self._made = False
                self._failing = True
                _say(
                    f"{STOPPED} {self.group} takes no lines ({error}); they stay on standard output and are tried again"
                )
                return False
            if self._failing:
                self._failing = False
                _say(f"{self.group} takes lines again; {self._lost} were lost to it")
        return True

    def _send(self, batch: list[tuple[int, str]]) -> None:
        if not self._made:
            with suppress(self._client.exceptions.ResourceAlreadyExistsException):
                self._client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
            self._made = True
        events = [{"timestamp": at, "message": line} for at, line in batch]
        self._client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)

    def _batch(self) -> list[tuple[int, str]]:
        batch: list[tuple[int, str]] = []
        size = 0
        while self._waiting and len(batch) < BATCH_LINES:
            at, line = self._waiting[0]
            if (size := size + len(line.encode()) + OVERHEAD) > BATCH_BYTES:
                break
            self._waiting.popleft()
            batch.append((at, line))
        return batch


def _say(what: str) -> None:
    print(f"{SAYS}{what}", file=sys.stderr, flush=True)


def stream_of_this_process() -> str:
    """One stream for each worker of each pod's each start: none is written by two."""
    return f"mlflow/{os.environ.get('HOSTNAME', 'local')}/{os.getpid()}-{time.time_ns() // 1_000_000}"
