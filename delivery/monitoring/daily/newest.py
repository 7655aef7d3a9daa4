"""The newest report of a model's daily check, for whoever an alert points there."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3

from delivery.monitoring.daily.places import PATIENCE, Listed, Place
from delivery.monitoring.found import Check
from delivery.monitoring.timeliness import SKEW
from delivery.registry.documents import NAME, moment, read
from delivery.registry.refused import Refused

BUCKET: Final = "PARAPET_ARTIFACTS_BUCKET"
REPORT: Final = re.compile(r"date=(\d{4}-\d\d-\d\d)/check-(\d{6})\.json", re.ASCII)
LARGEST: Final = 64 << 20
WRITTEN: Final = timedelta(days=1)
"""After the moment in its name, which is the end of its window, a check writes its report within that at the latest."""


def newest(model: str, variables: Mapping[str, str] = os.environ, s3: Any = None) -> tuple[str, Check]:
    """Where it is, and the report. Raises Refused.

    One that was put there long before or after the time in its name is no check's, and passed over: of the year 9999 it
    would be the newest for good.
    """
    if not re.fullmatch(NAME, model):
        raise Refused(f"No model is called {model!r}: `./parapet model list` has their names.")
    if not (bucket := variables.get(BUCKET)):
        raise Refused(
            f"{BUCKET} is not set: it is the stack's output buckets.artifacts (runbooks/README.md). On the local stack "
            "`./parapet env --credentials` exports it."
        )
    place = Place(s3 or boto3.client("s3", config=PATIENCE), f"s3://{bucket}/reports/model={model}")
    # A day and a time in a name are in the order of time.
    names = [each.name for each in place.list("date=") if _of_a_check(each)]
    if not names:
        raise Refused(f"{place.told}/ has no report: no check of {model} came so far as to write one (docs/alerts.md).")
    where = f"{place.told}/{names[-1]}"
    found = place.get(names[-1], LARGEST)
    if found is None:
        raise Refused(f"{where} is not there any more: ask once more.")
    return where, read(found.raw, Check, where)


def age(report: Check, now: datetime) -> str:
    """For people, of its window's end: checks may have ended long ago, or not come so far as to write one."""
    end = moment(report.end or report.at)
    hours = max(0, round((now - end) / timedelta(hours=1)))
    return f"Its window ended {hours} hours ago, at {end:%Y-%m-%d %H:%M} UTC."


def _of_a_check(listed: Listed) -> bool:
    if not (found := REPORT.fullmatch(listed.name)):
        return False
    try:
        end = datetime.strptime("".join(found.groups()), "%Y-%m-%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return listed.modified - WRITTEN <= end <= listed.modified + SKEW
