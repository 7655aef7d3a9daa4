"""The local AWS API: a moto server on a loopback port."""

import os
import urllib.error
import urllib.request

from local import processes
from local.processes import Record
from local.workspace import Workspace

NAME = "aws"


def running(workspace: Workspace) -> Record | None:
    return processes.read(workspace.run, NAME)


def ensure(workspace: Workspace, named_port: int | None) -> tuple[Record, bool]:
    """The running server, or a new and empty one; the second value tells whether it is new.

    Raises PortUnusable where `named_port` is in use by something else, StartFailed where the server does not come up.
    """
    record = running(workspace)
    if record and (named_port in (None, record.port)):
        return record, False
    if record:
        raise processes.PortUnusable(
            f"The AWS API runs on port {record.port} already; `./parapet down` stops it, "
            f"then port {named_port} can be used."
        )
    port = processes.choose_port(named_port, preferred=_last_port(workspace))
    record = processes.start(
        NAME,
        [str(workspace.python), "-P", "-m", "local.aws.api", "-H", "127.0.0.1", "-p", str(port)],
        port=port,
        folder=workspace.run,
        log=workspace.logs / "aws.log",
        ready=lambda: _answers(port),
        environment=os.environ | {"PARAPET_HOME": str(workspace.home)},
    )
    (workspace.home / "aws.port").write_text(str(port))
    return record, True


def url(workspace: Workspace) -> str | None:
    """Where the running server is."""
    record = running(workspace)
    return endpoint(record) if record else None


def endpoint(record: Record) -> str:
    return f"http://127.0.0.1:{record.port}"


def _last_port(workspace: Workspace) -> int | None:
    # The same port as last time, so that a shell with exports in it still reaches the API.
    try:
        return int((workspace.home / "aws.port").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1):  # a loopback address
            return True
    except (OSError, urllib.error.URLError):
        return False
