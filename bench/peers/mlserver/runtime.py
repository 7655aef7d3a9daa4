"""The graph behind MLServer."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Graph(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = Path(os.environ["BENCH_FOLDER"]) / "model.onnx"
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (tensor,) = payload.inputs
        matrix = np.array(tensor.data.root, np.float32).reshape(tensor.shape)
        (told,) = self._session.run(["probabilities"], {"features": matrix})
        output = ResponseOutput(name="p", shape=[len(told)], datatype="FP32", data=told[:, 1].tolist())
        return InferenceResponse(model_name=self.name, outputs=[output])
