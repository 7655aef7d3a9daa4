"""A real Alertmanager for tests, and alerts as the rules make them."""

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from local import processes
from local.toolchain import live as toolchain
from local.workspace import Workspace
from mlops.monitoring.rules import ALERTS
from mlops.monitoring.words import Severity

PHI = "MRN 4711, Jane Roe"


def tools(home: Path) -> Path:
    """The folder of Alertmanager and amtool."""
    return toolchain.ensure_alertmanager(Workspace(home=home)).parent


@contextmanager
def running(home: Path, configuration: Mapping[str, Any], **environment: str) -> Iterator[str]:
    """The URL of an Alertmanager with this configuration and these variables."""
    home.mkdir(exist_ok=True)
    file = home / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(dict(configuration), sort_keys=False))
    port = processes.choose_port(None)
    url = f"http://127.0.0.1:{port}"
    record = processes.start(
        "alertmanager",
        [
            str(tools(home) / toolchain.ALERTMANAGER),
            f"--config.file={file}",
            f"--storage.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        port=port,
        folder=home,
        log=home / "log",
        ready=lambda: answers(url),
        environment={"PATH": os.defpath, **environment},
    )
    try:
        yield url
    finally:
        processes.stop(home, record)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:  # noqa: S310 (a loopback address)
            return bool(answer.status == 200)
    except OSError:
        return False


def post(url: str, *alerts: dict[str, str], lasts: timedelta = timedelta(hours=1)) -> None:
    """Tells of alerts that last so long from now on; those that last no time are over."""
    ends = (datetime.now(UTC) + lasts).isoformat()
    body = [{"labels": each, "annotations": {"summary": PHI}, "endsAt": ends, "generatorURL": ""} for each in alerts]
    request = urllib.request.Request(  # noqa: S310 (a loopback address)
        f"{url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 (a loopback address)


def found(name: str, kind: str, severity: Severity, model: str = "readmission") -> dict[str, str]:
    """An alert as a rule of this name and kind makes it."""
    (of, *_) = (each for each in ALERTS if (each.name, each.kind) == (name, kind))
    return {"alertname": name, "model": model, **of.rule()["labels"], "severity": str(severity)}


def hastened(configuration: dict[str, Any]) -> dict[str, Any]:
    """Without waiting for more of a group, which is for people."""
    for each in walked(configuration["route"]):
        each.update({"group_wait": "1s"} if "group_wait" in each else {})
    return configuration


def walked(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for each in route.get("routes", []):
        yield from walked(each)
