"""What a check of drift came to: the form that alerts, reports and the command's JSON share.

Nothing of anybody's record is in it: names of columns, counts and figures, and of categories none that the reference's
profile does not name.
"""

from typing import Final, Literal

from msgspec import Struct

ColumnKind = Literal["schema", "data", "prediction", "quality"]
Kind = Literal["none", "schema", "data", "prediction", "quality"]

JOINT: Final = "*"
"""In place of a column's name: all features together, or the window as a whole."""


class Column(Struct, frozen=True):
    """One statistic of one column. `drifted` holds where it is beyond its threshold, and enough rows say so."""

    name: str
    """The column's, or JOINT."""
    test: str
    """Which statistic, a word such as `ks` or `missing`."""
    kind: ColumnKind
    value: float | None
    """None where it is not defined: no rows, or a column that lacks."""
    threshold: float | None
    """The larger of what the reference's sampling noise reaches and what matters; None where it is only told."""
    p: float | None
    """Chance of a value as large without drift, adjusted for all that the check tests (Holm); None where only told."""
    rows: int
    """Rows of the window that it rests on."""
    drifted: bool
    cohort: str | None = None
    """COLUMN=VALUE of the part of the rows that it is of, a code that the reference has often enough; of what is no
    code `COLUMN (group 3)`, by size. None: all."""
    matters: bool = True
    """Whether it is of the size from which on it would matter, however many rows there were; of a check that did not
    say so, it may be."""


class Spread(Struct, frozen=True):
    """How the values of a column that drifted were spread, and are now, in rows of
    each cell. No cell has 1 to CELL - 1 rows
    of either side; what would have is put to its neighbour, or to the others."""

    name: str
    edges: list[float]
    """Between the cells of a number, of a profile's edges and so no values; one fewer than cells. A cell holds what is
    above the edge before it and not above its own."""
    categories: list[str]
    """The cells of a category: codes that the reference's profile would name, by how many rows have them, and OTHERS
    last, where it has any. Empty for a number."""
    reference: list[int]
    window: list[int]


OTHERS: Final = ""
"""In place of a category: all that are not named, of either side."""


class Check(Struct, frozen=True):
    """A window of rows held against a reference."""

    at: str
    """When it was checked, UTC, `2026-11-30T07:00:00Z`."""
    model: str
    """`NAME@VERSION`, or "" where files were compared."""
    reference: str
    """`sha256:...` of the reference's profile in its canonical form."""
    start: str | None
    """The first day that the window's rows tell of, its midnight as `at`; None where they tell of none. Days with fewer
    than CELL rows before them, or after, are not told, and no moment of a row is."""
    end: str | None
    """The last one, likewise."""
    rows: int
    enough: bool
    """Whether the window has as many rows as a judgement of its values needs. Without, only its schema was judged."""
    drifted: bool
    kind: Kind
    """The cause, where there are several: an earlier one explains a later one. schema, data, prediction, quality."""
    columns: dict[str, Column]
    """For each column the statistic that decides: of those that drifted the one by the smallest p, else the nearest."""
    alerts: list[str]
    """A sentence for each cause, for people."""
    tests: list[Column] = []
    """All statistics of all columns and cohorts."""
    notes: list[str] = []
    """What else should be known of the window: files given twice, moments in the future, columns that nobody tested."""
    spreads: list[Spread] = []
    """Of columns that drifted and are judged by their values; of the first DRAWN. Over all rows, cohorts or not."""
    reference_rows: int = 0
    """Of the reference; 0 in a check that did not say so."""
