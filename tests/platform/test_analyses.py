"""What judges a new version of a model, asked of a real Prometheus over versions that say what a test wants."""

import json
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR
from cluster.guardrails.rollout_analyses import _HASHES as ALLOWED
from cluster.guardrails.rollout_rules import HASH
from local import processes
from local.kubernetes.live import prometheus as live
from local.kubernetes.live.process import Place
from local.toolchain import live as toolchain
from local.workspace import Workspace
from mlops import analyses, prometheus
from mlops.monitoring import served
from mlops.monitoring.rules import rules
from tests.cluster import wait_for
from tests.platform.cluster import manifests

# One Prometheus, which looks at the versions for a while before it can be asked.
pytestmark = pytest.mark.xdist_group("analyses")

WINDOW = 10
STABLE, MODEL, TALKS = "stable", "readmission", "talks"
OTHER = {"__meta_kubernetes_pod_label_app_kubernetes_io_name": "sepsis", "__meta_kubernetes_pod_name": "sepsis-x"}
EDGES = [f"{place / 20:g}" for place in range(1, 21)]
SPREAD = [1.0] * 20
"""How often a prediction falls into each twentieth."""


@dataclass(frozen=True)
class Version:
    """A version, by what it does with 20 calls a second."""

    statuses: Mapping[str, float]
    """Calls in a hundred, by status."""
    seconds: float = 0.004
    spread: tuple[float, ...] = tuple(SPREAD)
    edges: tuple[str, ...] = tuple(EDGES)
    rate: float = 20
    lives: float = 1e9
    """Seconds after which its process is another one."""

    def says(self, age: float) -> str:
        """What it answers who scrapes it, so many seconds after its start."""
        calls = self.rate * age
        lines = [
            f'parapet_serving_requests_total{{route="records",status="{status}"}} {calls * share / 100}'
            for status, share in self.statuses.items()
        ]
        lines.append(f"parapet_serving_start_time_seconds {age // self.lives}")
        # Probes are no calls, and what is beyond a caller's share is none that is judged.
        lines.append(f'parapet_serving_requests_total{{route="beyond",status="200"}} {age * 1000}')
        lines.append(f'parapet_serving_requests_total{{route="ready",status="503"}} {age}')
        lines += [
            f'parapet_serving_request_seconds_bucket{{le="{edge}"}} {calls if self.seconds <= float(edge) else 0}'
            for edge in ("0.005", "0.01", "0.05", "0.1", "0.5", "1", "2.5", "+Inf")
        ]
        below, total = 0.0, sum(self.spread)
        for edge, part in zip(self.edges, self.spread, strict=True):
            below += part
            lines.append(
                f'parapet_serving_prediction_bucket{{output="probability",le="{edge}"}} {calls * below / total}'
            )
        lines.append(f'parapet_serving_prediction_bucket{{output="probability",le="+Inf"}} {calls}')
        lines.append(f'parapet_serving_prediction_count{{output="probability"}} {calls}')
        return "\n".join(lines) + "\n"


FINE = {"200": 100.0}
VERSIONS = {
    STABLE: Version(FINE),
    "good": Version(FINE, seconds=0.008),
    "a-little-otherwise": Version(FINE, spread=(*([1.1] * 10), *([0.9] * 10))),
    "fails": Version({"200": 97.0, "500": 3.0}),
    "refuses": Version({"200": 80.0, "422": 20.0}),
    "fails-among-strangers": Version({"200": 19.4, "500": 0.6, "401": 70.0, "403": 5.0, "429": 5.0}),
    "good-among-strangers": Version(
        {"200": 20.0, "401": 60.0, **dict.fromkeys(("403", "404", "405", "413", "429"), 4.0)}
    ),
    "fails-among-refused": Version({"200": 19.4, "500": 0.6, "422": 80.0}),
    "strangers-alone": Version({"401": 100.0}),
    "dies": Version(FINE, lives=5),
    "slow": Version(FINE, seconds=2.0),
    "otherwise": Version(FINE, spread=(*([0.1] * 10), *([1.0] * 10))),
    "other-places": Version(FINE, edges=tuple(f"{place / 10:g}" for place in range(1, 21))),
    "silent": Version(FINE, rate=0),
    "seldom": Version(FINE, rate=1),
}
WRONG = {
    # What is found wrong with each, by the names of the metrics.
    "good": set(),
    "a-little-otherwise": set(),
    "fails": {"failed"},
    "refuses": {"refused"},
    "fails-among-strangers": {"failed"},
    "good-among-strangers": set(),
    "fails-among-refused": {"failed", "refused"},
    "strangers-alone": {"failed", "refused"},
    "dies": {"failed"},
    "slow": {"slower"},
    "otherwise": {"apart"},
    "other-places": {"apart"},
    "silent": {"failed", "refused", "slower", "apart"},
    "seldom": {"apart"},
    "not-there": {"failed", "refused", "slower", "apart"},
}


def test_no_number_is_kept_but_what_is_asked_for() -> None:
    told = json.dumps(analyses.templates(WINDOW)) + json.dumps(rules(["readmission"], ["readmission"]))
    assert set(re.findall(r"parapet_serving_(\w+)", told)) == set(served.JUDGED)


@pytest.mark.engine
def test_who_says_too_much_is_not_heard(asked: str) -> None:
    """And the others are, though all are asked by one Prometheus."""
    assert query(asked, f"count(up{{{prometheus.POD}='{TALKS}-x'}} == 0)") == [1]
    assert query(asked, f"count({{{prometheus.VERSION}='{TALKS}',__name__=~'parapet.*'}}) or vector(0)") == [0]


@pytest.fixture(scope="module")
def exposed() -> Iterator[int]:
    """Where the versions say what they do, each below its name."""
    begun = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            version = VERSIONS[urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["version"][0]]
            body = version.says(time.monotonic() - begun).encode()
            if "talks" in self.path:
                body = "".join(
                    f'parapet_serving_prediction_bucket{{output="{each % 99}",le="{each}"}} 1\n'
                    for each in range(2_500)
                ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def discovered(name: str, port: int, **more: str) -> dict[str, Any]:
    """A pod as the API server's discovery tells of it, and where it is here."""

    def written(label: str) -> str:
        return "__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9]", "_", label)

    labels = {
        **{written(key): value for key, value in PREDICTOR.items()},
        written(HASH): name,
        written("app.kubernetes.io/name"): MODEL,
        "__meta_kubernetes_namespace": ns.MODELS.name,
        "__meta_kubernetes_pod_name": f"{MODEL}-{name}-x",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_ip": "10.0.0.1",
        "__meta_kubernetes_pod_container_port_name": "metrics",
        "__param_version": name,
        **more,
    }
    return {"targets": [name], "labels": {**labels, live.HERE: f"127.0.0.1:{port}"}}


@pytest.fixture(scope="module")
def asked(exposed: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus with the stack's own configuration, once it has looked at the versions for a while."""
    home = tmp_path_factory.mktemp("prometheus")
    workspace = Workspace(home=home)
    program = toolchain.ensure_prometheus(workspace)
    place = Place(workspace, home / "live", "127.0.0", "", "")
    place.folder.mkdir()
    (spec,) = (each for each in manifests.objects(manifests.record(_made)) if each["kind"] == "ConfigMap")
    live.configure(spec["data"], place.folder, alerts_to="127.0.0.1:9", itself="127.0.0.1:9")
    targets = [discovered(name, exposed) for name in VERSIONS]
    # The proxy's own port, a pod of another kind and one that has ended are not asked.
    targets += [
        discovered("good", exposed, __meta_kubernetes_pod_container_port_name="http"),
        discovered("good", exposed, __meta_kubernetes_pod_label_app_kubernetes_io_component="helper"),
        discovered("good", exposed, __meta_kubernetes_pod_phase="Succeeded"),
    ]
    # Who says good under each version's name: a team's pods, which may be called anything, and another model's.
    word = {"__param_version": "good"}
    targets += [discovered(name, exposed, **word, __meta_kubernetes_namespace=ns.SERVING.name) for name in WRONG]
    targets += [discovered(name, exposed, **word, **OTHER) for name in WRONG]
    more = {"__meta_kubernetes_namespace": ns.SERVING.name, "__meta_kubernetes_pod_name": f"{TALKS}-x"}
    targets.append(discovered(TALKS, exposed, **more, __param_talks="much", __param_version="good"))
    (place.folder / live.TARGETS).write_text(json.dumps(targets))
    port = processes.choose_port(None)
    url = f"http://127.0.0.1:{port}"
    record = processes.start(
        "prometheus",
        [
            str(program),
            f"--config.file={place.folder / live.CONFIGURATION}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        port=port,
        folder=home,
        log=home / "log",
        ready=lambda: _answers(f"{url}/-/ready"),
    )
    try:
        wait_for(lambda: len(query(url, "up == 1")) == len(VERSIONS) + 2 * len(WRONG))
        time.sleep(WINDOW + 2)
        yield url
    finally:
        processes.stop(home, record)


def _made() -> None:
    manifests.prometheus(WINDOW)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 (a loopback address)
            return bool(answer.status == 200)
    except OSError:
        return False


def query(url: str, text: str) -> list[float]:
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (a loopback address)
        told = json.load(answer)["data"]["result"]
    return [float(each["value"][1]) for each in told]


@pytest.mark.engine
@pytest.mark.parametrize("version", WRONG)
def test_each_version_is_found_to_be_what_it_is(asked: str, version: str) -> None:
    found = {}
    for metrics in analyses.templates(WINDOW).values():
        for metric in metrics:
            text = metric["provider"]["prometheus"]["query"]
            hashes = {analyses.CANARY: version, analyses.STABLE: STABLE}
            for argument in analyses.arguments(MODEL):
                text = text.replace(
                    f"{{{{args.{argument['name']}}}}}", argument.get("value") or hashes[argument["name"]]
                )
            assert "{{" not in text
            (value,) = query(asked, text)
            most = float(metric["successCondition"].rpartition("<= ")[2])
            found[metric["name"]] = (value, value <= most)
    assert {name for name, (_, good) in found.items() if not good} == WRONG[version], found


def test_they_are_told_what_a_team_may_tell() -> None:
    """The guardrail `rollouts-are-judged` takes no other argument."""
    for argument in analyses.versions():
        assert re.fullmatch(ALLOWED, argument["name"])
        stable = argument["name"].startswith("stable-")
        assert argument["valueFrom"] == {"podTemplateHashValue": "Stable" if stable else "Latest"}


def test_what_cannot_be_asked_is_not_good() -> None:
    for metrics in analyses.templates(300).values():
        for metric in metrics:
            assert metric["failureLimit"] == 0
            assert metric["consecutiveErrorLimit"] < 5
            assert metric["initialDelay"] == "300s"
            assert "inconclusiveLimit" not in metric
            assert not {"dryRun", "failureCondition"} & set(metric)
