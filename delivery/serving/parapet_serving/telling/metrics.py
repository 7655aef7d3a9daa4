"""Prometheus' metrics, on a port of their own. A label has one of a few words that stand in this program, or what the
model's manifest says."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Info, start_http_server
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from parapet_serving.bundle.folder import Bundle
from parapet_serving.contract import Outputs

LATENCIES: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
PARTS: Final = 20
"""Of an output's range, in which predictions are counted: enough to see that they are spread otherwise."""

CALLS: Final = ("records", "infer")
ANSWERS: Final = (200, 400, 408, 415, 422, 499, 500, 503, 504)
"""What a call may be answered with. Each is there from the start, with 0: of a number that begins with 1 Prometheus
sees no rise, and of a model that is seldom asked each server's first failure would be none."""

TOGETHER: Final = 4096
"""Predictions that wait to be counted, at most; who asks for the metrics has them counted."""


class Spread(Collector):
    """How the predictions of each output are spread. They are counted some thousands at a time: a batch by itself costs
    as much as it does to answer one who is in it."""

    def __init__(self, bundle: Bundle) -> None:
        self._edges = {
            each.name: np.linspace(each.minimum, each.maximum, PARTS + 1)[1:] for each in bundle.declared.outputs
        }
        self._counts = {name: np.zeros(PARTS + 1, np.int64) for name in self._edges}
        self._sums = dict.fromkeys(self._edges, 0.0)
        self._waiting: list[Outputs] = []
        self._rows = 0
        self._lock = threading.Lock()

    def add(self, rows: int, outputs: Outputs) -> None:
        with self._lock:
            self._waiting.append(outputs)
            self._rows += rows
            if self._rows >= TOGETHER:
                self._count()

    def _count(self) -> None:
        for name, edges in self._edges.items():
            if not self._waiting:
                break
            column = np.concatenate([outputs[name] for outputs in self._waiting])
            self._counts[name] += np.bincount(np.searchsorted(edges, column), minlength=PARTS + 1)
            self._sums[name] += float(column.sum(dtype=np.float64))
        self._waiting, self._rows = list[Outputs](), 0

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            self._count()
        family = HistogramMetricFamily(
            "parapet_serving_prediction", "Predictions, by the output's value.", labels=["output"]
        )
        for name, counts in self._counts.items():
            edges = [f"{edge:g}" for edge in self._edges[name]] + ["+Inf"]
            buckets = [(edge, float(count)) for edge, count in zip(edges, counts.cumsum(), strict=True)]
            family.add_metric([name], buckets, self._sums[name])
        yield family


class Buckets(Collector):
    """A histogram without labels that one thread alone adds to. The library's own takes five times as long, by a lock
    for each bucket."""

    def __init__(self, name: str, documentation: str, edges: Sequence[float]) -> None:
        self._name, self._documentation, self._edges = name, documentation, edges
        self._counts, self._sum = [0] * (len(edges) + 1), 0.0

    def observe(self, amount: float) -> None:
        self._counts[bisect_left(self._edges, amount)] += 1
        self._sum += amount

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(f"parapet_serving_{self._name}", self._documentation)
        edges = [*map(floatToGoString, self._edges), "+Inf"]
        family.add_metric([], list(zip(edges, map(float, accumulate(self._counts)), strict=True)), self._sum)
        yield family


class Metrics:
    """Of one server."""

    def __init__(self, bundle: Bundle) -> None:
        self.registry: Final = CollectorRegistry()
        kept: dict[str, Any] = {"namespace": "parapet_serving", "registry": self.registry}
        self._requests = Counter("requests", "Requests that were answered.", ["route", "status"], **kept)
        self._started = Gauge("start_time_seconds", "When the process started, in seconds since 1970.", **kept)
        self._started.set(time.time())
        self._errors = Counter("errors", "Requests that were not answered as asked, by kind.", ["kind"], **kept)
        self.seconds = Buckets("request_seconds", "From a call to its answer, where it has one.", LATENCIES)
        self.batches = Buckets("batch_rows", "Rows that the model was asked for at once.", ROWS)
        self.in_flight = Gauge("in_flight", "Requests that are being answered.", **kept)
        self.ready = Gauge("ready", "1 where the server is ready.", **kept)
        self.logged = Counter("prediction_log_rows", "Rows in the prediction log.", **kept)
        self.lost = Counter("prediction_log_lost_rows", "Rows that could not be kept until they were written.", **kept)
        self.failures = Counter("prediction_log_failures", "Attempts to write that failed.", **kept)
        self.waiting = Gauge("prediction_log_waiting_rows", "Rows that are not written yet.", **kept)
        Info("model", "The model that answers.", **kept).info(
            {"name": bundle.manifest.name, "version": bundle.manifest.version, "digest": bundle.digest}
        )
        self.spread = Spread(bundle)
        for each in (self.seconds, self.batches, self.spread):
            self.registry.register(each)
        self._answered: dict[tuple[str, int], Counter] = {
            (route, status): self._requests.labels(route, str(status)) for route in CALLS for status in ANSWERS
        }

    def answered(self, route: str, status: int) -> None:
        """Counts; the labels' own counter is looked up once."""
        if (counter := self._answered.get((route, status))) is None:
            counter = self._answered[route, status] = self._requests.labels(route, str(status))
        counter.inc()

    def failed(self, kind: str) -> None:
        self._errors.labels(kind).inc()

    def predicted(self, rows: int, counts: int, outputs: Outputs) -> None:
        """Of so many predictions of one request, so many are counted, from all over it."""
        if counts < rows:
            every = -(-rows // counts)
            outputs = {name: column[::every] for name, column in outputs.items()}
        self.spread.add(counts, outputs)

    def serve(self, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
        """Answers at `http://HOST:PORT/metrics`, from a thread."""
        return start_http_server(port, host, self.registry)
