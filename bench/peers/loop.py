"""ONNX Runtime in a loop, on one thread, and nothing else: `loop.py FOLDER ROWS SECONDS OTHERS`.

Each call has so many rows, and OTHERS calls have other ones before the first come again. It prints calls a second, and
seconds of a processor for each.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path, rows: int, seconds: float, others: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    every = np.array(json.loads((folder / "rows.json").read_text())["rows"], np.float32)
    matrices = itertools.cycle([every[rows * place : rows * (place + 1)] for place in range(others)])
    calls, begun, had = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        session.run(["probabilities"], {"features": next(matrices)})
        calls += 1
    print(calls / seconds, (time.process_time() - had) / calls)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
