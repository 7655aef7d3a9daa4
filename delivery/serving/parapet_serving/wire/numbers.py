"""A tensor's numbers in JSON, read into an array without an object of Python for each.

That is done by simdjson, which takes what RFC 8259 has as numbers and nothing else. What no 64 bits hold it leaves to
who looks closely, as is done here with whatever is no flat list of numbers and nulls.
"""

import re
from typing import Any, Final

import numpy as np
import simdjson
from numpy.typing import NDArray

DATA: Final = re.compile(rb'"data"[ \t\n\r]*:[ \t\n\r]*\[')
NULL, MISSING = b"null", b"-1e308"
"""What stands for null while they are read. A digit behind it makes a number that there is not, as `null1` is none; and
who sends that one himself is told by how many there are."""


class Numbers:
    """Of one thread."""

    def __init__(self) -> None:
        self._parser: Final = simdjson.Parser()

    def parted(self, body: bytes) -> tuple[bytes, NDArray[np.float64] | None]:
        """The JSON with an empty list in the place of the one of the name `data`, and that one's numbers, NaN for null;
        the whole JSON and None where there is none such, or not one alone, or something else in it.

        The first is the same document but for that list, wherever the whole is a document: a `"` within a text is
        escaped, so that what is found is the name of something, all of it or its end.
        """
        if (found := DATA.search(body)) is None:
            return body, None
        begin = found.end() - 1
        end = body.find(b"]", begin) + 1
        if body.find(b'"data"', end) >= 0:  # one for each field, which is another way
            return body, None
        if (values := self._values(body[begin:end])) is None:
            return body, None
        return b"%b[]%b" % (body[:begin], body[end:]), values

    def _values(self, told: bytes) -> NDArray[np.float64] | None:
        nulls = 0
        if b"n" in told:  # a letter is looked for in a twentieth of the time
            nulls, told = told.count(b"n"), told.replace(NULL, MISSING)
        try:
            listed: Any = self._parser.parse(told)
            values = np.frombuffer(listed.as_buffer(of_type="d"))
        except (ValueError, TypeError, RuntimeError):  # the last for an integer that is too long
            return None
        if nulls:
            missing = values == float(MISSING)
            if np.count_nonzero(missing) != nulls:
                return None
            values = np.where(missing, np.nan, values)
        return values
