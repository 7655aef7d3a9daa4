"""A server of models, and what it is made of."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import images
from tests.delivery.serving.bundles import Bundle
from tests.delivery.serving.served import Served

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def serving() -> Path:
    """The environment of the server's image."""
    return images.environment("serving")


@pytest.fixture(scope="session")
def outside() -> Path:
    """The environment of an outside client."""
    return images.installed("serving-client", HERE / "client" / "requirements.txt")


@pytest.fixture(scope="session")
def graph(outside: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The small model's graph."""
    file = tmp_path_factory.mktemp("graph") / "model.onnx"
    subprocess.run([str(outside / "bin" / "python"), "-P", str(HERE / "graph.py"), str(file)], check=True)
    return file.read_bytes()


@pytest.fixture(scope="session")
def served(serving: Path, graph: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that serves all tests which leave it as it is."""
    folder = tmp_path_factory.mktemp("served")
    bundle = Bundle(folder, graph)
    log = {"place": str(folder / "kept"), "seconds": 0.3}
    server = Served(serving, bundle, folder, bundle.write(), {"predictionLog": log, "limits": {"perSecond": 100_000.0}})
    server.more["limits"]["burst"] = 100_000.0
    server.start()
    yield server
    server.end()


@pytest.fixture
def own(serving: Path, graph: bytes, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes servers that are not started, of settings that a test wants."""
    made: list[Served] = []

    def make(**more: Any) -> Served:
        bundle = Bundle(tmp_path, graph)
        made.append(Served(serving, bundle, tmp_path, bundle.write(), more))
        return made[-1]

    yield make
    for each in made:
        if each.process:
            each.process.kill()
            each.process.wait()
