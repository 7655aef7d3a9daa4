"""The outcome in Prometheus' text, to whoever asks for a while."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

from delivery.monitoring.alerting.documents import State
from delivery.monitoring.alerting.telling import ROWS, metrics
from delivery.monitoring.daily import settings
from delivery.registry.documents import moment
from delivery.registry.refused import Refused

LOOKED: Final = "parapet_monitor_time_seconds"
SUCCEEDED: Final = "parapet_monitor_success_time_seconds"
FIGURES: Final = {
    "seen": ("parapet_monitor_rows_seen", "Rows of the last window, also where they are too few to judge."),
    "elsewhere": ("parapet_monitor_rows_elsewhere", "Rows of other versions, which the check does not look at."),
    "outcomes": ("parapet_monitor_outcomes", "Outcomes that came in the last window."),
    "joined": ("parapet_monitor_outcomes_joined", "Of these those whose prediction the log has."),
    "callers": ("parapet_monitor_callers_drifted", "Callers who ask otherwise than they did, two windows in a row."),
    "unread": ("parapet_monitor_files_unread", "Files of the last window that are not as they must be."),
}
HEARD: Final = ("parapet_monitor_outcomes_age_seconds", "Since outcomes last came, or since the model is asked.")
DUE: Final = ("parapet_monitor_outcomes_due_seconds", "Age from which on they are missed; 0 where none are expected.")
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


def of_a_check(model: str, state: State, at: float) -> str:
    """What the alerts know, what there was to look at, and that a check of the model ended at this time, in seconds
    since 1970."""
    told = "".join(_gauge(name, says, model, getattr(state.figures, each)) for each, (name, says) in FIGURES.items())
    return metrics(state) + told + ended(model, at)


def of_outcomes(model: str, heard: str | None, now: datetime, due: int) -> str:
    """For how long none came, and for how many days that may be; 0 where none are expected."""
    age = max(0.0, (now - (moment(heard) if heard else now)).total_seconds())
    return _gauge(*HEARD, model, age) + _gauge(*DUE, model, timedelta(days=due).total_seconds())


def succeeded(model: str, at: float) -> str:
    """That all of it ended well: of a check whose exit status is 0, and of no other."""
    return _gauge(SUCCEEDED, "When a check of the model last ended well.", model, at)


def of_no_check(model: str, at: float) -> str:
    """That nothing was looked at, though somebody tried to at this time."""
    return _gauge(ROWS, "Rows of the last window.", model, 0) + ended(model, at)


def ended(model: str, at: float) -> str:
    """That a check of the model ended, whatever came of it: what else is told with it is what was last known."""
    return _gauge(LOOKED, "When a check of the model last ended, well or not.", model, at)


def _gauge(name: str, says: str, model: str, value: float) -> str:
    return f'# HELP {name} {says}\n# TYPE {name} gauge\n{name}{{model="{model}"}} {value:.0f}\n'


class _Handler(BaseHTTPRequestHandler):
    text: ClassVar[str] = ""
    asked: ClassVar[threading.Semaphore]
    timeout = 5

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        body = self.text.encode()
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.asked.release()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the base class)
        """Nothing: a request's path could hold anything."""


def answer(text: str, where: settings.Metrics, ready: Callable[[int], None] = lambda port: None) -> None:
    """Answers `GET /metrics` with it for so many seconds, and until it was asked so often, or for the most seconds that
    that may take; `ready` is told the port.

    Raises Refused where the port is taken, and where nobody asked who should have: what was found is known to nobody.
    """
    asked = threading.Semaphore(0)
    handler = type("Handler", (_Handler,), {"text": text, "asked": asked})
    try:
        server = ThreadingHTTPServer((where.host, where.port), handler)
    except OSError as error:
        raise Refused(f"Nothing can be answered at {where.host}:{where.port}: {error.strerror}.") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        begun = time.monotonic()
        ready(server.server_port)
        heard = _times(asked, where.times, begun + where.most_seconds)
        threading.Event().wait(max(0.0, begun + where.seconds - time.monotonic()))
    finally:
        server.shutdown()
        server.server_close()
    if where.times and not heard:
        raise Refused(
            f"Nobody asked for what the check found, for {where.most_seconds:g} seconds: no alert knows of it. Does "
            "Prometheus run (namespace judging), and does it reach this pod?"
        )


def _times(asked: threading.Semaphore, most: int, until: float) -> int:
    """How often it was asked by then, `most` at most."""
    for number in range(most):
        if not asked.acquire(timeout=max(0.0, until - time.monotonic())):
            return number
    return most
