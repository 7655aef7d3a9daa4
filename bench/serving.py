"""Predictions a second by our inference server, over its peers and over ONNX Runtime in a bare loop.

The same graph everywhere, a LightGBM classifier of 18 features; one worker, one thread of the runtime, 32 connections
from a client on the same machine. Ours checks tokens, the contract, and writes metrics, a line in its log and a row in
the prediction log for each; the others do none of it. 1 row and 64 rows, in JSON, of numbers with four decimals; and 64
rows as bytes for ours, which is what a client of the Open Inference Protocol sends by itself. Each of 64 requests has
other rows, as calls have: of the same ones again and again the processor learns the way through the trees by heart, and
the bare loop takes half the time, which is told too. Each side in its turn, so that
a machine whose speed drifts slows all alike; by the clock, and by the processor's time that each takes, which others on
the machine disturb less: they take the model's trees out of the processor's cache, and the loop is the last to lose
them. `python -m bench.serving [PEER...]` with the peers that are wanted, without any for all.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench import load
from bench.load import Load
from local import images
from local.processes import choose_port
from parapet_serving.bundle.manifest import Case, Declared, Input, Output
from tests.delivery.serving.bundles import Bundle
from tests.delivery.serving.served import MODEL, Served

PEERS = Path(__file__).with_name("peers")
TURNS, SECONDS, CLIENTS = 9, 1.5, 32
OTHERS = 64
"""Requests with other rows, before the first come again."""
LEAST = {"mlflow": 8.0, "mlserver": 4.0, "litserve": 8.0, "bentoml": 8.0}
"""Times the peer's, for 1 row."""
OF_THE_LOOP = 0.5
"""Of the bare loop's calls, for 64 rows."""
PATIENCE = 180
MLSERVER = "from mlserver.cli import main; main()"
QUIET = {"ORT_DISABLE_TELEMETRY": "1"}
"""Else ONNX Runtime tells its makers of each session (its Privacy.md): ours never does, and no other does here."""


@dataclass
class Side:
    """A server, and the requests it is asked with, by the number of rows and the form."""

    name: str
    port: int
    process: int
    requests: dict[str, list[bytes]]
    loads: dict[str, list[Load]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of a processor that it took for each."""

    def turn(self, form: str, seconds: float = SECONDS) -> Load:
        before = processor(self.process)
        found = load.run(self.port, self.requests[form], seconds, CLIENTS)
        self.loads.setdefault(form, []).append(found)
        self.busy.setdefault(form, []).append((processor(self.process) - before) / len(found.taken))
        return found


def processor(number: int) -> float:
    """Seconds of a processor that a process and its children have had."""
    parent = psutil.Process(number)
    total = 0.0
    for each in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def environment(name: str) -> Path:
    return images.installed(f"bench-{name}", PEERS / name / "requirements.txt")


@contextmanager
def started(
    name: str, command: list[str], folder: Path, port: int, requests: dict[str, list[bytes]], **variables: str
) -> Iterator[Side]:
    """A peer's process, from when it answers rightly. Its log is in the folder."""
    log = folder / f"{name}.log"
    own = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "BENCH_FOLDER": str(folder)} | QUIET
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=own | variables, cwd=folder, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                load.answer(port, requests["1 row"][0])
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{name} does not answer:\n{log.read_text()[-2000:]}") from None
                time.sleep(0.2)
        yield Side(name, port, process.pid, requests)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(20)


def parts(rows: list[list[float]], size: int) -> list[list[list[float]]]:
    """So many rows for each of the requests."""
    return [rows[size * place : size * (place + 1)] for place in range(OTHERS)]


def forms(
    path: str, body: Callable[[list[list[float]]], Any], rows: list[list[float]], headers: dict[str, str] | None = None
) -> dict[str, list[bytes]]:
    return {
        name: [load.request(path, json.dumps(body(some)).encode(), headers or {}) for some in parts(rows, size)]
        for name, size in (("1 row", 1), ("64 rows", 64))
    }


def tensor(rows: list[list[float]]) -> dict[str, Any]:
    flat = [value for row in rows for value in row]
    return {"inputs": [{"name": "features", "shape": [len(rows), 18], "datatype": "FP32", "data": flat}]}


@contextmanager
def mlflow(folder: Path, rows: list[list[float]]) -> Iterator[Side]:
    python, port = environment("mlflow") / "bin" / "python", choose_port(None)
    subprocess.run([str(python), str(PEERS / "mlflow" / "save.py"), str(folder)], check=True, capture_output=True)
    command = [str(python), "-m", "mlflow", "models", "serve", "--model-uri", str(folder / "mlflow")]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # It starts this program by its name, and an environment of the cache has no programs but its Python.
    uvicorn = folder / "bin" / "uvicorn"
    uvicorn.parent.mkdir()
    uvicorn.write_text(f'#!/bin/sh\nexec {python} -m uvicorn "$@"\n')
    uvicorn.chmod(0o755)
    requests = forms("/invocations", lambda some: {"inputs": some}, rows)
    with started("mlflow", command, folder, port, requests, MLFLOW_DISABLE_TELEMETRY="true") as side:
        yield side


@contextmanager
def mlserver(folder: Path, rows: list[list[float]]) -> Iterator[Side]:
    ports = [choose_port(None) for _ in range(3)]
    home = folder / "mlserver"
    home.mkdir()
    shutil.copy(PEERS / "mlserver" / "runtime.py", home)
    settings = {"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2]}
    settings |= {"parallel_workers": 0, "debug": False}
    (home / "settings.json").write_text(json.dumps(settings))
    (home / "model-settings.json").write_text(json.dumps({"name": "m", "implementation": "runtime.Graph"}))
    command = [str(environment("mlserver") / "bin" / "python"), "-c", MLSERVER, "start", str(home)]
    with started("mlserver", command, folder, ports[0], forms("/v2/models/m/infer", tensor, rows)) as side:
        yield side


@contextmanager
def litserve(folder: Path, rows: list[list[float]]) -> Iterator[Side]:
    port = choose_port(None)
    serve, python = PEERS / "litserve" / "serve.py", environment("litserve") / "bin" / "python"
    command = [str(python), str(serve), str(folder), str(port)]
    with started("litserve", command, folder, port, forms("/predict", lambda some: {"inputs": some}, rows)) as side:
        yield side


@contextmanager
def bentoml(folder: Path, rows: list[list[float]]) -> Iterator[Side]:
    port = choose_port(None)
    command = [
        str(environment("bentoml") / "bin" / "python"),
        "-m",
        "bentoml",
        "serve",
        "service:Graph",
        "--port",
        str(port),
    ]
    command += ["--host", "127.0.0.1", "--working-dir", str(PEERS / "bentoml")]
    requests = forms("/predict", lambda some: {"inputs": some}, rows)
    with started("bentoml", command, folder, port, requests, BENTOML_DO_NOT_TRACK="true") as side:
        yield side


class Lightgbm(Bundle):
    """A bundle of this graph: 18 numbers without a unit."""

    def declared(self) -> Declared:
        told = json.loads((self.folder / "rows.json").read_text())
        names = [f"feature_{place:02d}" for place in range(18)]
        inputs = [Input(name, "number", minimum=-100, maximum=100) for name in names]
        case = Case(dict(zip(names, told["rows"][0], strict=True)), {"probability": told["told"][0]})
        return Declared(inputs, [Output("probability", "probabilities", 1)], [case])


@contextmanager
def ours(folder: Path, rows: list[list[float]]) -> Iterator[Side]:
    bundle = Lightgbm(folder, (folder / "model.onnx").read_bytes())
    enough = {"perSecond": 1e6, "burst": 1e6}
    server = Served(images.environment("serving"), bundle, folder, bundle.write(), {"limits": enough})
    server.more["predictionLog"] = {"place": str(server.kept)}
    server.start()
    try:
        signed = {"Authorization": f"Bearer {server.token(exp=int(time.time()) + 86_400)}"}
        requests = forms(f"{MODEL}/infer", tensor, rows, signed)
        requests["64 rows, bytes"] = [as_bytes(some, signed) for some in parts(rows, 64)]
        assert server.process
        yield Side("ours", server.port, server.process.pid, requests)
        lost = server.metric("prediction_log_lost_rows_total")
        print(f"Rows that the prediction log lost, of {server.metric('batch_rows_sum'):.0f}: {lost:.0f}")
        print(f"Rows of a batch, on average: {server.metric('batch_rows_sum') / server.metric('batch_rows_count'):.1f}")
    finally:
        server.end()


def as_bytes(rows: list[list[float]], signed: dict[str, str]) -> bytes:
    tail = struct.pack(f"<{len(rows) * 18}f", *(value for row in rows for value in row))
    described = {"name": "features", "shape": [len(rows), 18], "datatype": "FP32"}
    described["parameters"] = {"binary_data_size": len(tail)}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return load.request(f"{MODEL}/infer", head + tail, signed | headers)


@dataclass(frozen=True)
class Bare:
    """The bare loop."""

    rate: float
    """Calls a second."""
    busy: float
    """Seconds of a processor that a call takes."""


def loop(folder: Path, rows: int, others: int = OTHERS) -> Bare:
    command = [str(images.environment("serving") / "bin" / "python"), str(PEERS / "loop.py")]
    done = subprocess.run(
        [*command, str(folder), str(rows), str(SECONDS), str(others)],
        env=os.environ | QUIET,
        capture_output=True,
        check=True,
    )
    rate, busy = done.stdout.split()
    return Bare(float(rate), float(busy))


def main(names: list[str]) -> None:
    known = {"mlflow": mlflow, "mlserver": mlserver, "litserve": litserve, "bentoml": bentoml}
    if unknown := set(names) - known.keys():
        raise SystemExit(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        make = [str(environment("graph") / "bin" / "python"), str(PEERS / "graph" / "make.py"), str(folder)]
        subprocess.run(make, env=os.environ | QUIET, check=True, capture_output=True)
        rows = json.loads((folder / "rows.json").read_text())["rows"]
        sides = [stack.enter_context(ours(folder, rows))]
        sides += [stack.enter_context(known[name](folder, rows)) for name in names or known]
        bare: dict[str, list[Bare]] = {"1 row": [], "64 rows": [], "64 rows, the same each time": []}
        for side in sides:  # not counted
            for form in side.requests:
                load.run(side.port, side.requests[form], 1.0, CLIENTS)
        for _ in range(TURNS):
            for form, found in bare.items():
                found.append(loop(folder, int(form.split()[0]), 1 if form.endswith("each time") else OTHERS))
            for side in sides:
                for form in side.requests:
                    side.turn(form)
    tell(sides, bare)


def tell(sides: list[Side], bare: dict[str, list[Bare]]) -> None:
    mine, others = sides[0], sides[1:]
    for form in ("64 rows, bytes", "64 rows", "1 row"):
        of = bare[form.partition(",")[0]]
        limit = f"at least {OF_THE_LOOP}; " if form.startswith("64") else ""
        rates = [[each.rate for each in mine.loads[form]], [each.rate for each in of]]
        told("a bare loop of ONNX Runtime", form, *rates, limit)
        busy = statistics.median(each.busy / own for each, own in zip(of, mine.busy[form], strict=True))
        print(f"  by processor time {busy:.2f}")
    for form in ("1 row", "64 rows"):
        for other in others:
            limit = f"at least {LEAST[other.name]:.0f}; " if form == "1 row" else ""
            rates = [[each.rate for each in side.loads[form]] for side in (mine, other)]
            told(other.name, form, *rates, limit)
            busy = statistics.median(b / a for a, b in zip(mine.busy[form], other.busy[form], strict=True))
            print(f"  of a processor's time it takes {busy:.2f} times as much")
    for form, loops in bare.items():
        rate, busy = (statistics.median(told) for told in zip(*((each.rate, each.busy) for each in loops), strict=True))
        print(f"  bare loop, {form}: {rate:.0f} calls/s, {busy * 1e6:.0f} us of a core each")
    for side in sides:
        for form, loads in side.loads.items():
            rate = statistics.median(each.rate for each in loads)
            late = statistics.median(each.percentile(0.99) for each in loads) * 1000
            busy = statistics.median(side.busy[form]) * 1e6
            print(f"  {side.name}, {form}: {rate:.0f} requests/s, p99 {late:.1f} ms, {busy:.0f} us of a core each")


def told(floor: str, form: str, rates: list[float], others: list[float], limit: str) -> None:
    ratios = sorted(mine / other for mine, other in zip(rates, others, strict=True))
    print(
        f"predictions a second over {floor}, {form}: {statistics.median(ratios):.2f} "
        f"({limit}{len(ratios)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
