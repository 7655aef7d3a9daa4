"""Words with digits that name machines, versions, tickets and days, and no person: who looks for people leaves them
out, since what happened at night cannot be told without."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

MACHINES: Final = (
    r"(?<![\w-])(?:ami|eni|i|sg|snap|subnet|vol|vpc)-[0-9a-f]{8}(?:[0-9a-f]{9})?(?!\w)",
    r"\bip-(?:10|172|192)(?:-\d{1,3}){3}\b",
)
"""Resources of EC2, and nodes by their private address."""
VERSIONS: Final = (r"(?<![\d.-])\d{1,3}\.\d{1,3}\.\d(?![\d.])",)
"""Of programs: the year of a date has two digits or four."""
TICKETS: Final = (r"\b(?:CHG|CS|CTASK|INC|PRB|REQ|RITM|SCTASK|TASK)\d{5,8}\b",)
"""ServiceNow's tables, by their own prefixes."""
NAMELESS: Final = re.compile("|".join((*MACHINES, *VERSIONS, *TICKETS)))
_DAYS: Final = (
    (re.compile(r"\b(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?(?![\d-])"), "%Y-%m-%d"),
    (re.compile(r"\b(\d{1,2} [A-Z][a-z]+ \d{4})\b"), "%d %B %Y"),
    (re.compile(r"\b([A-Z][a-z]+ \d{1,2}, \d{4})\b"), "%B %d, %Y"),
)
_OF_SOMEBODY: Final = re.compile(
    r"(?i:\b(?:patient|admi(?:tted|ssion)|discharged?|born|birth|died|death|dob|visit|s?he|her|his)\b)"
)


def without(text: str, since: date | None = None) -> str:
    """The text with each of these in one letter's place; and days from `since` on, where that is given and nothing in
    the text tells of a person: those of what happened are nobody's birthday."""
    text = NAMELESS.sub("x", text)
    return text if since is None or _OF_SOMEBODY.search(text) else _without_days(text, since, _DAYS)


def _without_days(text: str, since: date, forms: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, form in forms:
        text = pattern.sub(lambda found, form=form: "x" if _is_since(found[1], form, since) else found[0], text)
    return text


def _is_since(text: str, form: str, since: date) -> bool:
    try:
        return datetime.strptime(text, form).date() >= since
    except ValueError:
        return False
