"""Prints what a server of models tells Prometheus, each of its numbers at least once; run by the image's own Python."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
from prometheus_client import generate_latest

from parapet_serving.telling.metrics import Metrics


def main() -> None:
    output = SimpleNamespace(name="risk", minimum=0.0, maximum=1.0)
    manifest = SimpleNamespace(name="readmission", version="3")
    bundle: Any = SimpleNamespace(
        declared=SimpleNamespace(outputs=[output]), manifest=manifest, digest=f"sha256:{0:064}"
    )
    told = Metrics(bundle)
    for route, status, times in (("records", 200, 40), ("infer", 200, 38), ("infer", 500, 2), ("refused", 401, 20)):
        for _ in range(times):
            told.answered(route, status)
    for seconds in (*[0.004] * 60, *[0.2] * 16, *[0.7] * 4):
        told.seconds.observe(seconds)
    told.failed("time")
    told.batches.observe(8)
    for each in (told.logged, told.lost, told.failures):
        each.inc(8)
    for each in (told.waiting, told.in_flight, told.ready):
        each.set(1)
    told.predicted(80, 80, {"risk": np.linspace(0, 1, 80)})
    sys.stdout.buffer.write(generate_latest(told.registry))


if __name__ == "__main__":
    main()
