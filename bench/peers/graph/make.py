"""Writes the model, and what it says of some rows: `python make.py FOLDER`.

A LightGBM classifier of 18 features, 100 trees of 31 leaves, as a graph of ONNX.
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

ROWS = 64 * 64
"""64 requests of 64."""


def main(folder: Path) -> None:
    chance = np.random.default_rng(7)
    features = chance.normal(size=(20_000, 18)).astype(np.float32)
    noisy = features[:, 0] + features[:, 1] * features[:, 2] + chance.normal(size=len(features))
    options = {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "random_state": 7, "verbose": -1}
    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, **options).fit(features, (noisy > 0.8).astype(int))
    types = [("features", FloatTensorType([None, features.shape[1]]))]
    graph = convert_lightgbm(model, initial_types=types, zipmap=False, target_opset=15)
    (folder / "model.onnx").write_bytes(graph.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    rows = features[:ROWS].astype(np.float64).round(4)
    (told,) = session.run(["probabilities"], {"features": rows.astype(np.float32)})
    (folder / "rows.json").write_text(json.dumps({"rows": rows.tolist(), "told": told[:, 1].tolist()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
