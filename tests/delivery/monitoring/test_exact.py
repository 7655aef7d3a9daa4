"""What a check of two files says is what scipy and scikit-learn say of the same values, to the ninth digit."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn import metrics

from delivery.monitoring.running import check_files

pytestmark = pytest.mark.data
NEAR = 1e-9


def test_a_checks_figures_are_those_of_the_values(tmp_path: Path) -> None:
    sides = []
    for seed, moved in ((1, 0.0), (2, 0.3)):
        rng = np.random.default_rng(seed)
        score = rng.random(700)
        sides.append(
            {
                "lab": rng.lognormal(moved, 1, 700) + 1_000,
                "visits": rng.poisson(2 + moved, 700),
                "ward": rng.choice(["icu", "medical", "surgical"], 700, p=[0.2, 0.5 + moved / 2, 0.3 - moved / 2]),
                "score": score,
                "label": (rng.random(700) < score).astype(np.int64),
            }
        )
        pq.write_table(pa.table(sides[-1]), tmp_path / f"{seed}.parquet")
    before, now = sides
    found = check_files([tmp_path / "1.parquet"], [tmp_path / "2.parquet"], "score", "label")
    told = {(each.name, each.test): each.value for each in found.tests}
    wanted = {}
    for name in ("lab", "visits", "score"):
        one, other = before[name], now[name]
        wanted[name, "ks"] = stats.ks_2samp(one, other).statistic
        wanted[name, "wasserstein"] = stats.wasserstein_distance(one, other) / np.std(one)
        wanted[name, "mann_whitney"] = abs(stats.mannwhitneyu(other, one).statistic / 700**2 - 0.5)
    names = sorted(set(before["ward"]))
    counts = [[int((side["ward"] == name).sum()) for name in names] for side in sides]
    wanted["ward", "chi_squared"] = stats.chi2_contingency(counts).statistic
    p, q = (np.array(side) / 700 for side in counts)
    wanted["ward", "psi"] = float(np.sum((q - p) * np.log(q / p)))
    wanted["label", "auroc"] = metrics.roc_auc_score(now["label"], now["score"])
    wanted["label", "brier"] = metrics.brier_score_loss(now["label"], now["score"])
    assert {key: told[key] for key in wanted} == pytest.approx(wanted, abs=NEAR)
    ks = {(each.name, each.test): each for each in found.tests}["lab", "ks"]
    assert ks.p is not None
    assert ks.p >= stats.ks_2samp(before["lab"], now["lab"], method="asymp").pvalue
