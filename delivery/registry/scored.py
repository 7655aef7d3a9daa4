"""How a profile says that a model's answers went with what came: whether a model that is worse would be seen by it.

A mean error that nothing exceeds, or an AUROC that nothing is below, hears as little as none. The sums say of each
other what they may be, and the gates' report what they are: both are of the rows that the model was tried on.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite, sqrt
from typing import Final

from msgspec import Struct

FEWEST: Final = 30
"""Rows of a window below which its values are not judged."""
OUTCOMES: Final = 10
"""Rows of each outcome that an AUROC needs."""
HUNDREDTHS: Final = 100
NEAR: Final = 1e-3
"""By which sums may be off: a score's hundredth is had by rounding."""
SURE: Final = 4.0
"""Deviations by which an AUROC may be below a half, of a model that knows nothing."""
WRONG: Final = 0.9
"""Share of classes that may be wrong."""
WIDE: Final = 100.0
"""How much larger than all that lies between the first and the last edge a mean error may be."""
GATE_AUROC, GATE_BRIER = "quality.auroc", "quality.brier"
"""Gates of the pipeline (delivery/gates/gates.yaml); their value is the worse end of an interval."""
APART: Final = 0.005
"""By which that end may lie within: it is of drawn samples."""
SHARE: Final = 0.5
"""Of the rows that a gate was measured on."""


class Scores(Struct, frozen=True):
    """Of the profile."""

    kind: str
    rows: int
    loss: float
    variance: float
    counts: list[int] = []
    positives: list[int] = []
    foreseen: list[float] = []
    edges: list[float] = []


def wrong(scores: Scores, unit: bool, width: float) -> Iterator[str]:
    """What of it would find no model worse. `unit` says whether the answers are of 0 to 1 by the contract, `width` how
    far the answers and outcomes lie apart."""
    if scores.rows < FEWEST:
        yield f"scores are not of {FEWEST} rows and more"
    elif not (isfinite(scores.loss) and isfinite(scores.variance)) or min(scores.loss, scores.variance) < 0:
        yield "scores have no mean error"
    elif scores.kind == "scores":
        yield from _counted(scores, HUNDREDTHS)
        yield from _errors(scores)
    elif scores.kind == "ranks":
        if unit:
            yield "scores are ranks, and the answers of 0 to 1 by the contract: write its output's minimum and maximum"
        if any(one >= other for one, other in pairwise(scores.edges)):
            yield "scores.edges do not rise"
        yield from _counted(scores, len(scores.edges) + 1)
    elif scores.kind == "classes":
        if scores.loss > WRONG or scores.variance > scores.loss * (1 - scores.loss) + NEAR:
            yield f"scores are of classes of which more than {WRONG:.0%} are wrong, or of errors of another size"
    elif scores.kind != "numbers":
        yield "scores are of no kind that is judged"
    elif scores.loss > WIDE * width or sqrt(scores.variance) > WIDE * sqrt(scores.rows) * width:
        yield "scores have a mean error beyond all answers and outcomes"


def _counted(scores: Scores, bins: int) -> Iterator[str]:
    counts, positives = scores.counts, scores.positives
    if not len(counts) == len(positives) == bins or bins < 2:
        yield "scores are not counted by how high the answer was"
        return
    if sum(counts) != scores.rows or any(not 0 <= some <= all_ for some, all_ in zip(positives, counts, strict=True)):
        yield "scores.counts and positives are not of their rows"
        return
    came = sum(positives)
    if came in (0, scores.rows):
        yield "scores are of one outcome alone"
    elif min(came, scores.rows - came) < OUTCOMES:
        yield f"scores have fewer than {OUTCOMES} rows of an outcome, and no AUROC is judged by them: try it on more"
    elif auroc(scores) < 0.5 - SURE * sqrt((scores.rows + 1) / (12 * came * (scores.rows - came))):
        yield f"scores say that the model is worse than chance (AUROC {auroc(scores):.3f}), and none is below"


def auroc(scores: Scores, ties: float = 0.5) -> float:
    """By the bins; what is in one counts so much."""
    below, pairs = 0, 0.0
    for positives, count in zip(scores.positives, scores.counts, strict=True):
        pairs += positives * (below + ties * (count - positives))
        below += count - positives
    came = sum(scores.positives)
    return pairs / (came * (scores.rows - came))


def _errors(scores: Scores) -> Iterator[str]:
    """A score of a hundredth is off by what that says."""
    if len(scores.counts) != HUNDREDTHS or sum(scores.counts) != scores.rows:
        return
    least, most = [0.0, 0.0], [0.0, 0.0]
    foreseen = len(scores.foreseen) == HUNDREDTHS
    for place, (count, positives) in enumerate(zip(scores.counts, scores.positives, strict=False)):
        low, high = place / HUNDREDTHS, (place + 1) / HUNDREDTHS
        for at, power in enumerate((2, 4)):
            least[at] += positives * (1 - high) ** power + (count - positives) * low**power
            most[at] += positives * (1 - low) ** power + (count - positives) * high**power
        if foreseen and not count * (low - NEAR) - NEAR <= scores.foreseen[place] <= count * (high + NEAR) + NEAR:
            foreseen = False
    if not foreseen:
        yield "scores.foreseen are not of their hundredths"
    low, high = (each[0] / scores.rows for each in (least, most))
    if not low - NEAR <= scores.loss <= high + NEAR:
        yield f"scores.loss is {scores.loss:.4g}, and by their hundredths {low:.4g} to {high:.4g}"
    if scores.variance > most[1] / scores.rows - low**2 + NEAR:
        yield "scores.variance is more than errors of 0 to 1 can have"


def unlike(scores: Scores, gates: Mapping[str, tuple[float, int]]) -> Iterator[str]:
    """What the gates' report says otherwise: of each gate its value and its rows."""
    for name, (value, rows) in gates.items():
        if name not in (GATE_AUROC, GATE_BRIER):
            continue
        if scores.kind not in ("scores", "classes"):
            yield f"scores are {scores.kind}, and the gate {name} is of probabilities"
        elif scores.rows < SHARE * rows:
            yield f"scores are of {scores.rows:,} rows, and the gate {name} of {rows:,}"
        elif name == GATE_BRIER and scores.loss > value + APART:
            yield f"scores.loss is {scores.loss:.4g}, and by the gate {name} at most {value:.4g}"
        elif name == GATE_AUROC and scores.kind == "scores" and auroc(scores, ties=1.0) < value - APART:
            yield f"scores have an AUROC of {auroc(scores):.3f}, and by the gate {name} at least {value:.3f}"
