"""Models that answer in a live stack: made, signed as the registry does, put where servers read, and called."""

import http.client
import json
import random
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import issuer
from local.kubernetes import live
from local.kubernetes.control_plane.rollouts import CONFIGURATION, NAMESPACE
from local.kubernetes.live import load_balancer
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.delivery.serving.bundles import RECORD, Bundle, expected
from tests.e2e import released
from tests.e2e.user import User

NAME = "sepsis"
HOST = f"{NAME}.parapet.internal"
RATE = 20.0
"""Calls a second. A tenth of them, with `ROWS` predictions each, is enough to judge a version by in some seconds."""
ROWS = 10
CALLERS = 4
LAST = 80
PLACE = Path(__file__).parents[1] / "delivery" / "serving"


@dataclass(frozen=True)
class Models:
    """Versions of a model, and the stack that they are for."""

    user: User
    folder: Path
    python: Path
    """One that has ONNX."""

    def publish(
        self, version: str, *, bias: float = 0.0, wrong: str = "", answer: float | None = None
    ) -> dict[str, Any]:
        """Puts a signed version where servers read models; returns its entry of the setting `models`.

        `bias` moves all its answers; `wrong` is of `graph.py`; `answer` is what it claims to say of its known case.
        """
        graph = self._graph(bias, wrong)
        bundle = Bundle(self.folder, graph, answer=expected(bias=bias) if answer is None else answer)
        return released.put(self.user, bundle, version, NAME, startSeconds=30, undoSeconds=30)

    def _graph(self, bias: float, wrong: str) -> bytes:
        file = self.folder / "model.onnx"
        command = [str(self.python), "-P", str(PLACE / "graph.py"), str(file), str(bias)]
        subprocess.run([*command, *([wrong] if wrong else [])], check=True)
        return file.read_bytes()

    def bring_out(self, entry: dict[str, Any]) -> None:
        """Writes another version into the Rollout, as the stack's program would, without a run of the engine."""
        version, digest = entry["version"], entry["digest"]
        said = json.loads(self.rollout()["spec"]["template"]["metadata"]["annotations"][CONFIGURATION])
        before = said["model"]["version"]
        said["model"] |= {"version": version, "digest": digest}
        said["model"]["source"] = said["model"]["source"].removesuffix(before) + version
        annotations = {CONFIGURATION: json.dumps(said, sort_keys=True)}
        change = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        asked = ("patch", "rollout", NAME, f"--namespace={NAMESPACE}", "--type=merge", f"--patch={json.dumps(change)}")
        status, told = self.user.kubectl(*asked)
        assert status == 0, told

    def promote(self) -> None:
        """Ends the pause that it is in, as `kubectl argo rollouts promote` does."""
        change = {"status": {"pauseConditions": None}}
        asked = ("patch", "rollout", NAME, f"--namespace={NAMESPACE}", "--subresource=status", "--type=merge")
        status, told = self.user.kubectl(*asked, f"--patch={json.dumps(change)}")
        assert status == 0, told

    def weight(self) -> int:
        """Of a hundred calls, how many go to the new version, as the controller has it."""
        told = self.rollout().get("status", {}).get("canary", {}).get("weights", {})
        return int(told.get("canary", {}).get("weight", 0))

    def judged(self) -> dict[str, dict[str, str]]:
        """What became of each metric of the newest version, by the step that it was judged at."""
        version = f"--selector={VERSION}={self.rollout()['status']['currentPodHash']}"
        runs = self.user.get("analysisruns", f"--namespace={NAMESPACE}", version)["items"]
        return {
            each["metadata"]["labels"]["step-index"]: {
                metric["name"]: metric["phase"] for metric in each["status"].get("metricResults", [])
            }
            for each in runs
        }

    def pods(self) -> list[dict[str, Any]]:
        """Those that stay."""
        found = self.user.get("pods", f"--namespace={NAMESPACE}", f"--selector=app.kubernetes.io/name={NAME}")["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def rollout(self) -> dict[str, Any]:
        found: dict[str, Any] = self.user.get("rollout", NAME, f"--namespace={NAMESPACE}")
        return found

    def status(self, *phases: str, seconds: float = 180) -> dict[str, Any]:
        """The Rollout's status once its newest version has come to one of these phases."""

        def status() -> dict[str, Any]:
            rollout = self.rollout()
            found: dict[str, Any] = rollout.get("status", {})
            seen = found.get("observedGeneration") == str(rollout["metadata"]["generation"])
            return found if seen and found.get("phase") in phases else {}

        found: dict[str, Any] = wait_for(status, seconds)
        return found


@dataclass
class Calls:
    """What became of a client's calls."""

    statuses: Counter[str] = field(default_factory=Counter)
    """How often each status, or the kind of an error."""
    versions: Counter[str] = field(default_factory=Counter)
    """How many answers each version gave."""

    last: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=LAST))
    """The status and the version of each of the last ones."""

    def only(self, version: str) -> bool:
        """Whether each of the last `LAST` was answered, by this version: by then no proxy leads to another any more.

        The controller's word is what it asked of istiod, which waits up to 10 s for more before it tells the proxies
        (`PILOT_DEBOUNCE_MAX`). Of a tenth of the calls, 80 miss a version once in 4,600 times.
        """
        return list(self.last) == [("200", version)] * LAST

    @property
    def failed(self) -> dict[str, int]:
        return {status: times for status, times in self.statuses.items() if status != "200"}


class Client:
    """A client outside, which knows the platform's CA and has a token of the stack's issuer."""

    def __init__(self, workspace: Workspace, authority: Path, token: str | None = None) -> None:
        self._address = f"{live.network(workspace)}.{load_balancer.ADDRESS}"
        self._context = ssl.create_default_context(cafile=str(authority))
        token = issuer.token(workspace, "worklist") if token is None else token
        self._headers = {"Authorization": f"Bearer {token}"}

    def connect(self) -> http.client.HTTPConnection:
        return _To(self._address, self._context)

    def predict(self, connection: http.client.HTTPConnection, rows: int = ROWS) -> tuple[str, str]:
        """The status of a call, and the version that answered."""
        records = [{**RECORD, "score": random.uniform(-60, 60)} for _ in range(rows)]  # noqa: S311 (no secret)
        body = json.dumps({"records": records})
        connection.request("POST", "/predict", body, {"Content-Type": "application/json", **self._headers})
        answer = connection.getresponse()
        said = answer.read()
        return str(answer.status), str(json.loads(said)["version"]) if answer.status == 200 else ""

    def once(self) -> tuple[str, str]:
        connection = self.connect()
        try:
            return self.predict(connection)
        finally:
            connection.close()

    @contextmanager
    def steadily(self) -> Iterator[Calls]:
        """Calls at `RATE` while the block runs."""
        calls, over, lock = Calls(), threading.Event(), threading.Lock()

        def call() -> None:
            connection = self.connect()
            due = time.monotonic()
            while not over.wait(max(0.0, due - time.monotonic())):
                due = max(due + CALLERS / RATE, time.monotonic())
                try:
                    status, version = self.predict(connection)
                except (OSError, http.client.HTTPException) as error:
                    status, version = type(error).__name__, ""
                    connection.close()
                with lock:
                    calls.statuses[status] += 1
                    calls.versions[version] += bool(version)
                    calls.last.append((status, version))
            connection.close()

        threads = [threading.Thread(target=call, daemon=True) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield calls
        finally:
            over.set()
            for thread in threads:
                thread.join(30)


class _To(http.client.HTTPSConnection):
    """A connection to an address, as to the host."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        super().__init__(HOST, 443, timeout=15, context=context)
        self._at, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._at, 443), timeout=15)
        self.sock = self._tls.wrap_socket(plain, server_hostname=HOST)
