"""The workers' metrics, on a port of their own: the application's port has them behind a password."""

import os
import shutil
from pathlib import Path

PORT, DEFAULT_PORT = "PARAPET_METRICS_PORT", 9464
FILES = "PROMETHEUS_MULTIPROC_DIR"


def prepare(folder: Path) -> None:
    """Empties the folder that the workers write into, and names it, before `prometheus_client` is first imported."""
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier run left would be counted for ever
    folder.mkdir(parents=True)
    os.environ[FILES] = str(folder)


def serve(folder: Path, host: str) -> None:
    """Answers at `http://HOST:PORT/metrics` from a thread. MLflow's labels are status, method and version: no name."""
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    start_http_server(int(os.environ.get(PORT, DEFAULT_PORT)), host, registry)
