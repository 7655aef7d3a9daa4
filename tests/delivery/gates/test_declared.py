"""gates.yaml: what it says is known, or it is refused by its name."""

from pathlib import Path
from typing import Any

import pytest

from delivery.gates.declared import ALL_KINDS, declared
from delivery.registry.refused import Refused
from tests.delivery.gates import made

SIZE: dict[str, Any] = {"name": "model.size", "kind": "size", "maximum": 5}


def test_what_is_declared_here_has_every_kind_but_fpr_alone_and_tells_why() -> None:
    found = declared().gates
    assert {gate.kind for gate in found} == ALL_KINDS - {"fpr"}
    assert all("assumption" in gate.why or len(gate.why) > 15 for gate in found)


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        pytest.param({"kind": "astrology"}, r"gate model.size: .*astrology", id="unknown"),
        pytest.param({"maximum": None}, r"gate model.size.maximum", id="no bound"),
        pytest.param({"maximum": "5"}, r"gate model.size.maximum: .*number", id="wrong type"),
        pytest.param({"maximum": True}, r"gate model.size.maximum", id="a bound that is true"),
        pytest.param({"maximum": float("nan")}, r"gate model.size.maximum: .*finite", id="NaN"),
        pytest.param({"maximum": float("inf")}, r"gate model.size.maximum: .*finite", id="infinite"),
        pytest.param({"minimum": 1}, r"gate model.size.minimum: Extra", id="the other direction"),
        pytest.param({"kind": "auroc"}, r"gate model.size.minimum: .*required", id="a bound of the wrong side"),
        pytest.param({"severity": "ignore"}, r"gate model.size.severity", id="severity"),
        pytest.param({"why": ""}, r"gate model.size.why", id="no reason"),
        pytest.param({"name": "No Word"}, r"gate No Word.name", id="name"),
        pytest.param({"kind": "nulls", "columns": ["ssn"]}, r"columns: .*no features: ssn", id="no feature"),
        pytest.param(
            {"kind": "fairness", "by": "zip_code", "fewest": 20, "measure": "recall"}, r"by: .*one of sex", id="group"
        ),
        pytest.param(
            {"kind": "fairness", "by": "sex", "fewest": 10, "measure": "recall"}, r"fewest: .*11", id="small cell"
        ),
        pytest.param(
            {"kind": "robustness", "injection": "rain", "measure": "auroc"}, r"injection: .*schema", id="injection"
        ),
    ],
)
def test_a_wrong_gate_is_refused_by_its_name(gate: dict[str, Any], says: str, tmp_path: Path) -> None:
    full = {name: value for name, value in (SIZE | gate).items() if value is not None}
    with pytest.raises(Refused, match=says):
        declared(made.declared(tmp_path, full))


def test_a_name_or_a_key_twice_is_refused_and_a_file_of_no_gate(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"has model\.size more than once"):
        declared(made.declared(tmp_path, SIZE, SIZE))
    path = made.declared(tmp_path, SIZE)
    path.write_text(path.read_text().replace("maximum: 5", "maximum: 5\n  maximum: 500"))
    with pytest.raises(Refused, match="maximum is there twice"):
        declared(path)
    with pytest.raises(Refused, match="gates: "):
        declared(made.declared(tmp_path))
    path.write_text("[]")
    with pytest.raises(Refused, match="the file: "):
        declared(path)
    with pytest.raises(Refused, match="has no gate that stops a model"):
        declared(made.declared(tmp_path, SIZE | {"severity": "warn"}))
    with pytest.raises(Refused, match=r"model\.measured ends in"):
        declared(made.declared(tmp_path, SIZE | {"name": "model.measured"}))
    with pytest.raises(Refused, match="cannot be read"):
        declared(tmp_path / "gone.yaml")
