"""The one kind of model so far: a graph of ONNX that takes a matrix of float32, [rows, fields]."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from parapet_serving.bundle.manifest import Output
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.refusal import Refused


class Graph:
    """A graph of ONNX, on one thread of the processor."""

    def __init__(self, content: bytes, contract: Contract) -> None:
        """Raises Refused where the graph is not one for this contract."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its own lines can hold what was put in
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # it has classes of its own for each failure, and no common one
            raise Refused(f"model.onnx is no graph that ONNX Runtime loads: {type(error).__name__}.") from None
        self.takes: Final = _only_input(self._session.get_inputs(), len(contract.inputs))
        self._outputs = contract.outputs
        self._tensors = sorted({output.tensor for output in contract.outputs})
        offered = [each.name for each in self._session.get_outputs()]
        for output in contract.outputs:
            if output.tensor not in offered:
                raise Refused(
                    f"model.onnx has no output {output.tensor!r}, which contract.json names. It has: {offered}."
                )

    def predict(self, matrix: Matrix) -> Outputs:
        found = dict(zip(self._tensors, self._session.run(self._tensors, {self.takes: matrix}), strict=True))
        return {output.name: _column(found[output.tensor], output, len(matrix)) for output in self._outputs}


def _only_input(inputs: Sequence[Any], fields: int) -> str:
    match inputs:
        case [one] if one.type == "tensor(float)" and len(one.shape) == 2 and one.shape[1] in (fields, None):
            return str(one.name)
    shapes = [(each.name, each.type, each.shape) for each in inputs]
    raise Refused(f"model.onnx takes {shapes}. It must take one tensor(float) of [rows, {fields}].")


def _column(found: Any, output: Output, rows: int) -> Matrix:
    if isinstance(found, np.ndarray) and found.shape[:1] == (rows,):
        if found.ndim == 2 and output.column < found.shape[1]:
            return found[:, output.column]
        if found.ndim == 1 and output.column == 0:
            return found
    raise Refused(f"model.onnx gives another shape for {output.tensor!r} than [{rows}, columns] or [{rows}].")
