"""The program run under Pulumi's mocks, with what it needs beside them: settings, and a lock of images."""

import fcntl
import functools
import json
import os
import pickle
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime.stack import get_root_resource

from cluster.images import LOCK
from local import mocked
from local.mocked import ACCOUNT_ID, ARNS, DEPLOYER, OURS, RANGES, SUFFIX, Made, Resource, arn
from tests.images import DIGESTS, lock_file
from tests.platform.project import PROJECT

__all__ = [
    "ACCOUNT_ID",
    "ARNS",
    "DEPLOYER",
    "OURS",
    "RANGES",
    "SUFFIX",
    "Made",
    "Recorder",
    "Resource",
    "arn",
    "declared_settings",
    "record",
    "run_program",
    "stack_settings",
]

SHARED = "PARAPET_TEST_RECORDINGS"
"""Environment variable naming the folder in which the workers of one run of the tests share what they recorded."""


@dataclass
class Recorder(mocked.Recorder):
    """One whose registry holds the images under test."""

    registry: Mapping[str, str] = field(default_factory=lambda: DIGESTS)


def record(make: Callable[[], Any], recorder: Recorder | None = None) -> Recorder:
    """What is asked for while `make` runs, in a stack of its own."""
    recorder = recorder or Recorder()
    mocked.record(make, recorder)
    return recorder


@functools.cache
def declared_settings() -> dict[str, dict[str, Any]]:
    """The settings that Pulumi.yaml declares, by name."""
    config = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    return {name: declaration for name, declaration in config.items() if not name.startswith("pulumi:")}


def stack_settings(**changed: Any) -> dict[str, str]:
    """A stack's settings as the engine hands them to the program: the defaults, what has none, and the changes."""
    settings = {name: each["default"] for name, each in declared_settings().items() if "default" in each}
    settings |= {"environment": "test", "owner": "team@example.com", "costCenter": "42"}
    settings |= {"clusterAdministrators": [DEPLOYER]} | changed
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}


def run_program(recorder: Recorder | None = None, **settings: Any) -> Recorder:
    """Run `__main__.py` with these settings, once for all that ask with the same, on whichever worker.

    What it recorded is only read. Not so with a recorder of one's own, nor for a local stack, which asks the
    environment too.
    """
    config = stack_settings(**settings)
    if recorder or "localAws" in settings:
        return _run(recorder or Recorder(), config)
    return _run_once(json.dumps(config))


@functools.cache
def _run_once(config: str) -> Recorder:
    if not (folder := os.environ.get(SHARED)):
        return _run(Recorder(), json.loads(config))
    file = Path(folder) / sha256(config.encode()).hexdigest()
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever waits here would do the same work
        if not file.exists():
            file.write_bytes(pickle.dumps(_run(Recorder(), json.loads(config))))
    found: Recorder = pickle.loads(file.read_bytes())  # noqa: S301 (our own)
    return found


def _run(recorder: Recorder, config: Mapping[str, str]) -> Recorder:
    def program() -> pulumi.Output[None]:
        os.environ.setdefault(LOCK, str(lock_file()))
        pulumi.runtime.set_all_config({f"parapet:{name}": value for name, value in config.items()})
        root = get_root_resource()  # the same in every run of a process
        assert root is not None
        root.outputs.clear()
        runpy.run_path(str(PROJECT / "__main__.py"))
        return pulumi.Output.all(**root.outputs).apply(recorder.outputs.update)

    return record(program, recorder)
