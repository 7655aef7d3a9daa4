"""What an alert says, in a sentence: which columns, where from, and what has moved with them. No value of anybody."""

from collections.abc import Collection, Sequence
from typing import Final

from delivery.monitoring.alerting.causes import LAYOUT, column_of, kind_of, of_layout
from delivery.monitoring.alerting.declared import KINDS, Declared, Kind
from delivery.monitoring.found import JOINT

UNNAMED: Final = "(not of the reference)"
"""In place of a column that the reference lacks: in a file without a header, the first row's values are the names."""
NAMED: Final = 5
"""Columns that a sentence names; the others are counted."""
WHAT: Final[dict[Kind, str]] = {
    "schema": "the schema is broken",
    "data": "the data have drifted",
    "prediction": "the predictions have drifted",
    "quality": "the quality has fallen",
}


def moves(signals: Collection[str]) -> list[Kind]:
    """The kinds that have moved, what explains before what is explained."""
    there = {kind_of(each) for each in signals}
    return [kind for kind in KINDS if kind in there]


def columns(signals: Collection[str]) -> list[str]:
    return sorted({column_of(each) for each in signals})


def cause(signals: Collection[str], declared: Declared) -> str:
    """Where what has moved first comes from: a source, if that is one, or the kind alone."""
    kind = moves(signals)[0]
    if kind != "data":
        return LAYOUT if all(map(of_layout, signals)) else kind
    places = {declared.source(column_of(each)) for each in signals if kind_of(each) == "data"}
    (place,) = places if len(places) == 1 else (None,)
    return place or "several sources"


def summary(model: str, signals: Collection[str], where: str, began: str, windows: int, unheard: int) -> str:
    """`unheard` are the windows since nothing was heard of any of it, 0 where that is no matter."""
    kinds = moves(signals)
    first = columns([each for each in signals if kind_of(each) == kinds[0]])
    also = [WHAT[kind] for kind in kinds[1:]]
    what = "there are other columns, or columns in another place:" if where == LAYOUT else f"{WHAT[kinds[0]]} in"
    told = f"{model}: {what} {_listed(first)}"
    told += f", of {where}" if where not in (*KINDS, LAYOUT) else ""
    told += f"; with it, {' and '.join(also)}" if also else ""
    told += f". Since {began}, {windows} window{'s' if windows > 1 else ''}."
    return f"{told} Not judged in the last {unheard} windows: its figures do not come." if unheard else told


def _listed(names: Sequence[str]) -> str:
    told = ["all features together" if name == JOINT else name for name in names[:NAMED]]
    more = len(names) - NAMED
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")
