"""The figures of figures.yaml, in the form in which random draws take them."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

HERE: Final = Path(__file__).parent
NOT_DRAWN: Final = ("assumed", "source")


@cache
def figures() -> dict[str, Any]:
    """All figures, by section, as figures.yaml has them."""
    return dict(yaml.safe_load((HERE / "figures.yaml").read_text()))


@dataclass(frozen=True)
class Choice:
    """Names to draw one of, with the share of each."""

    names: NDArray[np.object_]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, shares: Mapping[Any, Any]) -> "Choice":
        shares = {name: share for name, share in shares.items() if name not in NOT_DRAWN}
        weights = np.array(list(shares.values()), dtype=np.float64)
        return cls(np.array(list(shares), dtype=object), weights / weights.sum())

    def indices(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """`size` draws, as indices into `names`."""
        return np.searchsorted(np.cumsum(self.shares)[:-1], rng.random(size), side="right")

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.object_]:
        return self.names[self.indices(rng, size)]


@dataclass(frozen=True)
class Calendar:
    """The days in which stays begin, numbered from 0."""

    first: datetime.date
    days: int

    @classmethod
    def read(cls) -> "Calendar":
        calendar = figures()["calendar"]
        return cls(calendar["first_day"], (calendar["last_day"] - calendar["first_day"]).days + 1)

    def at(self, day: NDArray[np.int64], minute: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Moments, to the microsecond as the contract has them, of minutes of days."""
        start = np.datetime64(self.first.isoformat(), "us")
        moments: NDArray[np.datetime64] = start + (day * 1440 + minute) * np.timedelta64(60_000_000, "us")
        return moments
