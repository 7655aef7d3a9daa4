"""A check of drift as a page for people: one file that asks for nothing, of what the check itself tells and no more.

What a column or a group is called stays text: the template is escaped by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from delivery.monitoring.found import JOINT, Check, Column
from delivery.monitoring.limits import ALPHA, CELL, DRAWN, ROWS
from delivery.monitoring.plot import plotted
from delivery.registry.refused import Refused

KINDS: Final = {
    "schema": "The columns are other",
    "data": "What comes in is other",
    "prediction": "What the model answers is other",
    "quality": "The model is right less often, or says so wrongly",
}
"""What the kind of a drift says."""
TESTS: Final = {
    "missing_column": "the column is missing",
    "new_column": "the reference has no such column",
    "renamed": "the column has another name",
    "type": "its values are of another type",
    "order": "it is in another place",
    "units": "its values seem to be in another unit; by which factor",
    "new_categories": "share of rows in categories that the reference lacks",
    "missing": "how much more, or less, often a value is missing",
    "infinite": "share of infinite values, more than before",
    "outliers": "share of values far out, more than before",
    "ks": "largest distance of the two distribution functions",
    "mann_whitney": "how far from a half the chance is that the window's value is the higher",
    "psi": "population stability index over ten bins, or categories",
    "chi_squared": "Pearson's chi-squared of bins or categories",
    "jensen_shannon": "Jensen and Shannon's distance",
    "wasserstein": "Wasserstein's distance, in standard deviations of the reference",
    "total_variation": "share of rows that changed their category",
    "correlation": "the largest change of its correlation with another column",
    "domain_classifier": "how well a classifier tells the window's rows from the reference's, above a half",
    "age_hours": "hours since the end of the last day that is told",
    "auroc": "AUROC of the window",
    "auroc_drop": "by how much the AUROC fell",
    "auroc_expected": "AUROC to expect, before labels come",
    "accuracy": "accuracy of the window",
    "accuracy_drop": "by how much the accuracy fell",
    "accuracy_expected": "accuracy to expect, before labels come",
    "brier": "Brier score of the window",
    "brier_rise": "by how much the Brier score rose",
    "mean_absolute_error": "mean absolute error of the window",
    "mean_absolute_error_rise": "by how much the mean absolute error rose",
    "calibration": "by how much the gap of what was foreseen and what came moved",
    "ece": "expected calibration error of the window",
}
"""A line for each test; `delivery/monitoring/README.md` has its definition."""
BINNED: Final = "_binned"
FEW_TESTS: Final = 60
"""Up to which the table of all tests is open."""
OF_COLUMNS: Final = ("missing_column", "new_column", "renamed", "type")
"""Tests of which a column's values are not compared."""


@dataclass(frozen=True)
class Group:
    """A cohort's tests in a line."""

    name: str
    tests: int
    drifted: list[Column]


@cache
def _template() -> Template:
    """Compiled once by a process: that takes ten times as long as a page."""
    environment = Environment(
        loader=PackageLoader("delivery.monitoring"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"means": means, "called": called, "figure": _figure, "chance": _chance}
    return environment.get_template("page.html.j2")


def page(check: Check) -> str:
    """The page of a check, HTML."""
    columns = sorted(check.columns.values(), key=_place)
    drifted = [column for column in columns if column.drifted]
    return _template().render(
        check=check,
        drifted=drifted,
        quiet=[column for column in columns if not column.drifted],
        plots=[plotted(spread) for spread in check.spreads],
        groups=_groups(check.tests),
        untold=_untold(check, drifted),
        kinds=KINDS,
        alpha=ALPHA,
        is_open=len(check.tests) <= FEW_TESTS,
    )


def write(check: Check, path: Path) -> None:
    """Raises Refused where it cannot be written."""
    try:
        path.write_text(page(check), encoding="utf-8")
    except OSError as error:
        raise Refused(f"The report cannot be written to {path}: {error.strerror}.") from None


def means(test: str) -> str:
    """A test in words; of one that has none, its own."""
    plain = test.removesuffix(BINNED)
    return TESTS.get(plain, plain) + (", by bins" if plain != test else "")


def called(name: str) -> str:
    return "all columns together" if name == JOINT else name


def _place(column: Column) -> tuple[int, float, str]:
    """What explains comes before what is explained, and what is surer before what is less so."""
    return list(KINDS).index(column.kind), 0.0 if column.p is None else column.p, column.name


def _figure(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"


def _chance(p: float | None) -> str:
    return "below 1e-12" if p is not None and p < 1e-12 else "" if p is None else f"{p:.2g}"


def _groups(tests: Sequence[Column]) -> list[Group]:
    names = dict.fromkeys(each.cohort for each in tests if each.cohort)
    of = {name: [each for each in tests if each.cohort == name] for name in names}
    return [Group(name or "", len(each), [one for one in each if one.drifted]) for name, each in of.items()]


def _untold(check: Check, drifted: Sequence[Column]) -> list[str]:
    """What a reader would look for and not find, and why."""
    found = [
        "Values of rows, and categories that the reference's profile does not name: they may be somebody's. A column"
        " that the reference lacks is told by its place, since its name may be a row's value.",
        f"Bars of 1 to {CELL - 1} rows: they are put to the next range, or to all others.",
    ]
    if not check.enough:
        found.append(f"Whether values drifted: the window has {check.rows:,} rows, and to judge them takes {ROWS}.")
    if check.start is None:
        found.append("Of which days the rows are: no column tells it of enough rows.")
    if any(test.test.endswith("_expected") for test in check.tests) and not _labelled(check):
        found.append(
            "How often the model was right: the window has no labels, or too few. What is to be expected by its scores"
            " alone is told, and does not see that the meaning of a score changed."
        )
    drawn = {spread.name for spread in check.spreads}
    found += [
        f"The distribution of {called(each.name)}: {_undrawn(each, check)}"
        for each in drifted
        if each.name not in drawn
    ]
    return found


def _labelled(check: Check) -> bool:
    return any(each.kind == "quality" and each.p is not None for each in check.tests)


def _undrawn(column: Column, check: Check) -> str:
    if column.name == JOINT:
        return "many columns at once have no one distribution."
    if column.test in OF_COLUMNS:
        return f"its values are not compared, since {means(column.test)}."
    if not check.enough:
        return "there are too few rows."
    if column.kind == "quality":
        return "it is of labels that came meanwhile, which may be of earlier rows."
    if len(check.spreads) >= DRAWN:
        return f"only the first {DRAWN} columns that drifted are drawn."
    return "it is judged by whether it has values alone, or all but a few rows are in one range or category."
