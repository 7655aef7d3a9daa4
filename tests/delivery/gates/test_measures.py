"""Figures against their definitions and scikit-learn's answers, and what an interval does not depend on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.gates.declared import Bootstrap
from delivery.gates.measures import MEASURES, auroc, brier, ece, fpr, recall
from delivery.gates.resampling import interval
from tests.delivery.gates.made import sample
from tests.examples import examples

LABEL = [0, 0, 1, 1, 0, 1, 0, 1, 0, 1]
SCORE = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.05, 0.95, 0.6, 0.6]
WEIGHTS = [1.0, 2, 1, 3, 1, 1, 2, 1, 1, 2]
PLAN = Bootstrap(times=100, seed=3, level=0.9)


@pytest.mark.parametrize(
    ("weights", "answers"),
    [
        pytest.param([1.0] * 10, (0.78, 0.16775, 0.8, 0.6), id="each row once"),
        pytest.param(WEIGHTS, (0.8660714285714286, 0.13866666666666666, 0.875, 0.5714285714285714), id="weighted"),
    ],
)
def test_figures_are_those_of_scikit_learn(weights: list[float], answers: tuple[float, ...]) -> None:
    """roc_auc_score, brier_score_loss and recall_score (of both classes) of scikit-learn 1.9.1, sample_weight given."""
    told = sample(LABEL, SCORE)
    found = [each(told, np.array(weights)) for each in (auroc, brier, recall, fpr)]
    assert found == pytest.approx(answers, abs=1e-9)


def test_the_calibration_error_is_what_counting_by_hand_gives() -> None:
    """Two rows from 0.1 to 0.2, whose scores sum to 0.25 and outcomes to 1; two from 0.9 to 1, to 1.9 and 1."""
    told = sample([0, 1, 1, 0], [0.1, 0.15, 0.9, 1.0])
    by_hand = (abs(0.25 - 1) + abs(1.9 - 1)) / 4
    assert ece(told, np.ones(4)) == pytest.approx(by_hand, abs=1e-9)


ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=40)


@settings(max_examples=examples(60), deadline=None)
@given(ROWS)
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int, int]]) -> None:
    label, place, weight = (np.array(each, float) for each in zip(*rows, strict=True))
    won = whole = 0.0
    for score, one in zip(place[label == 1], weight[label == 1], strict=True):
        for other, two in zip(place[label == 0], weight[label == 0], strict=True):
            won += one * two * (1.0 if score > other else 0.5 if score == other else 0.0)
            whole += one * two
    found = auroc(sample(list(label), list(place / 20)), weight)
    assert found == pytest.approx(won / whole, abs=1e-9) if whole else np.isnan(found)


@settings(max_examples=examples(60), deadline=None)
@given(ROWS)
def test_a_weight_is_a_row_that_often(rows: list[tuple[bool, int, int]]) -> None:
    label, place, weight = (np.array(each) for each in zip(*rows, strict=True))
    many = [np.repeat(each, weight) for each in (label, place / 20)]
    for measure in MEASURES.values():
        weighted = measure.of(sample(list(label), list(place / 20)), weight.astype(float))
        repeated = measure.of(sample(list(many[0]), list(many[1])), np.ones(many[0].size))
        assert weighted == pytest.approx(repeated, abs=1e-9, nan_ok=True)


def _auroc(told: Any) -> Any:
    return lambda weights: auroc(told, weights)


def test_an_interval_is_of_patients_and_not_of_rows() -> None:
    """Each row ten times over tells nothing new where the ten are one patient's, and seems to where they are not."""
    told = sample(LABEL * 5, SCORE * 5)
    once = interval(_auroc(told), told.people, PLAN)
    patients = [number for number in range(50) for _ in range(10)]
    label, score = np.repeat(LABEL * 5, 10), np.repeat(SCORE * 5, 10)
    same = sample(list(label), list(score), patients)
    others = sample(list(label), list(score))
    again = interval(_auroc(same), same.people, PLAN)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-9)
    narrow = interval(_auroc(others), others.people, PLAN)
    assert narrow.high - narrow.low < (once.high - once.low) / 2
    assert once.low < once.value < once.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of 200 draws of 150 rows, the interval of 90 % has the share that was drawn from in 170 to 192 of them."""
    rng, held = np.random.default_rng(5), 0
    for turn in range(200):
        told = sample([1] * 150, list(rng.random(150)), threshold=0.3)
        plan = Bootstrap(times=200, seed=turn, level=0.9)
        found = interval(lambda weights, told=told: recall(told, weights), told.people, plan)
        held += found.low <= 0.7 <= found.high
    assert 170 <= held <= 192


def test_where_a_resample_has_no_figure_there_is_no_interval() -> None:
    few = sample([1, 0, 0, 0], [0.9, 0.1, 0.2, 0.3])
    found = interval(_auroc(few), few.people, PLAN)
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(interval(_auroc(sample([], [])), sample([], []).people, PLAN).value)
