"""What is written: the part for a promotion, overrides, exit status, and nothing of anybody's record."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.gates import telling
from delivery.gates.__main__ import FILES, gate
from delivery.gates.declared import AtMost, declared
from delivery.gates.evaluating import Evidence, evaluate
from delivery.gates.measured import Measured
from delivery.gates.report import agreed, for_promotion, outcome, overridden
from delivery.registry import gates as registry
from delivery.registry.documents import canonical, digest
from delivery.registry.refused import Refused
from tests.delivery.gates import made
from tests.delivery.gates.made import rows, write
from tests.examples import examples

WHY = "The ward has no model at all until then."
GATES = (
    {"name": "model.size", "kind": "size", "maximum": 4},
    {"name": "quality.auroc", "kind": "auroc", "minimum": 0.5},
    {"name": "quality.ece", "kind": "ece", "maximum": 0, "severity": "warn"},
    {"name": "model.latency", "kind": "latency", "maximum": 1},
)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=examples(100), deadline=None)
@given(NUMBERS, st.sampled_from(declared().gates))
def test_a_value_passes_only_as_a_finite_number_within_its_bound(value: float, one: Any) -> None:
    found = outcome(one, Measured(value, 3))
    finite = abs(value) < float("inf")
    assert found.passed == (finite and (value <= one.maximum if isinstance(one, AtMost) else value >= one.minimum))
    assert (found.value is None) == (not finite)


def test_a_promotion_reads_what_stops_a_model(model: Path, tmp_path: Path) -> None:
    candidate, contract, serves = write(tmp_path / "p", rows()), tmp_path / "contract.json", tmp_path / "serves"
    contract.write_bytes(b"{}")
    serves.mkdir()
    facts = dict.fromkeys(registry.FACTS, "3f2a9c1e")
    evidence = Evidence(model, candidate, contract=contract, production=serves, facts=facts)
    report = evaluate(evidence, 2026, made.declared(tmp_path, *GATES))
    assert [each.name for each in report.failed] == ["model.size", "model.latency"]
    assert report.inputs == {"candidate": digest(candidate.read_bytes()), "contract": digest(b"{}")}
    (tmp_path / "gates.json").write_bytes(canonical(for_promotion(report)))
    told = registry.load(tmp_path / "gates.json")
    assert told.model == digest(model.read_bytes())
    assert (told.contract, told.facts, told.reference) == (digest(b"{}"), facts, None)
    for name in ("model.onnx", "contract.json"):
        if name == "contract.json":
            with pytest.raises(Refused, match=r"has a model.onnx and no contract.json"):
                evaluate(evidence, 2026, tmp_path / "gates.yaml")
        (serves / name).write_text(name)
    found = evaluate(evidence, 2026, tmp_path / "gates.yaml").reference
    assert found == registry.Reference(digest(b"model.onnx"), digest(b"contract.json"))
    assert [(each.name, each.passed) for each in told.gates] == [
        ("model.size", False),
        ("quality.auroc", True),
        ("model.latency.measured", False),
    ]
    assert "model.size: 5, at most 4" in telling.told(report)
    assert "why: assumption of a test" in telling.told(report)
    assert "told    quality.ece" in telling.told(report).replace("told  ", "told    ")


def test_an_override_names_all_that_failed_a_reason_and_two_people(model: Path, tmp_path: Path) -> None:
    report = evaluate(Evidence(model, write(tmp_path / "p", rows())), 2026, made.declared(tmp_path, *GATES))
    failed = ["model.size", "model.latency"]
    for asked, says in (
        ((["model.size"], WHY, "ann", "ben"), "failed have: model.latency, model.size"),
        ((failed, "because", "ann", "ben"), "10 to 300"),
        ((failed, f"{WHY} Call 6175550123.", "ann", "ben"), "could name a patient"),
        ((failed, WHY, "ann", "Ann"), "two people"),
        ((failed, WHY, "ann", ""), "cannot be recorded"),
    ):
        with pytest.raises(Refused, match=says):
            overridden(report, agreed(*asked))
    done = overridden(report, agreed(failed, WHY, "ann", "ben"))
    assert (report.passed, done.passed) == (False, True)
    assert done.override is not None
    assert (done.override.asked_by, done.override.agreed_by, done.override.reason) == ("ann", "ben", WHY)
    assert done.failed == report.failed
    assert done.digest != report.digest
    assert for_promotion(done) == for_promotion(report)
    sound = evaluate(Evidence(model), 2026, made.declared(tmp_path, {**GATES[0], "maximum": 9}))
    with pytest.raises(Refused, match="failed have: none"):
        overridden(sound, agreed([], WHY, "ann", "ben"))


def asked(folder: Path, model: Path, **other: Any) -> dict[str, Any]:
    none = dict.fromkeys((*FILES, "why", "asked_by", "agreed_by"))
    gates = str(made.declared(folder, *GATES[:3]))
    return {**none, "model": str(model), "gates": gates, "out": str(folder / "gates.json"), "injected": [],
            "facts": [], "override": [], "json": True, **other}  # fmt: skip


def test_the_status_says_whether_a_model_may_go_on(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = str(write(tmp_path / "p", rows()))
    assert gate(asked(tmp_path, model, candidate=candidate)) == 3
    assert json.loads(capsys.readouterr().out)["override"] is None
    people = {"override": ["model.size"], "why": WHY, "asked_by": "ann", "agreed_by": "ben"}
    assert gate(asked(tmp_path, model, candidate=candidate, **people)) == 0
    assert json.loads(capsys.readouterr().out)["override"]["agreed_by"] == "ben"
    model.write_bytes(b"same")
    assert gate(asked(tmp_path, model, candidate=candidate, json=False)) == 0
    assert "Nothing stops it; what is only told has failed." in capsys.readouterr().out
    for wrong, says in (
        ({"candidate": str(tmp_path / "gone")}, "gone is not there"),
        ({"injected": ["rain=x"]}, "none of KIND=FILE"),
        ({"facts": ["ward=7"]}, "--fact is NAME=VALUE: a name is one of dataset, code"),
        ({"facts": ["code=of Mr X"]}, "a value a digest or a commit"),
        ({"out": str(tmp_path / "no" / "gates.json")}, "cannot be written"),
    ):
        with pytest.raises(Refused, match=says):
            gate(asked(tmp_path, model, **({"candidate": candidate} | wrong)))


@pytest.mark.parametrize("lacks", ["contract", *registry.FACTS])
def test_a_report_that_could_be_another_versions_is_none_to_decide_by(model: Path, tmp_path: Path, lacks: str) -> None:
    """It is written, for who looks at it, and says what it lacks to whoever would promote or approve by it."""
    (tmp_path / "contract.json").write_bytes(b"{}")
    facts = [f"{name}=3f2a9c1e" for name in registry.FACTS if name != lacks]
    given = {} if lacks == "contract" else {"contract": str(tmp_path / "contract.json")}
    gate(asked(tmp_path, model, candidate=str(write(tmp_path / "p", rows())), facts=facts, **given))
    with pytest.raises(Refused, match=f"does not say its {lacks}: it could be another version's"):
        registry.load(tmp_path / "gates.json")


def test_no_score_nor_label_of_anybody_is_told(model: Path, tmp_path: Path) -> None:
    scores = [0.123456789] * 399 + [float("nan")]
    report = evaluate(Evidence(model, write(tmp_path / "p", rows(score=scores))), 2026, made.declared(tmp_path, *GATES))
    assert "0.12345" not in canonical(report).decode() + telling.told(report)
    assert report.gates[1].keys == [made.key(399)]


MARK = "QZPLANTED Jane M990017231"
WITH_GROUPS = (
    *GATES,
    {"name": "groups.sex", "kind": "groups_judged", "by": "sex", "fewest": 11, "minimum": 0.1},
    {"name": "data.nulls", "kind": "nulls", "columns": ["age"], "maximum": 0},
)
PLANTED: dict[str, dict[str, Any]] = {
    "a column that nobody reads": {"candidate": rows(**{MARK: [MARK] * 400})},
    "what a file says of itself": {"candidate": pa.table(rows()).replace_schema_metadata({MARK: MARK})},
    "a key": {"candidate": rows(record_key=[MARK, *(made.key(number) for number in range(399))])},
    "a patient": {"candidate": rows(patient_key=[MARK] * 400)},
    "a group": {"candidate": rows(sex=[MARK] * 400)},
    "a label": {"candidate": rows(label=[MARK] * 400)},
    "a score": {"candidate": rows(score=[MARK] * 400)},
    "a feature": {"train": {MARK: [MARK]}},
    "a latency": {"latency": {"seconds": [MARK]}},
}


@pytest.mark.parametrize("planted", PLANTED)
def test_no_mark_in_what_is_looked_at_is_told(
    planted: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"candidate": rows(), **PLANTED[planted]}
    files = {name: str(write(tmp_path / name, table)) for name, table in given.items()}
    for as_json in (True, False):
        what = asked(tmp_path, model, **files, json=as_json)
        made.declared(tmp_path, *WITH_GROUPS)
        try:
            gate(what)
        except Refused as refused:
            print(refused)
        said = capsys.readouterr()
        kept = tmp_path / "gates.json"
        told = said.out + said.err + (kept.read_text() if kept.exists() else "")
        assert told
        assert not [word for word in MARK.split() if word in told], told
