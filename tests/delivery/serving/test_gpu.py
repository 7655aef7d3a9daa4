"""What computes a model: a GPU where one was asked for, or nothing.

No machine of these tests has one. ONNX Runtime is a stand-in here that does what the real one does without a GPU, and
with one: it goes on by the processor, unless it was told not to (onnxruntime 1.31,
`capi/onnxruntime_inference_collection.py`, `enable_fallback`; `onnxruntime_session_options_config_keys.h`,
`session.disable_cpu_ep_fallback`).
"""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from local.images import DELIVERY
from parapet_serving.bundle.manifest import Input, Output
from parapet_serving.contract import Contract
from parapet_serving.refusal import Refused

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CONTRACT = Contract((Input("age", "number"),), (Output("risk", "risk"),))


class Runtime(ModuleType):
    """ONNX Runtime, on a machine with so many GPUs; `kernels`: whether a GPU has one for each node of the graph."""

    def __init__(self, *, cuda: bool = True, gpus: int = 1, kernels: bool = True) -> None:
        super().__init__("onnxruntime")
        self.cuda, self.gpus, self.kernels = cuda, gpus, kernels
        self.loaded = False
        self.lost = False
        """Whether the GPU has gone since."""
        runtime = self

        class SessionOptions(SimpleNamespace):
            def __init__(self) -> None:
                super().__init__(told={})

            def add_session_config_entry(self, name: str, value: str) -> None:
                self.told[name] = value

        class InferenceSession:
            def __init__(
                self, content: bytes, options: Any, providers: list[Any], enable_fallback: int = 1, **_: Any
            ) -> None:
                self.asked = dict(each if isinstance(each, tuple) else (each, {}) for each in providers)
                self.falls_back = bool(enable_fallback)
                found = [each for each in self.asked if each == CPU or (runtime.gpus and runtime.loaded)]
                alone = options.told.get("session.disable_cpu_ep_fallback") == "1"
                if alone and (CUDA not in found or not runtime.kernels):
                    raise RuntimeError("This session contains graph nodes that are assigned to the default CPU EP")
                self.found = [*found, *([] if CPU in found else [CPU])]

            def get_providers(self) -> list[str]:
                return self.found

            def get_inputs(self) -> list[Any]:
                return [SimpleNamespace(name="rows", type="tensor(float)", shape=[None, 1])]

            def get_outputs(self) -> list[Any]:
                return [SimpleNamespace(name="risk")]

            def run(self, names: list[str], given: dict[str, Any]) -> list[Any]:
                if runtime.lost and self.found[0] == CUDA:
                    if not self.falls_back:
                        raise RuntimeError("CUDA failure 999")
                    self.found = [CPU]
                return [given["rows"][:, 0]]

        self.SessionOptions, self.InferenceSession = SessionOptions, InferenceSession

    def get_available_providers(self) -> list[str]:
        return [*([CUDA] if self.cuda else []), CPU]

    def preload_dlls(self) -> None:
        self.loaded = True

    def set_default_logger_severity(self, severity: int) -> None:
        self.severity = severity


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a graph by this runtime."""

    def make(runtime: Runtime, *processor: str) -> Any:
        monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
        monkeypatch.delitem(sys.modules, "parapet_serving.graph", raising=False)
        return importlib.import_module("parapet_serving.graph").Graph(b"", CONTRACT, *processor)

    yield make
    monkeypatch.delitem(sys.modules, "parapet_serving.graph", raising=False)


def test_a_gpu_computes_all_of_it_and_answers_as_a_processor_would(graph: Any) -> None:
    made = graph(Runtime(), "gpu")
    session = made._session
    assert list(session.asked) == [CUDA]
    assert session.asked[CUDA] == {"use_tf32": "0"}, "factors of ten bits are further off than known cases may be"
    assert made.predict(np.array([[0.5]], np.float32))["risk"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        (Runtime(cuda=False), "the ONNX Runtime here has no CUDA"),
        (Runtime(gpus=0), "no GPU answers"),
        (Runtime(kernels=False), "has nodes that only a processor computes"),
        (Runtime(gpus=0, kernels=False), "no GPU answers"),
    ],
    ids=["no CUDA", "no GPU", "no kernels", "neither GPU nor kernels"],
)
def test_where_a_gpu_was_asked_for_and_is_not_there_nothing_starts(graph: Any, runtime: Runtime, said: str) -> None:
    with pytest.raises(Refused, match=said):
        graph(runtime, "gpu")


def test_a_gpu_that_goes_is_an_error_and_not_a_slow_answer(graph: Any) -> None:
    runtime = Runtime()
    made = graph(runtime, "gpu")
    runtime.lost = True
    with pytest.raises(RuntimeError, match="CUDA failure"):
        made.predict(np.array([[0.5]], np.float32))


def test_who_asks_for_none_has_none(graph: Any) -> None:
    runtime = Runtime()
    assert graph(runtime)._session.asked == {CPU: {}}
    assert not runtime.loaded


LOCKS = (DELIVERY / "serving" / "requirements.txt", DELIVERY / "serving" / "gpu" / "requirements.txt")


def pinned(lock: Path) -> dict[str, str]:
    found = dict(re.findall(r"^([a-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(), re.MULTILINE))
    assert len(found) > 20
    return found


def test_both_images_have_the_same_packages_but_for_the_runtime_and_cuda() -> None:
    plain, gpu = (pinned(lock) for lock in LOCKS)
    minor, minor_gpu = (int(each.split(".")[1]) for each in (plain.pop("onnxruntime"), gpu["onnxruntime-gpu"]))
    assert minor_gpu in (minor - 1, minor), "that for GPUs comes weeks later, and reads a graph as the other does"
    assert plain.items() <= gpu.items()
    more = {name for name in gpu if name not in plain}
    assert "onnxruntime" not in gpu, "both are one folder, of which the one that came last would count"
    assert {name for name in more if not name.startswith("nvidia-")} == {"onnxruntime-gpu"}
    assert {"nvidia-cudnn", "nvidia-cublas", "nvidia-cuda-runtime"} <= {re.sub(r"-cu\d+$", "", name) for name in more}


def test_each_package_of_the_gpus_image_has_hashes() -> None:
    lock = LOCKS[1].read_text()
    hashed = re.findall(r"^[a-z0-9][\w.\[\],-]*==[^\\\n]*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(hashed) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) == len(pinned(LOCKS[1]))
