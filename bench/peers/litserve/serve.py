"""The graph behind LitServe: `python serve.py FOLDER PORT`."""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
import onnxruntime


class Graph(litserve.LitAPI):
    def setup(self, device: str) -> None:
        del device
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = Path(sys.argv[1]) / "model.onnx"
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request: dict[str, Any]) -> Any:
        return np.array(request["inputs"], np.float32)

    def predict(self, x: Any) -> Any:
        return self._session.run(["probabilities"], {"features": x})[0][:, 1]

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"outputs": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Graph(), accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False, log_level="warning"
    )
