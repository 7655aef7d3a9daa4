"""Each gate seen passing and failing, and what cannot be measured failing."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from delivery.gates.declared import Bootstrap
from delivery.gates.quality import worse
from delivery.gates.reading import predictions
from delivery.registry.refused import Refused
from tests.delivery.gates import made
from tests.delivery.gates.made import key, one, rows, write

Split = tuple[pa.Table, pa.Table]
LOOK = 0.9
"""A label's twin that is right this often."""


def replaced(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def over(folder: Path, gate: dict[str, Any], train: pa.Table, test: pa.Table) -> Any:
    return one(folder, gate, train=write(folder / "train", train), test=write(folder / "test", test))


def first(table: pa.Table, name: str, value: Any) -> pa.Table:
    return replaced(table, name, [value, *table[name].to_pylist()[1:]])


@pytest.mark.parametrize(
    ("name", "value"),
    [("heart_rate", 400.0), ("heart_rate", float("nan")), ("bmi", float("inf")), ("age", 91), ("sex", "f"),
     ("admitted_year", 2027), ("stays_in_year_before", -1)],
    ids=["too high", "NaN", "infinite", "too old", "no word of the list", "of the future", "negative"],
)  # fmt: skip
def test_a_value_out_of_range_is_found_and_not_told(name: str, value: Any, split: Split, tmp_path: Path) -> None:
    train, test = split
    gate = {"kind": "ranges", "maximum": 0}
    found = over(tmp_path, gate, train, test)
    assert (found.passed, found.value, found.rows) == (True, 0, 0)
    found = over(tmp_path, gate, train, first(test, name, value))
    assert (found.passed, found.value, found.rows) == (False, 1, 1)
    assert found.keys == [test["record_key"][0].as_py()]
    assert found.says == f"in {name}"


def test_nulls_are_shares_of_the_worst_column(split: Split, tmp_path: Path) -> None:
    train, test = split
    gate = {"kind": "nulls", "columns": ["heart_rate", "age"], "maximum": 0}
    assert over(tmp_path, gate, train, test).passed
    found = over(tmp_path, gate, train, replaced(test, "age", [None] * test.num_rows))
    assert not found.passed
    assert found.value == pytest.approx(test.num_rows / (train.num_rows + test.num_rows), abs=1e-9)
    assert (found.says, len(found.keys), found.rows) == ("most in age", 10, test.num_rows)


def test_a_record_twice_and_a_copy_under_another_key_are_duplicates(split: Split, tmp_path: Path) -> None:
    train, test = split
    gate = {"kind": "duplicates", "maximum": 0}
    assert over(tmp_path, gate, train, test).passed
    assert over(tmp_path, gate, pa.concat_tables([train, test.slice(0, 2)]), test).value == 2
    copied = first(test.slice(0, 1), "record_key", key(1))
    assert over(tmp_path, gate, train, pa.concat_tables([test, copied])).value == 1


def test_a_feature_that_tells_the_label_is_found_as_number_as_word_and_by_being_missing(
    split: Split, tmp_path: Path
) -> None:
    gate = {"kind": "leakage", "maximum": 0.8}
    assert over(tmp_path, gate, *split).passed
    rng = np.random.default_rng(2)

    def twin(table: pa.Table, name: str, yes: Any, no: Any) -> pa.Table:
        label = table["readmitted_30d"].to_pylist()
        right = rng.random(len(label)) < LOOK
        return replaced(table, name, [yes if bool(a) == b else no for a, b in zip(label, right, strict=True)])

    for name, yes, no in (("bmi", 31.0, 20.0), ("diagnosis_2", "I10", "E11"), ("glucose", None, 90.0)):
        found = over(tmp_path, gate, *(twin(table, name, yes, no) for table in split))
        assert (found.passed, found.says) == (False, f"most by {name}")
        assert found.value == pytest.approx(LOOK, abs=0.05)


def test_a_patient_in_both_tables_is_found(split: Split, tmp_path: Path) -> None:
    train, test = split
    gate = {"kind": "patients_in_both", "maximum": 0}
    assert over(tmp_path, gate, train, test).passed
    found = over(tmp_path, gate, train, first(test, "patient_key", train["patient_key"][0].as_py()))
    assert (found.passed, found.value, found.keys) == (False, 1, [test["record_key"][0].as_py()])


def test_volume_and_freshness(split: Split, tmp_path: Path) -> None:
    train, test = split
    for of in ("rows", "people", "cases"):
        gate = {"kind": "volume", "table": "test", "of": of, "minimum": 100}
        assert over(tmp_path, gate, train, test).passed, of
        assert not over(tmp_path, gate, train, test.slice(0, 99)).passed, of
    newest = max(train["admitted_year"].to_pylist())
    assert over(tmp_path, {"kind": "freshness", "maximum": 2026 - newest}, train, test).passed
    assert not over(tmp_path, {"kind": "freshness", "maximum": 2025 - newest}, train, test).passed


@pytest.mark.parametrize(
    "gate",
    [
        {"kind": "ranges", "maximum": 0},
        {"kind": "nulls", "maximum": 1, "columns": ["age"]},
        {"kind": "duplicates", "maximum": 0},
        {"kind": "leakage", "maximum": 1},
        {"kind": "patients_in_both", "maximum": 0},
        {"kind": "freshness", "maximum": 100},
        {"kind": "volume", "table": "train", "of": "rows", "minimum": 1},
    ],
    ids=lambda gate: gate["kind"],
)
def test_no_row_passes_no_gate_of_data(gate: dict[str, Any], split: Split, tmp_path: Path) -> None:
    assert not over(tmp_path, gate, *(table.slice(0, 0) for table in split)).passed
    assert not one(tmp_path, gate).passed


FIGURES = [
    pytest.param({"kind": "auroc", "minimum": 0.8}, id="auroc"),
    pytest.param({"kind": "recall", "minimum": 0.8}, id="recall"),
    pytest.param({"kind": "brier", "maximum": 0.15}, id="brier"),
    pytest.param({"kind": "ece", "maximum": 0.2}, id="ece"),
    pytest.param({"kind": "fpr", "maximum": 0.2}, id="fpr"),
]


@pytest.mark.parametrize("gate", FIGURES)
def test_a_good_model_passes_and_a_guess_fails(gate: dict[str, Any], tmp_path: Path) -> None:
    found = one(tmp_path, gate, candidate=write(tmp_path / "good", rows()))
    assert found.passed, found
    assert found.value == (found.low if "minimum" in gate else found.high)
    guess = one(tmp_path, gate, candidate=write(tmp_path / "guess", rows(good=0.0)))
    assert (guess.passed, guess.rows) == (False, 400)


@pytest.mark.parametrize("gate", FIGURES)
@pytest.mark.parametrize(
    "instead",
    [
        pytest.param({"score": [float("nan")] + [0.5] * 399}, id="NaN"),
        pytest.param({"score": [float("inf")] + [0.5] * 399}, id="infinite"),
        pytest.param({"score": [1.01] + [0.5] * 399}, id="over 1"),
        pytest.param({"score": pa.array([None] * 400, pa.float64())}, id="no score"),
        pytest.param({"label": pa.array([None] * 400, pa.bool_())}, id="no label"),
    ],
)
def test_what_is_no_prediction_fails_with_its_rows(gate: dict[str, Any], instead: Any, tmp_path: Path) -> None:
    loose = {name: -9 if name == "minimum" else 9 if name == "maximum" else value for name, value in gate.items()}
    found = one(tmp_path, loose, candidate=write(tmp_path / "p", rows(**instead)))
    assert (found.passed, found.value) == (False, None)
    assert found.rows == len(found.keys) or (found.rows, len(found.keys)) == (400, 10)
    assert found.keys[0] == key(0)


@pytest.mark.parametrize("told", [{"label": [True] * 400}, {"label": [0] * 400}], ids=["all", "none"])
def test_labels_of_one_kind_pass_no_auroc(told: Any, tmp_path: Path) -> None:
    found = one(tmp_path, {"kind": "auroc", "minimum": -9}, candidate=write(tmp_path / "p", rows(**told)))
    assert (found.passed, found.says) == (False, "these rows do not define it")


@pytest.mark.parametrize("size", [0, 1])
def test_no_row_and_one_row_pass_no_auroc(size: int, tmp_path: Path) -> None:
    few = {name: list(values)[:size] for name, values in rows().items()}
    kinds = pa.schema({"record_key": pa.string(), "patient_key": pa.string(), "label": pa.bool_(),
                       "score": pa.float64(), "sex": pa.string()})  # fmt: skip
    path = write(tmp_path / "p", pa.table(few, schema=kinds))
    assert not one(tmp_path, {"kind": "auroc", "minimum": -9}, candidate=path).passed
    judged = {"kind": "groups_judged", "by": "sex", "fewest": 11, "minimum": 0}
    assert one(tmp_path, judged, candidate=path).passed == (size == 1)


def test_a_model_is_held_against_production_on_the_same_records(tmp_path: Path) -> None:
    gate = {"kind": "worse_than_production", "measure": "auroc", "maximum": 0.03}
    production = write(tmp_path / "production", rows())
    same = one(tmp_path, gate, candidate=write(tmp_path / "same", rows()), reference=production)
    assert (same.passed, same.value, same.low) == (True, 0, 0)
    better = one(tmp_path, gate, candidate=write(tmp_path / "better", rows(good=3)), reference=production)
    assert better.passed
    assert better.value is not None
    assert better.value < 0
    assert not one(tmp_path, gate, candidate=write(tmp_path / "bad", rows(good=0.7)), reference=production).passed
    assert not one(tmp_path, gate, candidate=production).passed
    for instead, says in (
        ({"record_key": [key(each + 1) for each in range(400)]}, "2 are in one file alone"),
        ({"label": [True] * 400}, "differ in labels"),
        ({"patient_key": [key(each) for each in range(400)]}, "differ in labels or patients"),
    ):
        with pytest.raises(Refused, match=says):
            one(tmp_path, gate, candidate=write(tmp_path / "p", rows(**instead)), reference=production)


def test_the_paired_interval_is_narrower_than_that_of_one_model_and_knows_no_order(tmp_path: Path) -> None:
    plan = Bootstrap(times=200, seed=1, level=0.95)
    mixed = {name: np.array(values)[::-1] for name, values in rows(seed=1, good=1.4).items()}
    production, candidate = (
        predictions(write(tmp_path / name, told), 0.5, ())
        for name, told in (("a", rows(seed=1, good=1.5)), ("b", mixed))
    )
    straight = predictions(write(tmp_path / "c", rows(seed=1, good=1.4)), 0.5, ())
    found = worse("auroc", candidate, production, plan)
    assert found == worse("auroc", straight, production, plan)
    alone = one(tmp_path, {"kind": "auroc", "minimum": 0}, candidate=tmp_path / "a")
    assert found.low is not None
    assert found.high is not None
    assert alone.low is not None
    assert alone.high is not None
    assert found.high - found.low < (alone.high - alone.low) / 2


def unfair(share: float) -> dict[str, Any]:
    """The scores of this share of the men say nothing."""
    told = rows()
    lost = (np.array(told["sex"]) == "male") & (np.random.default_rng(4).random(400) < share)
    return told | {"score": np.where(lost, 0.1, told["score"])}


@pytest.mark.parametrize("measure", ["recall", "auroc"])
def test_groups_that_are_served_worse_are_found(measure: str, tmp_path: Path) -> None:
    gate = {"kind": "fairness", "by": "sex", "fewest": 20, "measure": measure, "maximum": 0.25}
    found = one(tmp_path, gate, candidate=write(tmp_path / "fair", rows()))
    assert found.passed, found
    assert re.fullmatch(r"female \d\.\d{3}, male \d\.\d{3}", found.says)
    assert not one(tmp_path, gate, candidate=write(tmp_path / "unfair", unfair(0.8))).passed


def test_fpr_of_groups_is_compared_too(tmp_path: Path) -> None:
    gate = {"kind": "fairness", "by": "sex", "fewest": 20, "measure": "fpr", "maximum": 0.25}
    told = rows()
    assert one(tmp_path, gate, candidate=write(tmp_path / "fair", told)).passed
    flagged = told | {"score": np.where(np.array(told["sex"]) == "male", 0.9, told["score"])}
    assert not one(tmp_path, gate, candidate=write(tmp_path / "unfair", flagged)).passed


def test_a_group_too_small_is_said_and_never_counted_as_fair(tmp_path: Path) -> None:
    sexes = ["male" if number < 20 else "female" for number in range(400)]
    path = write(tmp_path / "p", rows(sex=sexes))
    fairness = {"kind": "fairness", "by": "sex", "fewest": 20, "measure": "recall", "maximum": 9}
    found = one(tmp_path, fairness, candidate=path)
    assert (found.passed, found.value) == (False, None)
    assert "too small to judge: male" in found.says
    judged = one(tmp_path, {"kind": "groups_judged", "by": "sex", "fewest": 20, "minimum": 0.96}, candidate=path)
    assert (judged.passed, judged.value) == (False, 0.95)
    few = write(tmp_path / "few", rows(sex=["male" if number < 2 else "female" for number in range(400)]))
    assert (
        one(tmp_path, {"kind": "groups_judged", "by": "sex", "fewest": 20, "minimum": 1}, candidate=few).value == 0.99
    )
    assert judged.says.endswith("male")
    assert one(tmp_path, {"kind": "groups_judged", "by": "sex", "fewest": 20, "minimum": 0.9}, candidate=path).passed
    healthy = write(
        tmp_path / "healthy",
        rows(
            label=[number >= 150 and number % 2 == 0 for number in range(400)],
            sex=["male" if number < 160 else "female" for number in range(400)],
        ),
    )
    found = one(tmp_path, fairness, candidate=healthy)
    assert (found.passed, "too small to judge: male" in found.says) == (False, True), "80 men, of whom 5 came back"


def test_a_model_that_breaks_under_a_fault_is_found(tmp_path: Path) -> None:
    gate = {"kind": "robustness", "injection": "feature-shift", "measure": "auroc", "maximum": 0.1}
    clean, broken = write(tmp_path / "clean", rows()), write(tmp_path / "broken", rows(good=0.2))
    few = write(tmp_path / "few", {name: list(values)[:150] for name, values in rows().items()})
    assert one(tmp_path, gate, candidate=clean, injected={"feature-shift": clean}).passed
    assert not one(tmp_path, gate, candidate=clean, injected={"feature-shift": broken}).passed
    found = one(tmp_path, gate, candidate=clean, injected={"feature-shift": few})
    assert (found.passed, found.says) == (False, "only 150 of 400 records are in the file with the fault")
    assert not one(tmp_path, gate, candidate=clean, injected={"late": clean}).passed


def test_size_and_latency(tmp_path: Path) -> None:
    assert one(tmp_path, {"kind": "size", "maximum": 5}).passed
    assert not one(tmp_path, {"kind": "size", "maximum": 4}).passed
    gate = {"kind": "latency", "maximum": 0.1}
    for slow, passed in ((10, True), (11, False)):
        times = write(tmp_path / "times", {"seconds": [0.01] * (1000 - slow) + [0.2] * slow})
        assert one(tmp_path, gate, latency=times).passed is passed
    for wrong in ([0.01] * 999, [0.01] * 999 + [float("nan")], [0.01] * 999 + [-1.0]):
        assert one(tmp_path, gate, latency=write(tmp_path / "times", {"seconds": wrong})).value is None


@pytest.mark.parametrize(
    ("licences", "passed"),
    [
        ([{"license": {"id": "MIT"}}], True),
        ([{"expression": "MIT AND Apache-2.0"}], True),
        ([{"expression": "GPL-3.0-only OR MIT"}], True),
        ([{"expression": "GPL-3.0-only AND MIT"}], False),
        ([{"expression": "(MIT)"}], False),
        ([{"license": {"id": "GPL-3.0-only"}}], False),
        ([{"license": {"name": "ask us"}}], False),
        ([], False),
    ],
    ids=["one", "both", "either", "one of both", "brackets", "not allowed", "unknown", "none"],
)
def test_licences_are_of_the_list(licences: Any, passed: bool, tmp_path: Path) -> None:
    gate = {"kind": "licence", "maximum": 0, "allowed": ["MIT", "Apache-2.0"]}
    path = tmp_path / "sbom"
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [{"name": "lib", "licenses": licences}]}))
    found = one(tmp_path, gate, sbom=path)
    assert (found.passed, found.says) == (passed, "" if passed else "lib")
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": []}))
    assert one(tmp_path, gate, sbom=path).value is None
    path.write_text("{}")
    with pytest.raises(Refused, match="CycloneDX"):
        one(tmp_path, gate, sbom=path)


BMI = {"name": "bmi", "kind": "number", "nullable": True}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (BMI, ""),
        (BMI | {"nullable": False}, "bmi may be missing, and the model takes it only with a value"),
        (BMI | {"kind": "category"}, "bmi is of another kind than the feature"),
        (BMI | {"maximum": 0}, "values that the model does not take"),
        ({"name": "shoe_size", "kind": "number"}, "shoe_size is no feature"),
        ({"name": "readmitted_30d", "kind": "boolean"}, "which no model may see"),
        ({"name": "patient_key", "kind": "category"}, "which no model may see"),
        ({"name": "sex", "kind": "category", "categories": ["female"]}, "values that the model does not take"),
        ({"name": "age", "kind": "integer", "minimum": 0, "maximum": 90}, ""),
    ],
    ids=["number", "not nullable", "kind", "range", "no feature", "outcome", "key", "categories", "integer"],
)
def test_the_model_takes_what_the_features_are(told: Any, says: str, split: Split, tmp_path: Path) -> None:
    (tmp_path / "contract.json").write_text(json.dumps({"inputs": [told]}))
    test = write(tmp_path / "test", split[1])
    found = one(tmp_path, {"kind": "signature", "maximum": 0}, contract=tmp_path / "contract.json", test=test)
    assert found.passed is not bool(says)
    assert says in found.says


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (rows(record_key=["M000000001"] * 400), "400 rows is no keyed hash"),
        (rows(patient_key=pa.array([None] * 400, pa.string())), "400 rows is no keyed hash"),
        (rows(record_key=[key(1)] * 400), "a record more than once"),
        (rows(label=[7] * 400), "neither true nor false"),
        (rows(score=["M000000001"] * 400), "score is of no numeric type"),
        (rows(sex=["M000000001"] * 400), "of none of its groups"),
        ({"score": [0.5]}, "lacks record_key, patient_key, label, sex"),
    ],
    ids=["identifier", "no patient", "twice", "label", "score", "group", "columns"],
)
def test_what_is_no_file_of_predictions_is_refused_without_a_value(
    columns: dict[str, Any], says: str, tmp_path: Path
) -> None:
    gate = {"kind": "groups_judged", "by": "sex", "fewest": 11, "minimum": 0}
    with pytest.raises(Refused, match=says) as refused:
        one(tmp_path, gate, candidate=write(tmp_path / "p", columns))
    assert "M000000001" not in str(refused.value)


def test_a_column_more_than_the_features_is_refused_unnamed(split: Split, tmp_path: Path) -> None:
    train, test = split
    named = test.append_column("Jane Doe", pa.array(["x"] * test.num_rows))
    with pytest.raises(Refused, match="1 columns that are none of features/") as refused:
        over(tmp_path, {"kind": "ranges", "maximum": 0}, train, named)
    assert "Jane" not in str(refused.value)


def test_the_same_files_make_the_same_report(tmp_path: Path) -> None:
    gate = {"name": "it", "kind": "auroc", "minimum": 0.5}
    path = write(tmp_path / "p", rows())
    assert one(tmp_path, gate, candidate=path) == one(tmp_path, gate, candidate=path)
    assert made.declared(tmp_path, gate).is_file()
