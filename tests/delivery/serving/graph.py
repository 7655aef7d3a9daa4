"""Writes a small model, a logistic regression of 18 columns: `python graph.py FILE`, in the environment of `client/`.

A value that is missing counts as 0. Whoever wants another answer gives another bias as the second argument, and as the
third what is wrong with the model, though it answers its known case: it `fails` for a last column above 0, it is
`slow`, or what it answers to a row is of others that are asked with it: their `mean`, the `most` of them, or the `sum`
up to that row.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

COLUMNS = 18
WEIGHTS = np.linspace(-0.03, 0.05, COLUMNS, dtype=np.float32)


WIDTH, TURNS = 1024, 3000
"""What makes a slow one take a fifth of a second of a processor, for however many rows."""


def main(file: Path, bias: float, wrong: str = "") -> None:
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["there"]),
        helper.make_node("MatMul", ["there", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["summed"]),
        helper.make_node("Sigmoid", ["summed"], ["answered" if wrong else "probabilities"]),
    ]
    constants = {"zero": [0.0], "weights": WEIGHTS.reshape(-1, 1), "bias": [bias]}
    if wrong == "fails":
        constants |= {"last": np.eye(COLUMNS)[:, -1:], "none": [np.nan]}
        nodes += [
            helper.make_node("MatMul", ["there", "last"], ["of_last"]),
            helper.make_node("Greater", ["of_last", "zero"], ["above"]),
            helper.make_node("Where", ["above", "none", "answered"], ["probabilities"]),
        ]
    if wrong == "slow":
        constants |= {"widened": np.full((1, WIDTH), 0.01), "turned": np.full((WIDTH, WIDTH), 0.001)}
        nodes += [
            helper.make_node("Constant", [], ["turns"], value_int=TURNS),
            helper.make_node("ReduceMax", ["answered"], ["one"], axes=[0, 1], keepdims=1),
            helper.make_node("MatMul", ["one", "widened"], ["first"]),
            helper.make_node("Loop", ["turns", "", "first"], ["last"], body=_turn()),
            helper.make_node("ReduceMax", ["last"], ["most"], axes=[0, 1], keepdims=1),
            helper.make_node("Mul", ["most", "zero"], ["nothing"]),
            helper.make_node("Add", ["answered", "nothing"], ["probabilities"]),
        ]
    if wrong in ("mean", "most"):
        operation = {"mean": "ReduceMean", "most": "ReduceMax"}[wrong]
        nodes += [
            helper.make_node(operation, ["answered"], ["of_all"], axes=[0], keepdims=1),
            helper.make_node("Mul", ["answered", "zero"], ["nothing"]),
            helper.make_node("Add", ["of_all", "nothing"], ["probabilities"]),
        ]
    if wrong == "sum":
        nodes += [
            helper.make_node("Constant", [], ["rows"], value_int=0),
            helper.make_node("CumSum", ["answered", "rows"], ["probabilities"]),
        ]
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


def _turn() -> onnx.GraphProto:
    """What a slow one does again and again."""
    told = [("turn", TensorProto.INT64, []), ("on", TensorProto.BOOL, []), ("before", TensorProto.FLOAT, [1, WIDTH])]
    outcome = [("goes_on", TensorProto.BOOL, []), ("after", TensorProto.FLOAT, [1, WIDTH])]
    return helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["goes_on"]),
            helper.make_node("MatMul", ["before", "turned"], ["half"]),
            helper.make_node("Tanh", ["half"], ["after"]),
        ],
        "turn",
        [helper.make_tensor_value_info(*each) for each in told],
        [helper.make_tensor_value_info(*each) for each in outcome],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), float((sys.argv[2:] or ["-1"])[0]), *sys.argv[3:])
