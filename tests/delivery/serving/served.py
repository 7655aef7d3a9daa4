"""A running inference server, as its container runs it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from joserfc import jwk, jwt

from local.processes import choose_port
from tests.delivery.serving.bundles import NAME, VERSION, Bundle, row

ISSUER, AUDIENCE, SCOPE = "https://sign-on.hospital.example", "parapet-serving", "predict"
INSIDE = "spiffe://cluster.local/ns/clinic/sa/worklist"
GATEWAY = "spiffe://cluster.local/ns/ingress/sa/istio-ingress"
PATIENCE = 60
"""Seconds for a start or an end on a machine that does other things too."""
MODEL = f"/v2/models/{NAME}"


@dataclass
class Served:
    """The server's process, between `start` and `end`."""

    image: Path
    bundle: Bundle
    folder: Path
    digest: str
    more: dict[str, Any] = field(default_factory=dict)
    """Settings beside those that it cannot be without, or in their place."""
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = choose_port(None)
        self.metrics_port = choose_port(None, taken=[self.port])
        self.key = jwk.ECKey.generate_key("P-256", parameters={"kid": "first"})
        self.jwks, self.hash_key = self.folder / "jwks.json", self.folder / "hash-key"
        self.jwks.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}))
        self.hash_key.write_text("a-key-of-tests-a-key-of-tests-a-key")
        self.kept = self.folder / "kept"
        self.kept.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.url = f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, Any]:
        return {
            "model": {
                **{"folder": str(self.bundle.model), "name": NAME, "version": VERSION, "digest": self.digest},
                "keys": [str(self.bundle.public_key)],
            },
            "hashKeyFile": str(self.hash_key),
            "listening": {"port": self.port, "metricsPort": self.metrics_port},
            "tokens": {"issuer": ISSUER, "audiences": [AUDIENCE], "keys": str(self.jwks), "scopes": [SCOPE]},
            "mesh": {"proxies": ["127.0.0.1"], "callers": [INSIDE], "gateways": [GATEWAY]},
            "drain": {"noticeSeconds": 0.3, "seconds": 5},
            **self.more,
        }

    def command(self, command: str) -> list[str]:
        configuration = self.folder / "configuration.json"
        configuration.write_text(json.dumps(self.settings()))
        return [str(self.image / "bin" / "parapet-serving"), command, str(configuration)]

    def refusal(self) -> str:
        """What a server says that does not start."""
        done = subprocess.run(self.command("verify"), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def start(self) -> "Served":
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command("server"), env=variables, stdout=log, stderr=subprocess.STDOUT)
        until = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/v2/health/live", timeout=5).ok
        except requests.ConnectionError:
            return False

    def ready(self) -> int:
        return requests.get(f"{self.url}/v2/health/ready", timeout=5).status_code

    def term(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """Asks it to end; returns its exit status."""
        assert self.process
        if self.process.poll() is None:
            self.term()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()

    def token(self, **claims: Any) -> str:
        """A token that is taken, unless these claims say otherwise; None leaves one out."""
        told = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "nurse-7",
            "exp": int(time.time()) + 600,
            "scope": SCOPE,
            **claims,
        }
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "first"}, told, self.key)

    def call(self, method: str, path: str, *, token: str | None = "", **options: Any) -> requests.Response:
        """With a token that is taken, with another one, or with None."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token or self.token()}")
        return requests.request(method, self.url + path, headers=headers, timeout=30, **options)

    def infer(self, body: Any = None, **options: Any) -> requests.Response:
        """By the Open Inference Protocol, with the known record."""
        return self.call("POST", f"{MODEL}/infer", json=body if body is not None else asked(), **options)

    def predict(self, body: Any, **options: Any) -> requests.Response:
        return self.call("POST", "/predict", json=body, **options)

    def metrics(self) -> str:
        return requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).text

    def metric(self, name: str, /, **labels: str) -> float:
        """A metric's value; 0 where there is none yet."""
        found = 0.0
        for line in self.metrics().splitlines():
            if match := re.fullmatch(rf"parapet_serving_{name}(?:{{(.*)}})? ([0-9.e+-]+)", line):
                told = dict(re.findall(r'(\w+)="([^"]*)"', match[1] or ""))
                if labels.items() <= told.items():
                    found += float(match[2])
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What the prediction log has, in its folder."""
        files = sorted(str(file) for file in self.kept.rglob("*.parquet"))
        command = [str(self.image / "bin" / "python"), "-c", READ, *files]
        found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found

    def lines(self) -> list[dict[str, Any]]:
        """What it said."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def line(self, answer: requests.Response) -> dict[str, Any]:
        """What it said of one request, which may be a moment after the answer."""
        for _ in range(100):
            for line in self.lines():
                if line.get("request") == answer.headers["X-Request-Id"]:
                    return line
            time.sleep(0.05)
        raise AssertionError("it has no line")


def until(what: Callable[[], Any]) -> Any:
    for _ in range(200):
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


READ = """
import json, sys
from pyarrow import parquet
rows = [row for file in sys.argv[1:] for row in parquet.ParquetFile(file).read().to_pylist()]
print(json.dumps(rows, default=str))
"""


def asked(rows: int = 1, **tensor: Any) -> dict[str, Any]:
    """A request for the known record, so many times."""
    whole = {"name": "features", "shape": [rows, len(row())], "datatype": "FP32", "data": row() * rows}
    return {"inputs": [{**whole, **tensor}]}


def without(mapping: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}


def half_asked(server: Served, token: str, length: int = 100) -> socket.socket:
    """A request whose body does not come."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = (
        f"POST {MODEL}/infer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{{"
    )
    connection.sendall(head.encode())
    return connection
