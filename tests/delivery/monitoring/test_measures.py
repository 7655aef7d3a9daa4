"""Statistics from counts are those that scipy and scikit-learn have of the values themselves."""

import math

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance
from sklearn import metrics

from delivery.monitoring import measures, quality

NEAR = 1e-9
Values = NDArray[np.float64]


def samples(seed: int) -> tuple[Values, Values]:
    """With and without ties, of unequal sizes."""
    rng: Generator = np.random.default_rng(seed)
    if seed % 2:
        return rng.poisson(3, 400).astype(float), rng.poisson(3.4, 150).astype(float)
    return rng.lognormal(0, 1, 300), rng.lognormal(0.2, 1.1, 500)


def counted(one: Values, other: Values) -> tuple[Values, Values, Values]:
    """The values of both, and how many of each have them."""
    values = np.unique(np.concatenate([one, other]))
    return values, *(np.array([(side == value).sum() for value in values], dtype=float) for side in (one, other))


@pytest.mark.parametrize("seed", range(4))
def test_ranks_and_distances_from_counts_are_scipys_from_values(seed: int) -> None:
    one, other = samples(seed)
    values, before, now = counted(one, other)
    theirs = stats.ks_2samp(one, other, method="asymp")
    ks = measures.kolmogorov_smirnov(measures.ks_of(before, now), one.size, other.size)
    assert ks.value == pytest.approx(theirs.statistic, abs=NEAR)
    assert ks.p == pytest.approx(theirs.pvalue, abs=NEAR)
    u = stats.mannwhitneyu(other, one, method="asymptotic", use_continuity=False)
    rank = measures.mann_whitney_of(before, now)
    assert rank.value == pytest.approx(abs(u.statistic / (one.size * other.size) - 0.5), abs=NEAR)
    assert rank.p == pytest.approx(u.pvalue, abs=NEAR)
    moved = measures.wasserstein_of(values, before, now)
    assert moved == pytest.approx(stats.wasserstein_distance(one, other), abs=NEAR)


@pytest.mark.parametrize("seed", range(4))
def test_what_counts_say_of_categories_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, now = rng.integers(1, 90, 7).astype(float), rng.integers(1, 90, 7).astype(float)
    theirs = stats.chi2_contingency([before, now], correction=False)
    found = measures.chi_squared(before, now)
    assert (found.value, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), abs=NEAR)
    apart = distance.jensenshannon(before / before.sum(), now / now.sum(), base=2)
    assert measures.jensen_shannon(before, now) == pytest.approx(apart, abs=NEAR)
    p, q = before / before.sum(), now / now.sum()
    assert measures.psi(before, now) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=NEAR)
    assert measures.psi(before, now) == pytest.approx(sum((q - p) * np.log(q / p)), abs=NEAR)


def test_shares_of_few_rows_are_by_fishers_exact_chance() -> None:
    found = measures.proportions(1, 40, 6, 30)
    assert found.value == pytest.approx(6 / 30 - 1 / 40)
    assert found.p == pytest.approx(stats.fisher_exact([[1, 39], [6, 24]]).pvalue, abs=NEAR)


def test_holms_chances_are_scaled_step_by_step() -> None:
    assert measures.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert measures.holm([]) == []


def test_how_good_scores_are_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    score = rng.random(500).round(2)
    label = (rng.random(500) < score).astype(int)
    values = np.unique(score)
    positives = np.array([label[score == value].sum() for value in values], dtype=float)
    negatives = np.array([(1 - label[score == value]).sum() for value in values], dtype=float)
    assert quality.auroc_of(positives, negatives) == pytest.approx(metrics.roc_auc_score(label, score), abs=NEAR)


@pytest.mark.parametrize("counts", [([0.0, 0.0], [0.0, 0.0]), ([5.0, 0.0], [0.0, 7.0]), ([3.0], [4.0])])
def test_nothing_and_one_bin_have_an_answer(counts: tuple[list[float], list[float]]) -> None:
    before, now = (np.array(each) for each in counts)
    assert 0 <= measures.chi_squared(before, now).p <= 1
    assert measures.psi(before, now) >= 0
    assert not measures.jensen_shannon(before, now) < 0
    assert 0 <= measures.ks_of(before, now) <= 1


def test_a_threshold_is_where_its_chance_is() -> None:
    ks = measures.kolmogorov_smirnov(0.1, 500, 500)
    assert measures.kolmogorov_smirnov(ks.reach(0.001), 500, 500).p == pytest.approx(0.001, rel=1e-3)
    rank = measures.mann_whitney(130_000, 0, 500, 500)
    same = measures.mann_whitney(250_000 / 2 + rank.reach(0.001) * 250_000, 0, 500, 500)
    assert same.p == pytest.approx(0.001)
    assert math.isclose(measures.chi_squared(np.array([30.0, 70]), np.array([40.0, 60])).reach(0.05), 3.841458820694124)


def test_parts_that_differ_more_than_chance_make_noise_and_others_none() -> None:
    rng = np.random.default_rng(1)
    alike = rng.multinomial(500, [0.25] * 4, size=16).astype(float)
    assert measures.overdispersion(alike) == 1.0
    seasons = np.array([rng.multinomial(500, [0.25 + s, 0.25 - s, 0.25, 0.25]) for s in (0.1, -0.1) * 8]).astype(float)
    assert measures.overdispersion(seasons) > 5
