"""Fixtures that several rooms share."""

import functools
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local import processes, toolchain
from local.aws import server
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.cluster import ENDS_WITH_ITS_GROUP, Cluster
from tests.engine import Engine
from tests.platform import mocked
from tests.warm import Warm

# Until all is collected nothing is looked through: modules and ten thousand tests stay. It was a quarter of a worker's
# time before its first test.
gc.disable()
YOUNG = 10_000
"""Objects more than before, until the collector looks through the young ones. By default it is 700."""

# A service's model is read once by a process, and not once by each session that it makes.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

DEAREST = (
    "a user's day",
    "live",
    "killed",
    "provisioned",
    "cluster",
    "guarded",
    "mlflow",
    "own stack",
    "pipeline",
    "test_mutation",
)
"""The groups that take minutes, the longest first. They start first, or the last of them would run alone."""
DEAR = ("engine", "cluster", "pack", "server", "e2e")
"""The marks of tests that take seconds."""


@pytest.hookimpl(tryfirst=True)  # before the runner writes the groups down; those of folders below are there already
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that the short ones fill what is left; short ones of a file stay together.

    Each worker would make a file's fixtures for itself else, and be told of its thousands of tests one by one. The
    order holds with `--no-loadscope-reorder`, which `./parapet test` gives: else the largest groups come first.
    """

    def rank(item: pytest.Item) -> tuple[int, bool]:
        group = _group(item)
        return DEAREST.index(group) if group in DEAREST else len(DEAREST), not _dear(item)

    for item in items:
        if not _dear(item) and not _group(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=rank)


def _dear(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(mark) for mark in DEAR)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What serves a group ends with it: a control plane that nobody asks takes a twentieth of a core."""
    if nextitem is None or _group(nextitem) != _group(item):
        while ENDS_WITH_ITS_GROUP:
            ENDS_WITH_ITS_GROUP.pop()()


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    return str(marker.args[0]) if marker else ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What was imported and collected is there to stay: without this, the collector looks through it time and again.

    The process that hands the tests to the workers collects none, and comes here too.
    """
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()


SHOWN = 0.005
"""Seconds from which the list of the slowest shows a set-up, by itself."""


def pytest_configure(config: pytest.Config) -> None:
    """A set-up or an end that went well, said nothing and took no time is not told to who hands out the tests, nor what
    is shown with `-v` alone.

    Two of three reports are of these, thirty thousand times; to send, read and count one takes longer than most tests.
    """
    told_by = [one for one in config.pluginmanager.get_plugins() if type(one).__name__ == "WorkerInteractor"]
    if not told_by:  # no worker
        return
    (interactor,) = told_by
    send = interactor.sendevent

    def sendevent(name: str, **told: Any) -> None:
        if name == "testreport":
            data = told["data"]
            quick = data["duration"] < SHOWN and not data["sections"]
            if data["outcome"] == "passed":
                if data["when"] != "call" and quick:
                    return
                data["keywords"] = {}
        elif name == "logstart" and config.option.verbose < 0:
            return
        send(name, **told)

    interactor.sendevent = sendevent


@pytest.fixture(scope="session", autouse=True)
def shared_recordings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A program under mocks that one worker recorded is read by the others."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tmp_path_factory.getbasetemp().parent / "recorded"  # each worker's own is a folder in there
        folder.mkdir(exist_ok=True)
        os.environ[mocked.SHARED] = str(folder)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the engine and its language host; built first where it is missing."""
    return toolchain.ensure(Workspace())


@pytest.fixture
def engine(tools: Path, tmp_path: Path) -> Engine:
    """An engine with an empty state."""
    return Engine(tools, tmp_path / "home")


@pytest.fixture(scope="session")
def warm(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """A Python for language hosts, programs and providers that are not under test, and an engine that takes it."""
    warm = Warm(tmp_path_factory.mktemp("warm"), tools)
    yield warm
    warm.stop()


@pytest.fixture(scope="session")
def control_plane_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose control plane and AWS API end with the tests."""
    workspace = Workspace(home=tmp_path_factory.mktemp("cluster"))
    toolchain.ensure(workspace)

    def end() -> None:
        control_plane.stop(workspace)
        if record := server.running(workspace):
            processes.stop(workspace.run, record)

    ENDS_WITH_ITS_GROUP.append(end)
    yield workspace
    end()


@pytest.fixture
def cluster(control_plane_home: Workspace, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The control plane of this session's tests; what a test breaks in it is mended for the next."""
    monkeypatch.delenv("PARAPET_KUBECONFIG", raising=False)
    control_plane.ensure(control_plane_home)
    return Cluster(control_plane_home)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of moto's Secrets Manager, in this process."""
    import boto3  # here, for the tests that ask for none
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager")
