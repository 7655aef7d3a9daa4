"""What a check's window is to alerts: when it was, and which of its figures count."""

from datetime import date, datetime, timedelta
from typing import Final

from delivery.monitoring.found import Check, Column
from delivery.registry.documents import moment

HALF_A_DAY: Final = timedelta(hours=12)
LAYOUT_TESTS: Final = ("new_column", "order")
"""What is other about a file's columns and nothing to a model, which reads its own by name."""


def tested(check: Check) -> list[Column]:
    """The statistics that are a matter of chance, and decide; what the check tells only is left out."""
    return [each for each in check.tests or check.columns.values() if each.p is not None]


def broken(check: Check) -> list[Column]:
    """What is no matter of chance: a column that came or lacks, of another name, place, type or unit."""
    return [
        each
        for each in check.tests or check.columns.values()
        if each.p is None and each.kind == "schema" and each.drifted
    ]


def end_of(check: Check) -> datetime:
    """The window's end, or when it was checked where its rows tell of no moment, or of one that was still to come."""
    at = moment(check.at)
    return min(moment(check.end), at) if check.end else at


def day_of(check: Check) -> date:
    """The window's last, of which it holds the greater part: one that ends at three in the night is of the day before.
    A file that tells of one day alone ends with that day's midnight, as it begins."""
    end = end_of(check)
    return (end if check.start == check.end else end - HALF_A_DAY).date()
