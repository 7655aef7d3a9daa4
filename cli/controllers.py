"""`up --live`: the stack's own controllers run, or are left out again."""

from cli import tools
from cli.output import Refused, note
from local.kubernetes import control_plane, live
from local.kubernetes.live import Part, State
from local.kubernetes.live.lacking import lacking
from local.workspace import Workspace, named_kubeconfig

DEADLINE = 120.0  # seconds after the engine until all of them answer


def turn(workspace: Workspace, *, wanted: bool) -> None:
    """Makes the stack be one with live controllers, or one without; raises Refused where this machine has no room.

    Before the engine runs: it provisions what they need, or what does without them.
    """
    if wanted:
        if named := named_kubeconfig():
            raise Refused(
                f"--live is for the control plane of this machine, and PARAPET_KUBECONFIG={named} names another: "
                "there the controllers run by themselves. Leave one of the two out."
            )
        if missing := lacking():
            raise Refused(missing)
        tools.build_live(workspace)
        live.enter(workspace)
    elif live.asked_for(workspace):
        control_plane.leave_live(workspace)
        note("The live controllers are ended: this `up` is one without --live.")


def wait(workspace: Workspace) -> list[Part]:
    """The parts that do not run, after a time."""
    if not live.asked_for(workspace):
        return []
    return [part for part in live.settled(workspace, DEADLINE) if part.state is not State.RUNNING]
