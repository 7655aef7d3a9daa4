"""A steady caller from outside: records, a token, the gateway. It counts how it was answered, and keeps no answer."""

import contextlib
import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

EVERY = 0.05  # seconds between two calls
RECORDS = 32
SECONDS = 10.0


class Caller:
    """Asks the model from a thread of its own, until it is ended."""

    def __init__(self, url: str, exports: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> None:
        self._url = urlsplit(url)
        self._token = exports["PARAPET_INFERENCE_TOKEN"]
        self._context = ssl.create_default_context(cafile=exports["PARAPET_CA_FILE"])
        self._records, self._from = list(records), 0
        self._statuses: Counter[str] = Counter()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def calls(self) -> int:
        return self._statuses.total()

    @property
    def failed(self) -> dict[str, int]:
        """How many were not answered with 200, by status or by the error's name."""
        return {status: number for status, number in self._statuses.items() if status != "200"}

    def once(self) -> Mapping[str, Any]:
        """One call's answer, as the server gave it; raises OSError and HTTPException."""
        connection = self._connection()
        try:
            status, body = self._asked(connection, 1)
            if status != 200:
                raise http.client.HTTPException(f"status {status}: {body[:300].decode(errors='replace')}")
            told: Mapping[str, Any] = json.loads(body)
            return told
        finally:
            connection.close()

    def _call(self) -> None:
        connection = self._connection()
        due = time.monotonic()
        while not self._ends.is_set():
            try:
                status, _ = self._asked(connection, RECORDS)
                self._statuses[str(status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self._statuses[type(error).__name__] += 1
                connection.close()
            due = max(due + EVERY, time.monotonic())
            self._ends.wait(due - time.monotonic())
        connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._url.hostname or "", self._url.port or 443, timeout=SECONDS, context=self._context
        )

    def some(self, number: int) -> list[Mapping[str, Any]]:
        """The next ones, each once before any is there again: nobody is asked about twice as often as another."""
        places = range(self._from, self._from + number)
        self._from += number
        return [self._records[place % len(self._records)] for place in places]

    def _asked(self, connection: http.client.HTTPSConnection, records: int) -> tuple[int, bytes]:
        body = json.dumps({"records": self.some(records)})
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        with contextlib.suppress(http.client.RemoteDisconnected):
            # A connection that was kept too long is closed by the gateway before it has read anything.
            connection.request("POST", f"{self._url.path.rstrip('/')}/predict", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        connection.close()
        connection.request("POST", f"{self._url.path.rstrip('/')}/predict", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
