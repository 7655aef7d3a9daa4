"""`./parapet cost`: what a stack costs, from the plan that the engine makes of its settings."""

import json
from contextlib import ExitStack
from datetime import date

from rich import box
from rich.console import Console
from rich.table import Table

import operations.cost
from cli import filling, stack
from cli.output import Refused, note, results
from cli.plugins import AwsPlugin, prepare_tools
from local import processes, registry
from local.aws import server
from local.engine import plan
from local.engine.run import EngineFailed
from local.workspace import Workspace, exports
from operations.cost import Estimate, Line, NotPriced

PROVIDER = "pulumi:providers:aws"
WIDTH = 120  # columns: a line of a bill that is broken in four is read by nobody


def tell(workspace: Workspace, name: str, as_json: bool) -> None:
    """Prints the estimate; raises Refused where the stack cannot be planned, or a price is missing."""
    stacks = stack.declared_stacks(workspace)
    if name not in stacks:
        raise Refused(f"There is no stack {name!r} (no Pulumi.{name}.yaml). There are {', '.join(sorted(stacks))}.")
    note(f"Planning the stack {name} against the local AWS API; no account is asked ...")
    resources = _planned(workspace, name)
    (provider,) = [each for each in resources if each.type == PROVIDER]
    try:
        estimate = operations.cost.estimate(resources, provider.inputs["region"])
    except NotPriced as error:
        raise Refused(str(error)) from None
    if as_json:
        print(json.dumps({"stack": name, **estimate.to_json()}))
    else:
        _print(name, estimate)


def _planned(workspace: Workspace, name: str) -> list[plan.Planned]:
    prepare_tools(workspace, AwsPlugin.STAND_IN)
    with ExitStack() as started:
        api, is_new = server.ensure(workspace, None)
        if is_new:
            started.callback(processes.stop, workspace.run, api)
        held, is_new = registry.ensure(workspace)
        if is_new:
            started.callback(registry.forget, workspace)
        filling.ensure_planned(workspace, registry.at(workspace, held), filling.prefix(name))
        try:
            return plan.plan(workspace, exports(workspace, server.endpoint(api)), name)
        except EngineFailed as error:
            raise Refused(f"The stack {name} cannot be planned:\n{error}") from None


def _print(name: str, estimate: Estimate) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column("US dollars a month", "Total")
    table.add_column("list price", justify="right")
    table.add_column("idle", f"{estimate.idle_usd:,.2f}", justify="right")
    table.add_column("under load", f"{estimate.load_usd:,.2f}", justify="right")
    table.add_column("price of")
    for line in estimate.lines:
        table.add_row(
            line.price.what + (" (assumed)" if line.price.assumed else ""),
            f"{line.price.usd:g} a {line.price.per}",
            _amount(line, line.idle, line.idle_usd),
            _amount(line, line.load, line.load_usd),
            line.price.dated,
        )
    oldest, newest = estimate.dates
    results.print(f"Stack {name} in {estimate.region}, by list prices of {oldest} to {newest}", markup=False)
    # The shared console breaks a table at the terminal's width, and at 80 columns where there is none.
    Console(width=max(results.width, WIDTH), highlight=False).print(table)
    results.print(
        "Idle: nobody works. Under load: every node there is that the settings allow, all month.", markup=False
    )
    results.print(f"Not counted: {'; '.join(estimate.not_counted)}.", markup=False)
    if old := estimate.old(date.today()):
        note(f"Look these prices up again, they are more than a year old: {'; '.join(old)}.")


def _amount(line: Line, quantity: float, usd: float) -> str:
    unit = f" {line.price.per}" if line.price.per in ("GB", "million") else ""
    return f"{quantity:,.0f}{unit} = {usd:,.2f}"
