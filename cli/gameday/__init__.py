"""`./parapet gameday`: a fault is put into the local stack, and its runbook's own commands must mend it."""

import json
from typing import Annotated, Any

import typer

from cli.output import Refused, note, results
from local.workspace import Workspace


def gameday(
    fault: Annotated[
        str | None, typer.Argument(help="What is to go wrong; without it, all that can.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")] = False,
) -> None:
    """Break the local stack in one way, wait until it says so itself, and mend it by the runbook's commands.

    Tells how long it took to be detected, and from then on to be as before; an incident's record has the times. Ends
    with 0 where the runbook mended it. Interrupted, it takes the fault back, as the next one or `up` does of one that
    was killed.
    """
    from cli.demo.shell import Failed, Shell
    from cli.gameday import held, running
    from cli.gameday.faults import FAULTS, of
    from cli.gameday.world import World

    if fault is None:
        _list(
            [{"fault": each.name, "does": each.about, "runbook": each.runbook, "live": each.live} for each in FAULTS],
            as_json=as_json,
        )
        return
    chosen, workspace = of(fault), Workspace()
    running.check(workspace, chosen)
    held.mend_left(workspace)
    if not as_json:
        results.print(f"[bold]{chosen.about}[/bold]")
    shell = Shell(workspace, lambda text: None if as_json else results.print(f"   $ {text}", markup=False))
    try:
        told = running.run(chosen, World(shell))
    except Failed as error:
        raise Refused(str(error)) from None
    _tell(told, as_json=as_json)


def _list(faults: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        results.print_json(json.dumps(faults))
        return
    for each in faults:
        needs = "a stack that is `up --live`" if each["live"] else "a stack that is `up`"
        results.print(f"[bold]{each['fault']:<20}[/bold] ", end="")
        results.print(f"{each['does']}\n{'':21}runbooks/{each['runbook']}.md; {needs}", markup=False)


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        results.print_json(json.dumps(told))
        return
    results.print()
    for name, value in told.items():
        results.print(f"[bold]{name.replace('_', ' '):<18}[/bold] ", end="")
        said = f"\n{'':19}".join(value) if isinstance(value, list) else str(value)
        results.print(said, markup=False)
    note(f"What is written down of it: ./parapet incident show {told['incident']}")
