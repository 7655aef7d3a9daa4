"""The graph behind BentoML."""

import os
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Graph:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = Path(os.environ["BENCH_FOLDER"]) / "model.onnx"
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    @bentoml.api
    def predict(self, inputs: list[list[float]]) -> list[float]:
        (told,) = self._session.run(["probabilities"], {"features": np.array(inputs, np.float32)})
        return told[:, 1].tolist()
