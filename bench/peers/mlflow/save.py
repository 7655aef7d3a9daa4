"""Saves the graph as a model of MLflow: `python save.py FOLDER`."""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx


def main(folder: Path) -> None:
    rows = np.array(json.loads((folder / "rows.json").read_text())["rows"], np.float32)
    signature = mlflow.models.infer_signature(rows)
    mlflow.onnx.save_model(onnx.load(folder / "model.onnx"), folder / "mlflow", signature=signature)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
