"""What belongs together: one cause is one alert, however much it moves.

A signal that begins joins an alert that explains it: predictions whatever is the matter with the data, data and the
quality what began or grew a few windows ago at most. Of its own kind it joins one of the last windows, too, or, among
data, whose columns come from the same place. What is left of a kind begins an alert together, and takes in what it
explains of what began a few windows ago. Columns that came or stand elsewhere are an alert by themselves, and explain
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from delivery.monitoring.alerting.declared import KINDS, Declared, Kind

LAYOUT: Final = "layout"
"""In place of a signal's kind: a column that came or stands elsewhere. Of kind schema."""


@dataclass(frozen=True)
class Group:
    """Signals of one cause."""

    signals: frozenset[str]
    grown: int
    """The window in which it last grew."""
    took: tuple[int, ...] = ()
    """The groups of before, by their place, that it goes on from, the one whose name it keeps first."""

    @property
    def kind(self) -> Kind:
        """Of the cause."""
        return min((kind_of(each) for each in self.signals), key=KINDS.index)

    @property
    def layout(self) -> bool:
        return all(map(of_layout, self.signals))


def kind_of(signal: str) -> Kind:
    told = signal.partition(":")[0]
    return "schema" if told == LAYOUT else next(kind for kind in KINDS if kind == told)


def of_layout(signal: str) -> bool:
    return signal.startswith(f"{LAYOUT}:")


def column_of(signal: str) -> str:
    return signal.partition(":")[2]


def grouped(before: Sequence[Group], begun: frozenset[str], window: int, declared: Declared) -> list[Group]:
    """The groups after these signals began: those of before, some grown and some taken in, and new ones behind them."""
    groups = [replace(each, took=(place,)) for place, each in enumerate(before)]
    for kind, layout in (("schema", True), *((each, False) for each in KINDS)):
        fresh = {each for each in begun if kind_of(each) == kind and of_layout(each) == layout}
        for place, group in enumerate(groups):
            if joins := {each for each in fresh if _explains(group, each, window, declared)}:
                groups[place] = replace(group, signals=group.signals | joins, grown=window)
                fresh -= joins
        if fresh:
            groups.append(Group(frozenset(fresh), window))
            groups = _taken_in(groups, window, declared)
    return groups


def _taken_in(groups: list[Group], window: int, declared: Declared) -> list[Group]:
    """The last one, with those it explains that are as young: they were its first signs."""
    *others, cause = groups
    if cause.layout:
        return groups
    below = [
        each for each in others if KINDS.index(each.kind) > KINDS.index(cause.kind) and _recent(each, window, declared)
    ]
    for each in below:
        cause = replace(cause, signals=cause.signals | each.signals, took=cause.took + each.took)
    return [*(each for each in others if each not in below), cause]


def _explains(group: Group, signal: str, window: int, declared: Declared) -> bool:
    kind = kind_of(signal)
    if group.layout or of_layout(signal):
        return group.layout and of_layout(signal)
    if group.kind != kind:
        above = KINDS.index(group.kind) < KINDS.index(kind)
        return above and (kind == "prediction" or _recent(group, window, declared))
    if _recent(group, window, declared):
        return True
    source = declared.source(column_of(signal))
    places = {declared.source(column_of(each)) for each in group.signals if kind_of(each) == kind == "data"}
    return source is not None and places == {source}


def _recent(group: Group, window: int, declared: Declared) -> bool:
    return window - group.grown <= declared.together
