"""A day's weekday and time of the year, as numbers that a line is drawn through."""

from datetime import date, timedelta
from functools import cache
from math import cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

YEAR: Final = 365.25
"""Days."""
WAVES: Final = 3
"""A year's, half a year's and a third's: a distance from a year's mean is large at both ends of a season."""
SPAN: Final = 300
"""Days that the reference's windows must span, before a time of the year can be told from anything else."""
WEEK: Final = 7

Numbers = NDArray[np.float64]


def weekdays(day: date) -> Numbers:
    """(7,): 1 for the day's own."""
    return np.eye(7)[day.weekday()]


@cache
def season(day: date) -> Numbers:
    """(6,): sines and cosines of the time of the year."""
    turn = 2 * pi * day.timetuple().tm_yday / YEAR
    return np.array([wave(each * turn) for each in range(1, WAVES + 1) for wave in (sin, cos)])


@cache
def seasons_near(day: date, days: int) -> Numbers:
    """(n, 6): of the day and of each week's step to so many days before and after."""
    return np.array([season(day + timedelta(days=each)) for each in range(-days, days + 1, WEEK)])
