"""What a column is: its type in a word, and how it is judged."""

import re
from typing import Final

from ibis.expr.datatypes import DataType

from delivery.monitoring.profile import Type
from delivery.registry.hearing import CODE

KEY_NAME: Final = re.compile(
    r"(^|_)(id|ids|key|uuid|guid|mrn|hash|number|no|nr|index|idx|row|seq|sequence|patient|person|subject|member"
    r"|encounter|account|name|email|phone|ssn)$|^unnamed: ?0$"
)
"""Names of columns that say which, and not how much."""
MOMENT_NAME: Final = re.compile(r"(^|_)(epoch|timestamp|ts|unix|unixtime|datetime|date|yyyymmdd)(_m?s|_ns)?$|^year$")
"""Names of numbers that tell the time."""
WHOSE_NAME: Final = re.compile(
    r"(^|_)((sur|fore|given|family|first|last|maiden|middle|full|patient|person|user)_?names?|initials|patient|person|mrn"
    r"|ssn|e_?mail|phone|mobile|fax|street|address|addr|city|town|zip(_?code|_?[459])?|post(al)?_?code|plz|url|ip)$"
    r"|^names?$"
)
"""Names of columns that say who somebody is or where they live (45 CFR 164.514(b)(2)(i)). Three digits of a ZIP code do
not."""
LIFE_NAME: Final = re.compile(r"birth|(^|_)(born|dob|bdate|death|died|deceased|dod|geboren)(_|$)")
"""Names of days that are of a person's life, and not of the row's."""
MOMENT: Final = r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ][0-9]{1,2}:[0-9]{2}.*)?$"
"""A text that is a date."""
SINCE_1970: Final = (946_684_800, 2_051_222_400)
"""Seconds from 1970 to the years 2000 and 2035."""


def type_of(kind: DataType) -> Type:
    """An Ibis type in a word; how wide a number is does not matter."""
    tests: list[tuple[bool, Type]] = [
        (kind.is_boolean(), "boolean"),
        (kind.is_integer(), "integer"),
        (kind.is_floating() or kind.is_decimal(), "float"),
        (kind.is_string(), "text"),
        (kind.is_date(), "date"),
        (kind.is_timestamp(), "moment"),
        (kind.is_null(), "empty"),
    ]
    return next((name for holds, name in tests if holds), "other")


def is_key_name(name: str) -> bool:
    return bool(KEY_NAME.search(name.casefold()))


def says_who(name: str) -> bool:
    return bool(WHOSE_NAME.search(name.casefold())) or tells_of_a_life(name)


def is_code(value: str) -> bool:
    return bool(CODE.fullmatch(value))


def tells_of_a_life(name: str) -> bool:
    return bool(LIFE_NAME.search(name.casefold()))


def tells_time(name: str, least: float, most: float, different: int, rows: int) -> bool:
    """Whether whole numbers are moments: by the column's name, or as seconds or parts of them since 1970."""
    if MOMENT_NAME.search(name.casefold()):
        return True
    scales = (1, 1_000, 1_000_000, 1_000_000_000)
    return 2 * different > rows and any(
        SINCE_1970[0] * scale <= least and most <= SINCE_1970[1] * scale for scale in scales
    )
