"""`./parapet demo`: one model's whole way on the local stack, by the commands that anybody types."""

import json
import time
from typing import Annotated, Any

import typer

from cli.output import Refused, note, results
from local.workspace import Workspace


def demo(as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False) -> None:
    """Take made-up records by every gate to a model that answers; have a bad one refused, another aborted; have what it
    is asked drift, be told, and go back.

    Each step is a command of this project, printed as it is run. Ends with 0 where all of it came to pass, in about
    five minutes; the first on a machine also makes what is missing.
    """
    from cli.demo.shell import Failed, Shell
    from cli.demo.steps import STEPS
    from cli.demo.walk import Demo

    shell = Shell(Workspace(), lambda text: None if as_json else results.print(f"   $ {text}", markup=False))
    walk = Demo.begin(shell)
    told: list[dict[str, Any]] = []
    begun = time.monotonic()
    try:
        for name, about, run in STEPS:
            if not as_json:
                results.print(f"\n[bold]{len(told) + 1}. {about}[/bold]")
            at = time.monotonic()
            outcome = run(walk)
            told.append({"step": name, "seconds": round(time.monotonic() - at, 1), **outcome.told()})
            if not as_json:
                for line in outcome.happened:
                    results.print(f"   {line}", markup=False)
                results.print(f"   Look: {outcome.look}   [{told[-1]['seconds']:.0f} s]", markup=False)
    except Failed as error:
        raise Refused(f"{error}\nThe demo stopped at step {len(told) + 1}. What it made is in {walk.folder}.") from None
    finally:
        walk.end()
    seconds = round(time.monotonic() - begun, 1)
    if as_json:
        results.print_json(json.dumps({"folder": str(walk.folder), "seconds": seconds, "steps": told}))
    else:
        note(f"\nAll of it in {seconds:.0f} seconds; what was made is in {walk.folder}. Stop: ./parapet down")
