"""What a gate found, before it is held against its bound."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KEYS_TOLD: Final = 10
NAN: Final = float("nan")


@dataclass(frozen=True)
class Measured:
    """A value that counts, NaN where it could not be had; with the rows it is of, or that failed."""

    value: float
    rows: int
    point: float | None = None
    low: float | None = None
    high: float | None = None
    keys: tuple[str, ...] = ()
    """Keyed hashes of the first records that failed."""
    says: str = ""


def unmeasured(says: str, rows: int = 0, keys: tuple[str, ...] = ()) -> Measured:
    return Measured(NAN, rows, keys=keys, says=says)


def first(keys: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(key) for key in np.sort(keys)[:KEYS_TOLD])
