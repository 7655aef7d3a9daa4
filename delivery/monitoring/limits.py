"""What a difference must be before anybody is told of it: how sure, how large, of how many rows; each with its reason.

A test alarms where both hold: chance does not explain the difference, and it is of a size that matters. The first keeps
small windows quiet, the second large ones: of ten million rows each trifle is significant.
"""

from typing import Final

from delivery.registry import hearing, scored

ALPHA: Final = 0.002
"""Chance of any alarm of a whole check without drift, over all columns and tests (Holm): a daily check errs less than
once a year, and the tests are more careful than they say."""

ROWS: Final = scored.FEWEST
CELL: Final = hearing.CELL
EXPECTED: Final = 8.0
"""Rows that a cell of a chi-squared test must be expected to have; 5 by custom, more for what lies far out."""

KS: Final = 0.05
"""Of the largest distance of two distribution functions, and of Mann and Whitney's probability from a half: what a
mean that moved by an eighth of a standard deviation makes."""
MANN_WHITNEY: Final = 0.04
PSI: Final = 0.03
"""By custom 0.1 is looked at; that is a third of a standard deviation, and too much for vital signs."""
JENSEN_SHANNON: Final = 0.1
WASSERSTEIN: Final = 0.1
"""In standard deviations of the reference. These two are told, and Evidently's thresholds; they decide nothing."""
MIX: Final = 0.05
"""Share of rows that changed their category (total variation)."""
PSI_MIX: Final = 0.1
"""Of categories: a rare one that became frequent is much of this and little of the former."""
MISSING: Final = 0.02
"""Share of rows whose value is missing now and was not, or the reverse."""
OUTLIERS: Final = 0.005
"""Share of rows beyond three interquartile ranges of the quartiles (Tukey's far out), more than before."""
INFINITE: Final = 0.001
NEW: Final = 0.005
"""Share of rows in categories that the reference has not."""
NEW_ROWS: Final = 3
CORRELATION: Final = 0.15
"""Of two columns' correlation, in normal scores."""
JOINT: Final = 0.06
"""Of a domain classifier's AUROC above a half."""

AUROC: Final = 0.03
ACCURACY: Final = 0.03
LOSS: Final = 0.1
"""Share by which the mean error rises."""
CALIBRATION: Final = 0.03
"""Distance of what was foreseen and what came, beyond that of the reference."""

BINS: Final = hearing.PARTS
COARSE: Final = 10
"""Bins of PSI and chi-squared, the same ones put together."""
BLOCKS: Final = 16
"""Parts of the reference, in the order of its rows, whose differences are its own noise."""
SAMPLE: Final = 50_000
"""Rows from which the bins' edges are taken; they are frozen cuts and need not be exact quantiles."""
EXACT: Final = 250_000
"""Rows of reference and window together up to which ranks are exact; above, they are those of the bins."""
CATEGORIES: Final = 2_000
"""Categories of a column that are told apart; the rest is one."""
PAIRED: Final = 40
"""Columns between which correlations are compared, and rows of a sample that they are taken from."""
PAIRED_ROWS: Final = 20_000
COHORTS: Final = 20
"""Parts of the rows that are judged each by itself, the largest."""
DRAWN: Final = 50
"""Columns whose distributions a check tells, of those that drifted: more, nobody looks at."""
DRAWN_CATEGORIES: Final = 12
"""Categories of such a column that are told apart."""
