"""ONNX Runtime in a loop, on one thread, and nothing else: `loop.py FOLDER ROWS SECONDS`.

It prints calls a second, and seconds of a processor for each.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path, rows: int, seconds: float) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    matrix = np.array(json.loads((folder / "rows.json").read_text())["rows"][:rows], np.float32)
    calls, begun, had = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        session.run(["probabilities"], {"features": matrix})
        calls += 1
    print(calls / seconds, (time.process_time() - had) / calls)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
