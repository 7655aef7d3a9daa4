"""The one kind of model so far: a graph of ONNX that takes a matrix of float32, [rows, fields]."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort

from parapet_serving.bundle.manifest import Output
from parapet_serving.bundle.outside import NoGraph, outside
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.refusal import Refused

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
SILENT: Final = 4
"""The severity from which ONNX Runtime writes: its own lines can hold what was put in."""
ALONE: Final = "session.disable_cpu_ep_fallback"
EXACT: Final = {"use_tf32": "0"}
"""Factors of TF32 have ten bits, and known cases are answered to five digits (ONNX Runtime, "CUDA Execution
Provider", `use_tf32`)."""


class Graph:
    """A graph of ONNX, on one thread of the processor, or on a GPU and nothing else."""

    def __init__(self, content: bytes, contract: Contract, processor: Literal["cpu", "gpu"] = "cpu") -> None:
        """Raises Refused where the graph is not one for this contract, has values in another file, or no GPU computes
        it."""
        _whole(content)
        self._session = _on_gpu(content) if processor == "gpu" else _session(content, _options(), CPU)
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


def _whole(content: bytes) -> None:
    try:
        elsewhere = outside(content)
    except NoGraph:
        raise Refused("model.onnx is no graph that ONNX Runtime loads: it is not in the form of one.") from None
    if elsewhere:
        raise Refused(
            "model.onnx says that values of it are in another file, which nobody signed. Save it as one file "
            "(onnx.save_model with save_as_external_data=False), and have that registered."
        )


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    return options


def _session(content: bytes, options: ort.SessionOptions, *providers: Any) -> ort.InferenceSession:
    try:
        # Without its own way on, by which it would make do with the processor, at the start and at any later call.
        return ort.InferenceSession(content, options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # it has classes of its own for each failure, and no common one
        raise Refused(f"model.onnx is no graph that ONNX Runtime loads: {type(error).__name__}.") from None


def _on_gpu(content: bytes) -> ort.InferenceSession:
    if CUDA not in ort.get_available_providers():
        raise Refused(
            "processor is gpu, and the ONNX Runtime here has no CUDA. Run the image serving-gpu, as the platform does "
            "for a model with a gpuGroup, or leave processor out."
        )
    ort.set_default_logger_severity(SILENT)
    ort.preload_dlls()  # CUDA's libraries are packages beside it, where the loader does not look
    options = _options()
    options.add_session_config_entry(ALONE, "1")
    try:
        return _session(content, options, (CUDA, EXACT))
    except Refused:
        # It says the same of a machine without a GPU and of a graph that a GPU does not compute.
        found = _session(content, _options(), (CUDA, EXACT)).get_providers()
    if CUDA not in found:
        raise Refused(
            "processor is gpu, and no GPU answers here. Run it on a node of a GPU group, in a container that asks for "
            "nvidia.com/gpu; nvidia-smi on that node tells whether its driver is well."
        )
    raise Refused(
        "processor is gpu, and model.onnx has nodes that only a processor computes (trees are such). Serve it without "
        "a gpuGroup, or make a graph of what CUDA has kernels for."
    )


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
