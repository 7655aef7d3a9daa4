"""Runs logged per second by the stack's MLflow server, over a plain `mlflow server` on the same PostgreSQL.

Ours has the gate, the log-in, the audit trail and the proxy of artifacts; the plain one has none. Both have as many
workers, and reach the database server by the same verified TLS, each its own database there. The plain one is measured
on our event loop and parser, which is the fair pair, and as `pip install mlflow` brings it. A run is created, gets ten
parameters and ten metrics in one batch, and ends: three calls. Four clients at once, in turns of some seconds, each
server in its turn, so that a machine whose speed drifts slows all alike; then a crowd of sixty at ours alone, since the
plain one fails some of them.
"""

import base64
import http.client
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.pairs import in_shell, running_stack
from local import images, processes
from local.kubernetes.workloads.runner import Place
from local.workspace import Workspace

LEAST, MOST, SLOWEST = 0.9, 1.2, 2.0
"""Of the plain one's runs a second, of its 99th percentile, and seconds of a call in the crowd, on average of a run."""
TURNS = 7
SECONDS = 8.0  # of each turn
CLIENTS, CROWD = 4, 60
CALLS = 3  # of a run
API = "/api/2.0/mlflow"
AS_INSTALLED, OUR_LOOP = "--loop asyncio --http h11", "--loop uvloop --http httptools"


class Client:
    """One connection to a server, kept open."""

    def __init__(self, url: str, authorization: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"Content-Type": "application/json", "Authorization": authorization}

    def call(self, route: str, **body: Any) -> dict[str, Any]:
        self._connection.request("POST", f"{API}/{route}", json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{route}: {answer.status} {text[:300]!r}")
        found: dict[str, Any] = json.loads(text)
        return found

    def log_run(self, experiment: str) -> None:
        now = int(time.time() * 1000)
        run = self.call("runs/create", experiment_id=experiment, start_time=now)["run"]["info"]["run_id"]
        self.call(
            "runs/log-batch",
            run_id=run,
            params=[{"key": f"p{number}", "value": str(number)} for number in range(10)],
            metrics=[{"key": f"m{number}", "value": number, "timestamp": now, "step": 0} for number in range(10)],
        )
        self.call("runs/update", run_id=run, status="FINISHED", end_time=now)


def turn(url: str, authorization: str, experiment: str, clients: int = CLIENTS) -> list[float]:
    """Seconds of each run that the clients logged in one turn. Raises RuntimeError for one that a server refused."""
    taken: list[float] = []
    end = time.perf_counter() + SECONDS

    def work(_: int) -> None:
        client = Client(url, authorization)
        while (begun := time.perf_counter()) < end:
            client.log_run(experiment)
            taken.append(time.perf_counter() - begun)

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    return taken


def credentials(environment: dict[str, str]) -> tuple[str, str]:
    """Our server's URL, and what a data scientist authorises his calls with."""
    variables = in_shell(environment, "--credentials")
    who = f"{variables['MLFLOW_TRACKING_USERNAME']}:{variables['MLFLOW_TRACKING_PASSWORD']}"
    return variables["MLFLOW_TRACKING_URI"], f"Basic {base64.b64encode(who.encode()).decode()}"


@contextmanager
def plain_server(home: Path, name: str, options: str) -> Iterator[str]:
    """A plain `mlflow server` with these options of uvicorn, and with the workers of ours; its URL.

    Its database, of this name, is beside ours.
    """
    workspace, programs = Workspace(home=home), images.environment("mlflow_server") / "bin"
    ours = Place(workspace, "mlflow", "mlflow")
    process = Path("/proc") / str(running(ours))
    command = (process / "cmdline").read_text().split("\0")
    store, workers = (command[command.index(option) + 1] for option in ("--backend-store-uri", "--workers"))
    # Ours may run within its image's file system, where the authorities' certificates are.
    store = store.replace("sslrootcert=/", f"sslrootcert={process}/root/", 1)
    secret = json.loads((ours.folder / "secrets" / "database").read_text())
    signed_in = os.environ | {"PGUSER": secret["username"], "PGPASSWORD": secret["password"]}
    address = store.replace("postgresql+psycopg", "postgresql", 1)
    subprocess.run([str(programs / "python"), "-c", MAKE, address, name], env=signed_in, check=True)
    port, folder = processes.choose_port(None), home / name
    record = processes.start(
        name,
        [
            *(
                str(programs / "python"),
                "-m",
                "mlflow",
                "server",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--workers",
                workers,
            ),
            *("--backend-store-uri", store.replace("/mlflow?", f"/{name}?", 1)),
            *("--artifacts-destination", str(folder), "--uvicorn-opts", options),
        ],
        port=port,
        folder=folder,
        log=folder / "log",
        ready=lambda: answers(port),
        environment=signed_in | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        deadline=180,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(folder, record)
        shutil.rmtree(folder)


MAKE = "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(f'create database {sys.argv[2]}')"


def running(place: Place) -> int:
    record = place.running()
    if record is None:
        raise SystemExit(f"The server does not run; what it said is in {place.log}")
    return record.pid


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    with running_stack() as environment:
        url, authorization = credentials(environment)
        home = Path(environment["PARAPET_HOME"])
        with plain_server(home, "plain", AS_INSTALLED) as plain, plain_server(home, "same_loop", OUR_LOOP) as same_loop:
            sides = {"ours": (url, authorization), "plain": (plain, ""), "plain, our event loop": (same_loop, "")}
            experiments = {
                name: Client(*side).call("experiments/create", name="bench")["experiment_id"]
                for name, side in sides.items()
            }
            found: dict[str, list[list[float]]] = {name: [] for name in sides}
            for name, side in sides.items():  # not counted
                turn(*side, experiments[name])
            for _ in range(TURNS):
                for name, side in sides.items():
                    found[name].append(turn(*side, experiments[name]))
            crowd = [
                seconds / CALLS for _ in range(TURNS) for seconds in turn(*sides["ours"], experiments["ours"], CROWD)
            ]
    ours, same_loop = found["ours"], found["plain, our event loop"]
    tell("a plain mlflow server on our event loop", ours, same_loop, f"at least {LEAST}; ")
    tell("one as it is installed", ours, found["plain"], "")
    late = [percentile([seconds for taken in turns for seconds in taken], 0.99) for turns in (ours, same_loop)]
    print(f"99th percentile of a run, over the first: {late[0] / late[1]:.2f} (at most {MOST})")
    late_in_crowd = percentile(crowd, 0.99)
    print(f"{CROWD} clients at once: 99th percentile of a run, a third: {late_in_crowd:.2f} s (at most {SLOWEST})")
    for name, turns in found.items():
        every = [seconds for taken in turns for seconds in taken]
        print(
            f"  {name}: {len(every) / SECONDS / TURNS:.1f} runs/s, "
            f"median {statistics.median(every) * 1000:.0f} ms, p99 {percentile(every, 0.99) * 1000:.0f} ms"
        )


def tell(floor: str, ours: list[list[float]], others: list[list[float]], limit: str) -> None:
    ratios = sorted(len(mine) / len(theirs) for mine, theirs in zip(ours, others, strict=True))
    print(
        f"runs logged per second, over {floor}: {statistics.median(ratios):.2f} "
        f"({limit}{len(ratios)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
