"""What of a noise is taken. It comes with the model, by whoever registers that, and no gate and no approval is of it:
so a statistic of which it says more than alerting.yaml allows is judged as if nothing were known of its days."""

from collections import Counter
from collections.abc import Collection, Iterator
from math import isfinite
from typing import Final

from msgspec import structs

from delivery.monitoring.alerting.declared import Declared
from delivery.monitoring.alerting.noise import Noise, Signal
from delivery.monitoring.found import JOINT
from delivery.registry.deaf import MADE

TOLD: Final = 5
"""Findings that a note names."""


def bounded(noise: Noise, columns: Collection[str], declared: Declared) -> tuple[Noise, list[str]]:
    """The noise without what is not taken of it, and a note of that, for people. `columns` are the profile's: no other
    one's name is told."""
    keys = Counter(_key(each) for each in noise.signals)
    amiss = [_amiss(each, keys[_key(each)], columns, declared) for each in noise.signals]
    wrong = [f"signals[{place}]{why}" for place, why in enumerate(amiss) if why]
    if not wrong:
        return noise, []
    more = f" and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
    taken = [each for each, why in zip(noise.signals, amiss, strict=True) if not why]
    return structs.replace(noise, signals=taken), [
        f"The noise that came with the model is not taken of {len(wrong)} of {len(amiss)} statistics, by what "
        f"alerting.yaml allows: {'; '.join(wrong[:TOLD])}{more}. They are judged by chance alone. Who registered it?"
    ]


def _key(signal: Signal) -> tuple[str, str, str | None]:
    return signal.name, signal.test, signal.cohort


def _amiss(signal: Signal, times: int, columns: Collection[str], declared: Declared) -> str:
    """What is wrong with it, by its field; empty where nothing is. It is there so many `times`."""
    if times > 1:
        return f" is there {times} times"
    return next((f".{each}" for each in _wrong(signal, columns, declared)), "")


def _wrong(signal: Signal, columns: Collection[str], declared: Declared) -> Iterator[str]:
    most, fewest, fewest_rows = declared.noise, declared.fewest_windows, declared.fewest_rows
    if signal.name != JOINT and signal.name not in columns:
        yield "name is no column of the profile"
    if signal.test not in MADE:
        yield f"test is none that a check by a profile makes: {', '.join(MADE)}"
    if signal.cohort is not None:
        yield "cohort is given, and a check by a profile has none"
    if signal.windows < fewest:
        yield f"windows is {signal.windows}, and must be {fewest} at least"
    if not isfinite(signal.rows) or signal.rows < fewest_rows / 2:
        yield f"rows is {signal.rows:.4g}, and must be {fewest_rows / 2:g} at least"
    told = (
        ("spread", [signal.spread], most.spread),
        ("level", [signal.level], most.level),
        ("weekdays", signal.weekdays, most.calendar),
        ("season", signal.season, most.calendar),
    )
    for field, values, bound in told:
        if over := [each for each in values if not isfinite(each) or abs(each) > bound]:
            yield f"{field} is {over[0]:.4g}, and may be {bound:g} at most"
    if len(signal.season) not in (0, 6):
        yield f"season has {len(signal.season)} waves, and must have 6 or none"
