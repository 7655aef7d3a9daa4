"""What who keeps something equal to the local AWS API asks it at each look: anew where it may have changed."""

import json
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Final, Generic, TypeVar

CHANGES: Final = "/moto-api/parapet/changes"
"""Where the API tells a text that is another after each request which may have changed something."""
ANEW_AFTER = 15.0  # seconds, also where it tells of no change: of what time alone changes, it tells nothing
Told = TypeVar("Told")


class Watched(Generic[Told]):
    """The answer of `ask`, which asks the API at the endpoint; raises what that raises.

    A look costs the API's fifteenth of a second and as much of who asks, and mostly finds what it found before.
    """

    def __init__(self, endpoint: str, ask: Callable[[], Told]) -> None:
        self._endpoint, self._ask = endpoint, ask
        self._known: tuple[str, float, Told] | None = None  # at which change, until when, what

    def told(self) -> Told:
        """The answer, no older than the last change that the API had answered when this was called."""
        change = last(self._endpoint)
        if self._known and self._known[0] == change and time.monotonic() < self._known[1]:
            return self._known[2]
        self._known = None
        answer = self._ask()
        if change is not None:
            self._known = change, time.monotonic() + ANEW_AFTER, answer
        return answer


def last(endpoint: str) -> str | None:
    """Names the API's last change; None where nobody tells: whoever asks for more then is told why."""
    try:
        with urllib.request.urlopen(f"{endpoint}{CHANGES}", timeout=5) as answer:  # noqa: S310 (a loopback address)
            found: str = json.load(answer)
            return found
    except (OSError, HTTPException, ValueError):
        return None
