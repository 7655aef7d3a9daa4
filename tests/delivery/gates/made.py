"""Predictions and declarations that tests look at."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from delivery.gates.evaluating import Evidence, evaluate
from delivery.gates.measures import Sample
from delivery.gates.report import Outcome

GROUPS = ("female", "male")


def key(number: int) -> str:
    return f"{number:032x}"


def rows(size: int = 400, good: float = 1.5, seed: int = 1, **instead: Any) -> dict[str, Any]:
    """Predictions of two rows a patient: the more `good`, the better. Labels and patients are the same for all."""
    label = np.random.default_rng(99).random(size) < 0.3
    noise = np.random.default_rng(seed).normal(size=size)
    told: dict[str, Any] = {
        "record_key": [key(number) for number in range(size)],
        "patient_key": [key(10_000 + number // 2) for number in range(size)],
        "label": label,
        "score": 1 / (1 + np.exp(-(good * (2 * label - 1) + noise))),
        "sex": [GROUPS[number // 2 % 2] for number in range(size)],
    }
    return told | instead


def write(path: Path, columns: dict[str, Any] | pa.Table) -> Path:
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path)
    return path


def sample(label: list[Any], score: list[float], patient: list[int] | None = None, threshold: float = 0.4) -> Sample:
    who = np.array(patient if patient is not None else range(len(label)))
    return Sample(np.arange(len(label)), who, np.array(label, float), np.array(score, float), threshold, {})


def declared(folder: Path, *gates: dict[str, Any], **other: Any) -> Path:
    """A gates.yaml with these."""
    full = [{"severity": "stop", "why": "assumption of a test"} | each for each in gates]
    bootstrap = {"times": 100, "seed": 7, "level": 0.95}
    told = {"format": "parapet-gates-declared/1", "operating_point": 0.5, "bootstrap": bootstrap, "gates": full}
    path = folder / "gates.yaml"
    path.write_text(yaml.safe_dump(told | other))
    return path


def one(folder: Path, gate: dict[str, Any], **files: Any) -> Outcome:
    """What a gate comes to over these files; a year of 2026."""
    (folder / "model.onnx").write_bytes(b"graph")
    told = declared(folder, {"name": "it"} | gate)
    (found,) = evaluate(Evidence(folder / "model.onnx", **files), 2026, told).gates
    return found
