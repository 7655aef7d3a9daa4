"""A real browser before MLflow's page: what it asked for, what it was refused, what it complained of, what it shows."""

import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, Response, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
QUIET = 0.3
"""Seconds without a request after which a page that shows what it is for is taken to be whole."""
PATIENCE = 60
"""Seconds within which it shows that."""
BROWSERS_OWN = ("Failed to load resource", "ResizeObserver loop")
"""What the browser says by itself: a request failed, which its answer tells better, or a chart was drawn twice."""


def program() -> str | None:
    """The browser of this machine, where there is one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


NEEDED = pytest.mark.skipif(not program(), reason=f"there is no browser here: none of {', '.join(PROGRAMS)}")
"""Of a test that opens one. .ci/run installs one."""


class Refused(NamedTuple):
    """An answer of 400 or more to what was asked on a page."""

    place: str
    status: int
    method: str
    path: str


@dataclass
class Viewer:
    """One user's browser, and what it met since it was opened."""

    page: Page
    url: str
    place: str = ""
    refused: list[Refused] = field(default_factory=list)
    complaints: list[tuple[str, str]] = field(default_factory=list)
    """Of a page: errors of its console, and what no part of it caught."""
    lacking: list[tuple[str, str, str]] = field(default_factory=list)
    """Of a page: what was not to be read on it, and what was."""
    _waiting: dict[Request, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("requestfinished", self._ended)
        self.page.on("requestfailed", self._ended)
        self.page.on("response", self._answered)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._complained(str(error)))

    def open(self, place: str, *words: str) -> None:
        """A page such as `/models`, until it shows these words and asks for nothing more."""
        self.place = place
        self.page.goto(f"{self.url}/#{place}")
        self.shows(*words)

    def shows(self, *words: str) -> None:
        limit, quiet = time.monotonic() + PATIENCE, 0.0
        while quiet < QUIET:
            self.page.wait_for_timeout(100)
            text = self.page.inner_text("body")
            missing = [word for word in words if word not in text]
            quiet = 0.0 if self._waiting or missing else quiet + 0.1
            if time.monotonic() > limit:
                self.lacking.append(
                    (self.place, ", ".join(missing) or f"waits for {list(self._waiting)}", text[-2000:])
                )
                return

    def _asked(self, request: Request) -> None:
        # Not the files of a worker, whose end is not told.
        if not request.url.endswith(".worker.js"):
            self._waiting[request] = self.place

    def _ended(self, request: Request) -> None:
        self._waiting.pop(request, None)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            path = urlsplit(response.url).path
            self.refused.append(Refused(self._waiting.get(request, self.place), response.status, request.method, path))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complained(message.text)

    def _complained(self, text: str) -> None:
        if not any(own in text for own in BROWSERS_OWN):
            self.complaints.append((self.place, text))


@contextmanager
def opened(url: str, **how: Any) -> Iterator[Viewer]:
    """A browser with nothing in it, that reaches this machine alone."""
    with sync_playwright() as driver:
        # Without the sandbox of a user namespace, which root in a container has not; the one page is our own.
        browser = driver.chromium.launch(
            executable_path=program(),
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        try:
            yield Viewer(browser.new_context(**how).new_page(), url)
        finally:
            browser.close()


def signed_in(url: str, who: tuple[str, str]) -> AbstractContextManager[Viewer]:
    """By password, as the browser's own form asks for it."""
    return opened(url, http_credentials={"username": who[0], "password": who[1]})
