"""How well predictions and labels go together: of scores, of classes, of numbers; and what is to be expected of a
window whose labels have not come."""

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
from scipy import stats

from delivery.monitoring import cutting, limits
from delivery.monitoring.cutting import BIGGEST
from delivery.monitoring.measures import Counts, Found
from delivery.monitoring.profile import Scores
from delivery.monitoring.reading import Source
from delivery.monitoring.tested import Tested
from delivery.registry.scored import OUTCOMES

HUNDRED: Final = 100
TEN: Final = 10
SPREAD: Final = 5.0
Kind = Literal["scores", "ranks", "classes", "numbers"]


def kind_of(source: Source, predictions: str, labels: str) -> Kind | None:
    """What kind of model it is, by the reference's values: scores of 0 to 1 for two outcomes, numbers that rank them,
    classes, or numbers for numbers. None where they cannot be compared."""
    types = source.types
    score, label = types.get(predictions), types.get(labels)
    if score in ("integer", "float") and label in ("integer", "float", "boolean"):
        table = _rows(source.table, predictions, labels)
        told = table.aggregate(
            two=((table.y == 0) | (table.y == 1)).all(),
            least=table.p.min(),
            most=table.p.max(),
            whole=cutting.is_whole(table.p).all(),
        ).to_pyarrow()
        two, least, most, whole = (told[each][0].as_py() for each in ("two", "least", "most", "whole"))
        if least is None:
            return None
        if two:
            return "ranks" if least < 0 or most > 1 else "classes" if whole else "scores"
        return "numbers"
    if score == label and score in ("text", "boolean"):
        return "classes"
    if score == "boolean" and label in ("integer", "float"):
        return "classes"
    return None


def _rows(table: ir.Table, predictions: str, labels: str) -> ir.Table:
    """Rows that have both, as p and y."""

    def number(column: Any) -> Any:
        if column.type().is_boolean():
            column = ibis.ifelse(column, 1.0, 0.0)
        return column

    p, y = number(table[predictions]), number(table[labels])
    rows = table.select(p=p, y=y)
    rows = rows.filter(rows.p.notnull() & rows.y.notnull())
    for name in ("p", "y"):
        column: Any = rows[name]
        if column.type().is_floating():
            rows = rows.filter(~column.isnan() & column.between(-BIGGEST, BIGGEST))
    return rows


def scores_of(source: Source, kind: Kind, predictions: str, labels: str, edges: Sequence[float] = ()) -> Scores:
    """How they go together in these rows; of ranks by bins between these edges."""
    rows = _rows(source.table, predictions, labels)
    if kind == "classes":
        error = ibis.ifelse(rows.p == rows.y, 0.0, 1.0)
    elif kind == "numbers":
        error = (rows.p - rows.y).abs()
    elif kind == "scores":
        error = (rows.p - rows.y) * (rows.p - rows.y)
    else:
        error = ibis.literal(0.0)
    rows = rows.mutate(error=error)
    told = (
        rows.aggregate(rows=rows.count(), loss=rows.error.mean(), variance=rows.error.var(how="pop"))
        .to_pyarrow()
        .to_pylist()[0]
    )
    counts: dict[str, list[Any]] = {}
    if kind == "scores":
        place = ibis.least((rows.p * HUNDRED).floor(), ibis.literal(HUNDRED - 1.0))
        place = ibis.greatest(place, ibis.literal(0.0)).cast("int64")
        each = rows.mutate(place=place)
        binned = each.group_by("place").aggregate(n=each.count(), positives=each.y.sum(), foreseen=each.p.sum())
        held = {row["place"]: row for row in binned.to_pyarrow().to_pylist()}
        empty = {"n": 0, "positives": 0, "foreseen": 0.0}
        lines = [held.get(number, empty) for number in range(HUNDRED)]
        counts = {
            "counts": [line["n"] for line in lines],
            "positives": [int(line["positives"]) for line in lines],
            "foreseen": [float(f"{line['foreseen']:.9g}") for line in lines],
        }
    if kind == "ranks" and edges:
        above: list[Any] = [ibis.ifelse(rows.p > edge, 1, 0) for edge in edges]
        place = sum(above[1:], above[0]).cast("int64")
        each = rows.mutate(place=place)
        binned = each.group_by("place").aggregate(n=each.count(), positives=each.y.sum())
        held = {row["place"]: row for row in binned.to_pyarrow().to_pylist()}
        lines = [held.get(number, {"n": 0, "positives": 0}) for number in range(len(edges) + 1)]
        counts = {
            "counts": [line["n"] for line in lines],
            "positives": [int(line["positives"]) for line in lines],
            "foreseen": [0.0] * len(lines),
            "edges": list(edges),
        }
    return Scores(kind, told["rows"], told["loss"] or 0.0, told["variance"] or 0.0, **counts)


def auroc_of(positives: Counts, negatives: Counts) -> float:
    """From counts in the order of the score; ties half."""
    pairs = positives.sum() * negatives.sum()
    return float(np.sum(positives * (np.cumsum(negatives) - negatives / 2)) / pairs) if pairs else math.nan


def exact_auroc(source: Source, predictions: str, labels: str) -> tuple[float, float, float]:
    """The AUROC by the scores themselves, and how many rows have and have not the outcome."""
    rows = _rows(source.table, predictions, labels)
    each = rows.group_by("p").aggregate(a=rows.y.sum().cast("float64"), n=rows.count().cast("float64"))
    each = each.mutate(b=each.n - each.a)
    each = each.mutate(below=each.b.sum().over(ibis.cumulative_window(order_by=each.p)))
    told = (
        each.aggregate(pairs=(each.a * (each.below - each.b / 2)).sum(), a=each.a.sum(), b=each.b.sum())
        .to_pyarrow()
        .to_pylist()[0]
    )
    a, b = told["a"] or 0.0, told["b"] or 0.0
    return (told["pairs"] / (a * b) if a and b else math.nan), a, b


def _variance(auroc: float, a: float, b: float) -> float:
    """Of an AUROC, by Hanley and McNeil 1982."""
    one, other = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    return (auroc * (1 - auroc) + (a - 1) * (one - auroc**2) + (b - 1) * (other - auroc**2)) / (a * b)


Auroc = tuple[float, float, float]


def tests(name: str, before: Scores, now: Scores, aurocs: tuple[Auroc, Auroc] | None) -> list[Tested]:
    """Tests of the labels' column. `aurocs` are exact ones of reference and window; else those of the bins."""
    if before.rows < limits.ROWS or now.rows < limits.ROWS:
        return []
    found: list[Tested] = []
    if before.kind in ("scores", "ranks"):
        suffix = "" if aurocs else "_binned"
        pair = aurocs or (_binned(before), _binned(now))
        found += _auroc(name, suffix, *pair, now.rows)
    if before.kind != "ranks":
        found += _loss(name, before, now)
    if before.kind == "scores":
        found += _calibration(name, before, now)
    return found


def _binned(scores: Scores) -> Auroc:
    positives = np.array(scores.positives, dtype=np.float64)
    negatives = np.array(scores.counts, dtype=np.float64) - positives
    return auroc_of(positives, negatives), float(positives.sum()), float(negatives.sum())


def _auroc(name: str, suffix: str, before: Auroc, now: Auroc, rows: int) -> list[Tested]:
    if min(*before[1:], *now[1:]) < OUTCOMES:
        return []
    drop = before[0] - now[0]
    spread = math.sqrt(_variance(*before) + _variance(*now))
    found = _one_sided(drop, spread)
    says = f"AUROC {before[0]:.3f} fell to {now[0]:.3f} over {rows:,} rows"
    return [
        _tested(name, f"auroc_drop{suffix}", found, limits.AUROC, rows, says),
        Tested(name, f"auroc{suffix}", "quality", now[0], None, None, rows, False),
    ]


def _loss(name: str, before: Scores, now: Scores) -> list[Tested]:
    spread = math.sqrt(before.variance / before.rows + now.variance / now.rows)
    rise = now.loss - before.loss
    found = _one_sided(rise, spread) if spread else Found(rise, 1.0 if rise <= 0 else 0.0)
    if before.kind == "classes":
        says = f"accuracy {1 - before.loss:.3f} fell to {1 - now.loss:.3f} over {now.rows:,} rows"
        told = Tested(name, "accuracy", "quality", 1 - now.loss, None, None, now.rows, False)
        return [_tested(name, "accuracy_drop", found, limits.ACCURACY, now.rows, says), told]
    word = "brier" if before.kind == "scores" else "mean_absolute_error"
    least = max(limits.LOSS * before.loss, 1e-12)
    says = f"{word} {before.loss:.4g} rose to {now.loss:.4g} over {now.rows:,} rows"
    told = Tested(name, word, "quality", now.loss, None, None, now.rows, False)
    return [_tested(name, f"{word}_rise", found, least, now.rows, says, weak=word == "brier"), told]


def _calibration(name: str, before: Scores, now: Scores) -> list[Tested]:
    """Expected calibration error over ten bins of one width, and whether any bin's gap moved: the sum of their squares,
    each by its own noise, is chi-squared."""
    (n1, y1, p1), (n2, y2, p2) = _tens(before), _tens(now)
    ece = [float(np.abs(y - p).sum() / n.sum()) for n, y, p in ((n1, y1, p1), (n2, y2, p2))]
    overall = (y1 + y2 + 1) / (n1 + n2 + 2)
    kept = np.minimum(n1, n2) * overall * (1 - overall) >= SPREAD  # of fewer, a rate is not nearly normal
    told = Tested(name, "ece", "quality", ece[1], None, None, now.rows, False)
    if not kept.any():
        return [told]
    n1, y1, p1, n2, y2, p2 = (each[kept] for each in (n1, y1, p1, n2, y2, p2))
    moved = (y2 - p2) / n2 - (y1 - p1) / n1
    rate = np.clip((y1 + y2 + 1) / (n1 + n2 + 2), 1e-3, 1 - 1e-3)
    chi2 = float(np.sum(moved**2 / (rate * (1 - rate) * (1 / n1 + 1 / n2))))
    size = float(np.sum(np.abs(moved) * n2) / n2.sum())
    found = Found(size, float(stats.chi2.sf(chi2, kept.sum())))
    says = f"calibration moved by {size:.3f} over {now.rows:,} rows"
    matters = limits.CALIBRATION
    return [_tested(name, "calibration", found, matters, now.rows, says, weak=True), told]


def _tens(scores: Scores) -> tuple[Counts, Counts, Counts]:
    """Rows, outcomes and sums of scores, of each tenth."""
    hundred = (np.array(each, dtype=np.float64) for each in (scores.counts, scores.positives, scores.foreseen))
    n, y, p = (each.reshape(TEN, -1).sum(axis=1) for each in hundred)
    return n, y, p


def _one_sided(value: float, spread: float) -> Found:
    p = float(stats.norm.sf(value / spread)) if spread else 1.0
    return Found(value, p, lambda level: float(stats.norm.isf(level)) * spread)


def _tested(name: str, test: str, found: Found, least: float, rows: int, says: str, weak: bool = False) -> Tested:
    return Tested(
        name,
        test,
        "quality",
        found.value,
        least,
        found.p,
        rows,
        found.value >= least,
        found.reach,
        says=says,
        weak=weak,
    )


def expected(name: str, reference: Scores, counts: Counts) -> list[Tested]:
    """What AUROC and accuracy to expect of a window by its scores alone, if each score still means what it meant.

    `counts` are the window's rows in a hundred bins of the score. It sees a window of harder cases; it cannot see that
    the meaning of a score changed, which takes labels.
    """
    n, y = (np.array(each, dtype=np.float64) for each in (reference.counts, reference.positives))
    middles = (np.arange(HUNDRED) + 0.5) / HUNDRED
    rate = (y + middles) / (n + 1)
    rows = int(counts.sum())
    auroc = auroc_of(counts * rate, counts * (1 - rate))
    right = float(np.sum(counts * np.where(middles >= 0.5, rate, 1 - rate)) / max(counts.sum(), 1.0))
    return [
        Tested(name, "auroc_expected", "quality", auroc, None, None, rows, False),
        Tested(name, "accuracy_expected", "quality", right, None, None, rows, False),
    ]


def hundredths(table: ir.Table, predictions: str) -> Counts:
    """Rows in a hundred bins of the score."""
    rows = table.select(p=table[predictions])
    rows = rows.filter(rows.p.between(0.0, 1.0))
    each = rows.mutate(place=ibis.least((rows.p * HUNDRED).floor(), ibis.literal(HUNDRED - 1.0)).cast("int64"))
    counted = each.group_by("place").aggregate(n=each.count()).to_pyarrow().to_pylist()
    found = np.zeros(HUNDRED)
    for row in counted:
        found[row["place"]] = row["n"]
    return found
