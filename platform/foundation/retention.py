"""How long records are kept, and why."""

from typing import Final

AUDIT_YEARS: Final = 6
"""The least number of years that an audit record is kept: 45 CFR 164.316(b)(2)(i), six years from its creation."""

LOG_DAYS: Final = (365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The retention periods of a year or more that CloudWatch Logs knows (API reference, PutRetentionPolicy), in days."""
