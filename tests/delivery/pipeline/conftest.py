"""The pipeline's environment, and one run of it that all tests look at."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.pipeline import ENVIRONMENT, LOCK
from local import images
from local.workspace import ROOT
from tests.delivery.pipeline.feed import gates, planted
from tests.delivery.pipeline.pretended import Tracked
from tests.delivery.registry.pretended import served

ROWS = 9_000
SEED = 7
MODEL = "readmission"
ACCOUNT, PASSWORD = "pipeline", "the-password-of-the-pipeline"


@dataclass
class Ran:
    """A run, and all that was around it."""

    folder: Path
    intake: Path
    out: Path
    tracked: Tracked
    variables: dict[str, str]
    done: subprocess.CompletedProcess[str]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.done.stdout)
        return found

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "run.json").read_text())
        return found


def command(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`./parapet pipeline`, as a user types it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", "pipeline", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"} | variables,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def python() -> Path:
    """Of the pipeline's environment."""
    return images.installed(ENVIRONMENT, LOCK) / "bin" / "python"


@pytest.fixture(scope="session")
def ran(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A first model, registered. `python` is asked for so that what it takes to be made is not this run's."""
    assert python.exists()
    folder = tmp_path_factory.mktemp("pipeline")
    intake, key, tracked = planted(ROWS, folder), folder / "key", Tracked()
    key.write_bytes(bytes(range(32)))
    with served(tracked) as url:
        variables = {
            **{"MLFLOW_TRACKING_URI": url, "MLFLOW_TRACKING_USERNAME": ACCOUNT, "MLFLOW_TRACKING_PASSWORD": PASSWORD},
            "PARAPET_DATA_KEY_FILE": str(key),
        }
        options = ("--model", MODEL, "--out", "out", "--seed", str(SEED), "--first", "--runs", "told")
        bounds = ("--gates", str(gates(folder / "gates.yaml")))
        done = command(folder, "run", intake.name, *options, *bounds, "--json", **variables)
        yield Ran(folder, intake, folder / "out", tracked, variables, done)


@pytest.fixture
def inside(python: Path) -> Any:
    """Runs a program of a few lines in the pipeline's environment; returns what it printed as JSON."""

    def run(program: str, **given: str) -> Any:
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | given
        done = subprocess.run(
            [str(python), "-P", "-c", program], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
