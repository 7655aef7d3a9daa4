"""Writes a small model, a logistic regression of 18 columns: `python graph.py FILE`, in the environment of `client/`.

A value that is missing counts as 0. Whoever wants another answer gives another bias as the second argument.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

COLUMNS = 18
WEIGHTS = np.linspace(-0.03, 0.05, COLUMNS, dtype=np.float32)


def main(file: Path, bias: float) -> None:
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["there"]),
        helper.make_node("MatMul", ["there", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["summed"]),
        helper.make_node("Sigmoid", ["summed"], ["probabilities"]),
    ]
    constants = {"zero": [0.0], "weights": WEIGHTS.reshape(-1, 1), "bias": [bias]}
    graph = helper.make_graph(
        nodes,
        "readmission",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", COLUMNS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 1])],
        [onnx.numpy_helper.from_array(np.array(value, np.float32), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float((sys.argv[2:] or ["-1"])[0]))
