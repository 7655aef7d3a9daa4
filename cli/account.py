"""`./parapet account`: a real account made ready for its first `pulumi up`, and looked over before each."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import note, results
from local.workspace import Workspace

if TYPE_CHECKING:
    from operations.account.preflight import Finding

# What reads a stack's settings imports Pulumi's SDK, seconds that no other command should wait for: each command
# imports it by itself.

app = typer.Typer(help="Make an AWS account ready for a stack, and look it over before an up.", no_args_is_help=True)

StackName = Annotated[str, typer.Option("--stack", help="The stack, by its file Pulumi.NAME.yaml.")]
Bucket = Annotated[
    str | None, typer.Option(help="The bucket of Pulumi's state, where parapet-state-ACCOUNT-REGION will not do.")
]


@app.command("bootstrap")
def make_ready(
    stack: StackName = "dev",
    plan: Annotated[bool, typer.Option("--plan", help="Tell what would be done; change nothing.")] = False,
    bucket: Bucket = None,
) -> None:
    """Make the service-linked roles and the place of Pulumi's state, and write the latter into the stack's file."""
    from operations import stack_settings
    from operations.account.bootstrap import bootstrap

    file = stack_settings.read(Workspace().root, stack)
    outcome = bootstrap(
        file,
        lambda text: results.print(f"{'would ' if plan else ''}{text}", markup=False),
        plan=plan,
        bucket=bucket,
    )
    if not outcome.changes:
        results.print(f"Nothing to do: the account {outcome.account} is ready in {outcome.region}.", markup=False)
    elif plan:
        results.print(f"{outcome.changes} things to do in the account {outcome.account}; nothing was changed.")
        return
    results.print(f"Next: pulumi login '{outcome.backend}'", markup=False)
    results.print(f'      pulumi stack init {stack} --secrets-provider "{outcome.provider}"', markup=False)
    results.print(f"      ./parapet account preflight --stack {stack}", markup=False)


@app.command("preflight")
def look_over(
    stack: StackName = "dev",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no account: what the stack's files tell.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="The stack is a sample: what its owner is to fill in is no failure.")
    ] = False,
    bucket: Bucket = None,
) -> None:
    """Look at everything that must be so before a `pulumi up`; each is ok, or says what to do. Changes nothing."""
    from operations.account.preflight import State, preflight

    findings = [_told(each) for each in preflight(Workspace().root, stack, offline=offline, bucket=bucket)]
    stops = [each for each in findings if each.stops and not (sample and each.state is State.PLACEHOLDER)]
    if stops:
        note(f"{len(stops)} of {len(findings)} are not ok: mend them before `pulumi up --stack {stack}`.")
        raise typer.Exit(1)
    if sample and len(stops) < sum(each.stops for each in findings):
        note("A sample: nothing is amiss but what its owner is to fill in.")


def _tell(text: str) -> None:
    results.print(text, markup=False)


def _told(finding: "Finding") -> "Finding":
    results.print(f"{finding.state:<13} {finding.about:<21} {finding.text}", markup=False)
    return finding
