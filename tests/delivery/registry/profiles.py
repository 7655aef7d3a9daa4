"""A contract, and profiles as the pipeline makes them of it, as far as the registry reads them."""

import json
from collections.abc import Mapping
from typing import Any, Final

ROWS: Final = 600
CONTRACT: Final = json.dumps(
    {
        "inputs": [
            {"name": "heart_rate", "kind": "number", "minimum": 0, "maximum": 300},
            {"name": "age", "kind": "integer", "minimum": 18, "maximum": 90},
            {"name": "emergency", "kind": "boolean"},
            {"name": "ward", "kind": "category", "categories": ["icu", "medical"], "nullable": True},
        ],
        "outputs": [{"name": "readmitted_30d", "tensor": "probabilities"}],
    }
).encode()


def profile(contract: bytes = CONTRACT) -> dict[str, Any]:
    """Of a model with this contract."""
    told = json.loads(contract)
    columns = [_column(each) for each in told["inputs"]]
    answers = [f"output.{each['name']}" for each in told["outputs"]]
    columns += [_numbers(each, 0.2, 0.8) for each in answers]
    label = answers[0].replace("output.", "label.")
    scores = {"kind": "scores", "rows": ROWS, "loss": 0.17, "variance": 0.02, **_hundredths()}
    numbers = [each["name"] for each in columns if each["role"] == "number" and each["name"] not in answers]
    pairs = {
        "names": numbers,
        "rows": ROWS,
        "products": [[0.0] * len(numbers)] * len(numbers),
        "noise": [[1 / ROWS] * len(numbers)] * len(numbers),
    }
    return {
        **{"rows": ROWS, "columns": [*columns, _numbers(label, 0.2, 0.8)], "scores": scores, "pairs": pairs},
        **{"predictions": answers[0], "labels": label},
    }


def raw(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True).encode()


def noise(parts: float) -> dict[str, Any]:
    return {"rows": ROWS, "parts": [parts], "longer": 1.0}


def _hundredths() -> dict[str, Any]:
    """Of answers as `_numbers` has them, each a tenth wrong about what came but for those in the middle."""
    told: dict[str, Any] = {"counts": [0] * 100, "positives": [0] * 100, "foreseen": [0.0] * 100}
    for place, count, positives in ((10, 150, 15), (50, 300, 150), (90, 150, 135)):
        told["counts"][place], told["positives"][place] = count, positives
        told["foreseen"][place] = count * (place + 0.5) / 100
    return told


def _column(field: Mapping[str, Any]) -> dict[str, Any]:
    if field["kind"] in ("number", "integer"):
        low, high = field.get("minimum") or 0.0, field.get("maximum") or 100.0
        return _numbers(field["name"], low + (high - low) / 4, high - (high - low) / 4)
    names = ["true", "false"] if field["kind"] == "boolean" else field["categories"]
    held = {"counts": dict.fromkeys(names, ROWS // len(names)), "rest": 0, "rows": ROWS, "noise": noise(1.1)}
    kind = "boolean" if field["kind"] == "boolean" else "text"
    return {"name": field["name"], "type": kind, "role": "category", "missing": 0, "categories": held}


def _numbers(name: str, low: float, high: float) -> dict[str, Any]:
    far = (high - low) / 3
    edges = [low - far, low, high, high + far]
    held = {"edges": edges, "counts": [0, 150, 300, 150, 0], "low": 1, "high": 4, "noise": noise(1.2)}
    return {"name": name, "type": "float", "role": "number", "missing": 0, "numbers": held}
