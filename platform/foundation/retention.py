"""How long records are kept, and why."""

from typing import Final

AUDIT_YEARS: Final = 6
"""The least number of years that an audit record is kept: 45 CFR 164.316(b)(2)(i), six years from its creation."""

LOG_DAYS: Final = (365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The retention periods of a year or more that CloudWatch Logs knows (API reference, PutRetentionPolicy), in days."""

UNDO_DAYS: Final = 90
"""For how many days what was deleted or overwritten in a bucket can be brought back."""

FOR_EVER: Final = 0
"""The retention period of a log group whose events never expire."""


def audit_log_days(years: int) -> int:
    """The shortest retention period of a log group that keeps an audit record for these years, leap days included."""
    days = years * 365 + (years + 3) // 4
    return next((offered for offered in LOG_DAYS if offered >= days), FOR_EVER)
