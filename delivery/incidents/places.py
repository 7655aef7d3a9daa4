"""Where evidence is: named by what AWS and the platform call it, and by nobody's name, number or birthday."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta

from delivery.registry.documents import IDENTIFYING, digest
from delivery.registry.harmless import MACHINES
from delivery.registry.objects import get, put_new
from delivery.registry.refused import Refused

PLACE: Final = r"^[A-Za-z0-9/][A-Za-z0-9._:/@+$\[\]#=-]{0,255}\Z"
Place = Annotated[str, Meta(pattern=PLACE)]
"""A bucket's object or prefix, a log group with its stream, an ARN, a path: no words."""
KINDS: Final = ("an e-mail address", "a record's number")
YEARS: Final = 1
"""For so long before this year's beginning a day is one of what happened."""
_MACHINES: Final = re.compile(
    "|".join(
        (
            r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",  # a UUID
            r"(?<![0-9a-f])[0-9a-f]{32,64}(?![0-9a-f])",  # a digest, or a stream of Lambda's
            r"(?<!\d)\d{12}(?!\d)",  # an account of AWS
            r"(?<!\d)20\d{6}T\d{4,6}Z?(?![\dA-Z])",  # when CloudTrail delivered
            r"(?<=-)(?=\d{0,6}[a-f])[0-9a-f]{7}(?![0-9A-Za-z])",  # what Pulumi ends a name with
            r"\As3://[a-z0-9.-]+-[0-9a-f]{7}(?=/|\Z)",  # a bucket's, which may be of digits alone
            *MACHINES,
        )
    )
)
_DAY: Final = re.compile(r"(?<!\d)(?P<year>\d{4})(?P<between>[-/]?)(?P<month>\d\d)(?P=between)(?P<day>\d\d)(?!\d)")
_DATED: Final = re.compile(r"(?<!\d)\d{4}[-/]\d\d[-/]\d\d(?!\d)")


PREFIX: Final = "evidence"
"""The part of the audit bucket for what is kept of incidents."""
LARGEST: Final = 100 << 20
"""Bytes of what is kept by `put`: it goes by one's own machine, and what is larger is copied within AWS."""


def put(s3: Any, bucket: str, incident: str, file: Path, today: date) -> dict[str, str | None]:
    """A copy in the audit bucket, which locks it; where it is, with its digest. Doing it again is nothing new.

    Raises Refused, also where another file of this name is kept.
    """
    name = f"{PREFIX}/{incident}/{file.name}"
    found = evidence(f"s3://{bucket}/{name}", file, today)
    raw = file.read_bytes()
    if len(raw) > LARGEST:
        raise Refused(f"{file} has {len(raw)} bytes, and no more than {LARGEST} are kept so. Copy it within AWS.")
    if not put_new(s3, bucket, name, raw) and get(s3, bucket, name) != raw:
        raise Refused(f"Another file is kept as {file.name}, and nothing takes its place. Give yours another name.")
    return found


def evidence(place: str, file: Path | None, today: date) -> dict[str, str | None]:
    """What was kept where, with the digest of its bytes where they are at hand. Raises Refused."""
    if not re.fullmatch(PLACE, place):
        raise Refused(
            "The place has a character that no place has, or more than 256: name a bucket with its prefix "
            "(s3://AUDIT/evidence/), a log group with its stream (/parapet-prod/mlflow-audit/STREAM), an ARN or a path."
        )
    for what in KINDS:
        if re.search(IDENTIFYING[what], place):
            raise _refused(what)
    rest = _DAY.sub(lambda found: "x" if _of_late(found, today) else found[0], _MACHINES.sub("x", place))
    if re.search(r"\d{6,}", rest):
        raise _refused("a number of six digits or more that is no account's of AWS and no machine's")
    if _DATED.search(rest):
        raise _refused("a day of long ago, or of none")
    try:
        found = digest(file.read_bytes()) if file else None
    except OSError as error:
        raise Refused(f"The evidence {file} cannot be read: {error.strerror}.") from None
    return {"place": place, "digest": found}


def _of_late(found: re.Match[str], today: date) -> bool:
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return False
    return today.year - YEARS <= day.year <= today.year + YEARS


def _refused(what: str) -> Refused:
    return Refused(
        f"The place has {what} in it, and the incident's record keeps it for years. Keep it under another name."
    )
