"""What a run goes against: the AWS API, its databases, the image registry and the cluster.

All are started, known again, and ended together.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TypeVar

from cli.output import Refused, note
from local import processes, registry
from local.aws import databases, server
from local.kubernetes import control_plane
from local.kubernetes.control_plane import ControlPlane
from local.processes import Record
from local.workspace import Workspace, named_kubeconfig

MEMORY = "deployed-to"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Services:
    """A running AWS API, what keeps its databases, and a running cluster, each with whether this run started it."""

    api: Record
    api_is_new: bool
    keeper: Record
    keeper_is_new: bool
    registry: Record
    registry_is_new: bool
    plane: ControlPlane
    plane_is_new: bool
    cluster: str

    @property
    def endpoint(self) -> str:
        return server.endpoint(self.api)

    def identity(self) -> dict[str, object]:
        """What tells these two, with all that they hold, from any others."""
        return {"aws": asdict(self.api), "kubernetes": self.cluster}


def start(workspace: Workspace, port: int | None) -> Services:
    """Makes all run, at the same time; raises Refused where one of them does not."""
    images = _or_refuse(lambda: registry.ensure(workspace))  # first: where it runs, no pod starts without its image
    with ThreadPoolExecutor() as pool:
        api = pool.submit(server.ensure, workspace, port)
        keeper = pool.submit(databases.ensure, workspace)
        plane = pool.submit(control_plane.ensure, workspace)
    # One without the others serves nobody.
    if api.exception() or keeper.exception() or plane.exception():
        if images[1]:
            registry.forget(workspace)
        if not plane.exception() and plane.result()[1]:
            control_plane.stop(workspace)
        if not keeper.exception() and keeper.result()[1]:
            databases.stop(workspace)
        if not api.exception() and api.result()[1]:
            processes.stop(workspace.run, api.result()[0])
    return _or_refuse(
        lambda: Services(
            *api.result(),
            *keeper.result(),
            *images,
            *plane.result(),
            control_plane.identity(workspace, plane.result()[0]),
        )
    )


def cluster_of(workspace: Workspace) -> ControlPlane | None:
    """The cluster, if one runs or is named; raises Refused where the named one cannot be read."""
    return _or_refuse(lambda: control_plane.running(workspace))


def stop_new(workspace: Workspace, services: Services) -> None:
    """Ends what this run started; what the cluster held stays on the disk."""
    if services.plane_is_new:
        control_plane.stop(workspace)
    if services.registry_is_new:
        registry.forget(workspace)
    if services.keeper_is_new:
        databases.stop(workspace)
    if services.api_is_new:
        processes.stop(workspace.run, services.api)


def stop(workspace: Workspace) -> None:
    """Ends all and throws away what they held; a cluster of the user's own is left alone."""
    ended = control_plane.stop(workspace)
    control_plane.forget(workspace)
    if ended:
        note(f"Stopped the control plane ({len(ended)} processes) and removed what it held.")
    ended = databases.stop(workspace)
    databases.forget(workspace)
    if ended:
        note(f"Stopped what serves the databases (processes: {len(ended)}) and removed what it held.")
    if registry.forget(workspace):
        note("Stopped the image registry and removed what it held.")
    if record := server.running(workspace):
        processes.stop(workspace.run, record)
        note(f"Stopped the AWS API (process {record.pid}).")
    if named := named_kubeconfig():
        note(f"The cluster of PARAPET_KUBECONFIG={named} goes on, without the stack's resources.")


def remember(workspace: Workspace, services: Services) -> None:
    """Keeps what the stack was made in."""
    (workspace.run / MEMORY).write_text(json.dumps(services.identity()))


def tell_lost(workspace: Workspace, services: Services) -> bool:
    """Whether the stack was made in another AWS API or another cluster, which is told."""
    try:
        before = json.loads((workspace.run / MEMORY).read_text())
    except (FileNotFoundError, ValueError):
        before = None
    now = services.identity()
    lost = {name for name in now if not isinstance(before, dict) or before.get(name) != now[name]}
    if "aws" in lost:
        note(
            "The local AWS API was started anew and is empty (a restart of the machine, or of the API): "
            "what is missing is found and made again."
        )
    if "kubernetes" in lost:
        note(
            f"The cluster at {services.plane.server} is not the one that the stack was made in (it was emptied, or "
            "PARAPET_KUBECONFIG changed): what is missing is found and made again."
        )
    return bool(lost)


def _or_refuse(ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except (processes.PortUnusable, processes.StartFailed, control_plane.Unreachable) as error:
        raise Refused(str(error)) from None
