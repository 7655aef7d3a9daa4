"""A model asked as the inference server asks it: by ONNX Runtime, on one thread."""

import time
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from delivery.pipeline.declared import Matrix
from delivery.registry.refused import Refused
from delivery.registry.whole import whole

WARM: Final = 50
ROWS: Final = 50_000
TRIED: Final = 16
"""Rows that are asked by themselves too."""
NEAR: Final = 1e-5
"""By how much an answer may differ then: what a known case of a contract may."""


class Graph:
    """A graph of ONNX, of which one column of one tensor is asked."""

    def __init__(self, raw: bytes, tensor: str, column: int) -> None:
        """Raises Refused for what is no graph, or has values in another file."""
        whole(raw)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its own lines can hold what was put in
        try:
            self._session: Any = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of no common class
            raise Refused(f"model.onnx is no graph that ONNX Runtime loads: {type(error).__name__}.") from None
        self._tensor, self._column = tensor, column
        self._takes = self._session.get_inputs()[0].name

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """One probability a row, whatever is asked with it. Raises Refused for a graph in which rows meet: the
        inference server asks those of different callers together."""
        if not len(matrix):
            return np.zeros(0)
        parts = [self._asked(matrix[start : start + ROWS]) for start in range(0, len(matrix), ROWS)]
        found = np.concatenate(parts)
        tried = np.linspace(0, len(matrix) - 1, min(TRIED, len(matrix))).astype(int)
        alone = np.concatenate([self._asked(matrix[[place]]) for place in tried])
        turned = self._asked(matrix[tried[::-1]])[::-1]
        if not np.allclose([found[tried], turned], [alone, alone], rtol=0, atol=NEAR, equal_nan=True):
            raise Refused(
                "In model.onnx, what the model answers to a row depends on the rows that are asked with it: it is "
                f"further than {NEAR:g} from what it is alone. An operation goes over rows, as a mean of them."
            )
        return found.astype(np.float64)

    def seconds(self, matrix: Matrix, requests: int) -> NDArray[np.float64]:
        """How long each of so many requests took, of one row each, after some that warmed up."""
        rows = [matrix[number % len(matrix)][None, :] for number in range(requests + WARM)]
        taken = np.empty(len(rows))
        for number, row in enumerate(rows):
            begun = time.perf_counter()
            self._asked(row)
            taken[number] = time.perf_counter() - begun
        return taken[WARM:]

    def _asked(self, matrix: Matrix) -> NDArray[np.float32]:
        found = np.asarray(self._session.run([self._tensor], {self._takes: matrix})[0])
        made: NDArray[np.float32] = found.reshape(len(matrix), -1)[:, self._column]
        return made
