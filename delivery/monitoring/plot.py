"""Where the bars of a distribution stand, for the page's template: lengths in units of the drawing, shares of rows."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from delivery.monitoring.found import OTHERS, Spread

WIDTH: Final = 640
LEFT: Final = 48
"""Of a number: where its percentages stand. Of a category, NAMES."""
NAMES: Final = 190
RIGHT: Final = 10
TOP: Final = 26
"""Below the legend."""
HIGH: Final = 180
"""Of a number's bars."""
LOW: Final = 34
"""Of the line of edges below them, or of percentages."""
ROW: Final = 32
"""Of a category's two bars."""
LABELS: Final = 8
"""Edges that are written below the bars; each is in the table."""
LETTERS: Final = 24
"""Of a category's name that fit beside its bars; the whole is in the table."""


@dataclass(frozen=True)
class Cell:
    """A range of values, or a category."""

    label: str
    reference: int
    window: int
    before: float
    """Share of the reference's rows."""
    now: float

    @property
    def moved(self) -> float:
        return self.now - self.before


@dataclass(frozen=True)
class Bar:
    """Of the reference, or of the window."""

    side: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """A text beside an axis, and whether a line of the grid goes with it."""

    text: str
    x: float
    y: float
    line: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Plot:
    """A column's drawing, and the table that says the same."""

    name: str
    number: bool
    height: float
    bars: list[Bar]
    values: list[Mark]
    """Of the axis of values: edges, or names."""
    shares: list[Mark]
    cells: list[Cell]

    @property
    def says(self) -> str:
        """The drawing in words."""
        most = max(self.cells, key=lambda cell: abs(cell.moved))
        what = "ranges of values" if self.number else "categories"
        return (
            f"{len(self.cells)} {what}. The largest difference: {most.label}, {most.before:.1%} of the reference's rows"
            f" and {most.now:.1%} of the window's."
        )


def plotted(spread: Spread) -> Plot:
    """A histogram over ranges of one width each, since they have about as many rows of the reference; or a row of two
    bars for each category."""
    cells = _cells(spread)
    most = _above(max(share for cell in cells for share in (cell.before, cell.now)))
    return _upright(spread, cells, most) if not spread.categories else _lying(spread, cells, most)


def _cells(spread: Spread) -> list[Cell]:
    labels = [name if name != OTHERS else "(all others)" for name in spread.categories] or _ranges(spread.edges)
    a, b = (max(sum(rows), 1) for rows in (spread.reference, spread.window))
    rows = zip(labels, spread.reference, spread.window, strict=True)
    return [Cell(label, one, other, one / a, other / b) for label, one, other in rows]


def _ranges(edges: list[float]) -> list[str]:
    told = [f"{edge:.6g}" for edge in edges]
    between = [f"above {low}, up to {high}" for low, high in pairwise(told)]
    return [f"up to {told[0]}", *between, f"above {told[-1]}"]


def _above(share: float) -> float:
    """A round share that is not below this one."""
    step = next(each for each in (0.02, 0.05, 0.1, 0.2) if share <= 5 * each or each == 0.2)
    return min(max(math.ceil(share / step - 1e-9), 1) * step, 1.0)


def _upright(spread: Spread, cells: list[Cell], most: float) -> Plot:
    wide = (WIDTH - LEFT - RIGHT) / len(cells)
    bars = [
        Bar(side, LEFT + wide * (at + start), TOP + HIGH * (1 - share / most), wide * 0.42, HIGH * share / most)
        for at, cell in enumerate(cells)
        for side, share, start in (("reference", cell.before, 0.06), ("window", cell.now, 0.52))
    ]
    every = math.ceil(len(spread.edges) / LABELS)
    values = [
        Mark(f"{edge:.4g}", LEFT + wide * (at + 1), TOP + HIGH + 16)
        for at, edge in enumerate(spread.edges)
        if at % every == 0
    ]
    shares = [
        Mark(f"{share:.0%}", LEFT - 6, y + 4, (LEFT, y, WIDTH - RIGHT, y))
        for share in (0.0, most / 2, most)
        for y in (TOP + HIGH * (1 - share / most),)
    ]
    return Plot(spread.name, True, TOP + HIGH + LOW, bars, values, shares, cells)


def _lying(spread: Spread, cells: list[Cell], most: float) -> Plot:
    long = WIDTH - NAMES - RIGHT - 20
    bars = [
        Bar(side, NAMES, TOP + ROW * at + start, long * share / most, ROW * 0.36)
        for at, cell in enumerate(cells)
        for side, share, start in (("reference", cell.before, 4), ("window", cell.now, 4 + ROW * 0.38))
    ]
    bottom = TOP + ROW * len(cells)
    values = [Mark(_short(cell.label), NAMES - 8, TOP + ROW * (at + 0.5) + 4) for at, cell in enumerate(cells)]
    shares = [
        Mark(f"{share:.0%}", x, bottom + 18, (x, TOP, x, bottom + 4))
        for share in (0.0, most / 2, most)
        for x in (NAMES + long * share / most,)
    ]
    return Plot(spread.name, False, bottom + LOW, bars, values, shares, cells)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
