"""A real PostgreSQL server for each RDS instance of engine postgres that the local AWS API lists (see README.md)."""

import sys
from pathlib import Path

import psutil

from local import processes
from local.aws.databases import places, postgres
from local.certificates import issue
from local.keeping import is_ready
from local.processes import Record
from local.workspace import Workspace, environment

__all__ = ["NAME", "authority", "certify", "ensure", "forget", "stop"]

NAME = "databases"


def ensure(workspace: Workspace) -> tuple[Record, bool]:
    """The running keeper, or a new one; the second value tells whether it is new. Raises StartFailed."""
    if record := processes.read(workspace.run, NAME):
        return record, False
    certify(workspace)
    log = workspace.logs / f"{NAME}.log"
    record = processes.start(
        NAME,
        [sys.executable, "-P", "-m", "local.aws.databases.keeper", str(workspace.home)],
        port=0,
        folder=workspace.run,
        log=log,
        ready=lambda: is_ready(log),
        environment=environment(workspace),
    )
    return record, True


def authority(workspace: Workspace) -> Path:
    """The certificate that a client is to believe, in place of RDS's bundle."""
    return workspace.databases / "ca.crt"


def stop(workspace: Workspace) -> list[Record]:
    """Ends the keeper, then every server and its front; returns what was ended. What they hold stays."""
    ended = []
    if keeper := processes.read(workspace.run, NAME):
        # By itself first: the servers are its children, and each is to be ended in its own way.
        process = psutil.Process(keeper.pid)
        process.terminate()
        processes.still_there([process], 10)
        processes.stop(workspace.run, keeper)
        ended.append(keeper)
    for resource_id in sorted(postgres.recorded(workspace)):
        ended += postgres.end(workspace, resource_id)
    return ended


def forget(workspace: Workspace) -> None:
    """Throws away all that the databases held; stops them first."""
    stop(workspace)
    places.forget(workspace)


def certify(workspace: Workspace) -> None:
    folder = workspace.databases
    if not (folder / "ca.crt").exists():
        issue(folder, "ca", "parapet local databases")
        (folder / "server.crt").unlink(missing_ok=True)
    if not (folder / "server.crt").exists():
        issue(folder, "server", "localhost", authority="ca", hosts=("localhost", "127.0.0.1"))
    # Who runs PostgreSQL passes through it to its own folder; the authority is for every client.
    folder.chmod(0o711)
    authority(workspace).chmod(0o644)
