"""Which window a check looks at. Windows of a version stand one after the other: each row is in one of them and no
more, however late its check comes, and however late the row.

A row is of the window in which it was asked for and its file had come, by S3's clock: of one that a server held back,
of the window in which it gave it away.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from delivery.monitoring.alerting.declared import GATHERED
from delivery.monitoring.timeliness import SKEW

DAY: Final = timedelta(days=1)
HELD: Final = timedelta(minutes=10)
"""How long before a check its window ends at the latest: servers hold rows for a minute, and S3's clock is another.
Files that come in the first half of it are of the window, so that all of them are there when the check looks."""
GRAIN: Final = timedelta(hours=1)
"""Windows end at whole ones: of two whose ends lie near each other the difference would tell of a few rows."""
REACH: Final = timedelta(days=7)
"""How far back a window begins at most, where the checks before it did not come."""
FEW: Final = timedelta(days=GATHERED)
"""The same, where the windows before it had too few rows."""
NEW: Final = 0.75
"""The share of a window, or of a day where that is shorter, that must have gone by since the last one's end: else it is
no other window that says the same."""
LATE: Final = timedelta(days=3)
"""How late a file comes at most: what a server has held for longer is not looked for."""
FILES: Final = 150_000
"""Of the log, that one look opens, the newest: two servers that write one a minute have 130,000 in 45 days
(`bench.daily_files`)."""
LISTED: Final = 1_000_000
"""Names that are looked through for these, a thousand at a time: some minutes of S3's."""
TOLD: Final = 3
"""Of files that are left out so many are told of one by one."""


def ending(now: datetime, window: timedelta) -> datetime:
    """The end of a window that is looked at now; of one that is shorter than a day, nearer by as much."""
    grain = min(GRAIN, max(window / 24, timedelta(seconds=1)))
    at = now - _held(window)
    return at - (at - datetime.fromtimestamp(0, UTC)) % grain


def early(until: datetime, end: datetime, window: timedelta) -> bool:
    """Whether it would hold hardly anything that the one that ended then had not."""
    return end < free(until, window)


def free(until: datetime, window: timedelta) -> datetime:
    """From when on one may end, after one that ended then."""
    return until + NEW * min(window, DAY)


def _held(window: timedelta) -> timedelta:
    return min(HELD, window / 60)


@dataclass
class Span:
    """From a moment on and before another, and what was seen on the way."""

    start: datetime
    end: datetime
    now: datetime
    lag: timedelta = timedelta()
    """How long after its end a file is still of it."""
    files: int = 0
    room: int = field(default_factory=lambda: FILES)
    """How many files of the log may still be opened."""
    listed: int = 0
    """Names of the log that were looked through."""
    later: int = 0
    """Rows of a time that has not come."""
    later_files: int = 0
    """Files likewise, which were not opened."""
    older: int = 0
    """Rows of before it, whose files came in it."""
    unread: int = 0
    """Files that are not as they must be."""
    notes: list[str] = field(default_factory=list)

    @classmethod
    def after(
        cls,
        until: datetime | None,
        end: datetime,
        window: timedelta,
        now: datetime | None = None,
        gathers: datetime | None = None,
    ) -> "Span":
        """What follows on the window that ended at `until`, if one did; and takes the place of those from `gathers` on,
        which had too few rows. One that is shorter than a day is for trying, and goes no further back than its
        length."""
        reach = max(window, FEW if gathers else REACH) if window >= DAY else window
        start = max(gathers or until, end - reach) if until else end - window
        lag = timedelta(seconds=_held(window) // timedelta(seconds=2))
        made = cls(start, end, now or end, lag)
        if until and until < start and window >= DAY:
            made.notes.append(f"From {until:%Y-%m-%d %H:%M} to {start:%Y-%m-%d %H:%M} nothing was looked at.")
        return made

    def may_hold(self, modified: datetime) -> bool:
        """Whether a file that came then can have rows of it."""
        return self.start - self.lag <= modified < self.end + self.lag

    def came_in(self, modified: datetime) -> bool:
        """Whether no window before it had the file."""
        return self.start + self.lag <= modified < self.end + self.lag

    def leave(self, which: str, why: str) -> None:
        """Goes on without a file. Nothing in either text is of anybody's making but the program's."""
        self.unread += 1
        if self.unread <= TOLD:
            self.notes.append(f"{which} is left out: {why}.")

    def aside(self) -> "Span":
        """For files that are read beside its own: what cannot be read of them was told in their own windows."""
        return Span(self.start, self.end, self.now)

    def in_part(self, which: str, why: str) -> None:
        """The same, without some of its rows."""
        self.unread += 1
        if self.unread <= TOLD:
            self.notes.append(f"{which} is left out in part: {why}.")

    def other(self, rows: int) -> None:
        """Rows of the log that are there more than once, and are not the same."""
        if rows:
            self.unread += 1
            self.notes.append(
                f"{rows:,} rows are in the log more than once with other values, which no server writes that writes "
                "again: those count whose file came first. Who put the others?"
            )

    def told(self) -> list[str]:
        """What else should be known of it."""
        found = list(self.notes)
        if self.unread > TOLD:
            found.append(f"{self.unread:,} files are left out in all, or in part.")
        if self.later or self.later_files:
            found.append(
                f"{self.later:,} rows and {self.later_files:,} files of the log are of a time that has not come, and "
                "are not looked at: a server's clock may be wrong."
            )
        if self.older:
            found.append(f"{self.older:,} rows were written late: they are of a time before the window.")
        return found


def ahead(begun: datetime, moment: datetime) -> bool:
    """Whether it lies later than that, by more than two clocks may differ."""
    return begun > moment + SKEW
