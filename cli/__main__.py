"""The `./parapet` command: provisions the platform on this machine, reviews it, tests it."""

import sys
from typing import Annotated

import typer

from cli import account, data, drift, images, incident, model, pipeline, policies, sharing
from cli.dashboards import dashboards
from cli.demo import demo
from cli.gameday import gameday
from cli.output import Refused, say_error
from cli.plugins import AwsPlugin
from local.workspace import Workspace

# Each command imports by itself what it does: a shell that asks for its exports waits for nothing else.

app = typer.Typer(
    help="A HIPAA-ready machine-learning platform on AWS, here against a local AWS API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.add_typer(account.app, name="account")
app.add_typer(data.app, name="data")
app.add_typer(drift.app, name="drift")
app.add_typer(images.app, name="images")
app.add_typer(incident.app, name="incident")
app.add_typer(sharing.app, name="mlflow")
app.add_typer(model.app, name="model")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(policies.app, name="policies")
app.command("dashboards")(dashboards)
app.command("demo")(demo)
app.command("gameday")(gameday)

StackName = Annotated[str, typer.Option("--stack", help="The stack: one that runs against the local AWS API.")]
Plugin = Annotated[
    AwsPlugin,
    typer.Option(
        help="`official` lets the engine download Pulumi's own AWS plugin and use it against the same local API."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--aws-port",
        envvar="PARAPET_AWS_PORT",
        help="The local AWS API's port (else a free one).",
    ),
]


@app.command()
def up(
    name: StackName = "local",
    aws_plugin: Plugin = AwsPlugin.STAND_IN,
    aws_port: Port = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Also run the stack's controllers: istiod with Envoy proxies, Karpenter, Argo Rollouts."
        ),
    ] = False,
) -> None:
    """Start what is needed, provision the stack under the policy pack, and write the review."""
    from cli import stack

    raise typer.Exit(stack.up(Workspace(), name, aws_plugin, aws_port, live=live))


@app.command()
def preview(name: StackName = "local", aws_plugin: Plugin = AwsPlugin.STAND_IN, aws_port: Port = None) -> None:
    """Show what `up` would change, under the policy pack and with the review; change nothing."""
    from cli import stack

    raise typer.Exit(stack.preview(Workspace(), name, aws_plugin, aws_port))


@app.command()
def down(name: StackName = "local", aws_plugin: Plugin = AwsPlugin.STAND_IN) -> None:
    """Destroy the stack and stop all that was started."""
    from cli import stack

    raise typer.Exit(stack.down(Workspace(), name, aws_plugin))


@app.command("status")
def tell_status(
    name: StackName = "local",
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Tell what runs, and where."""
    from cli import status

    status.tell(Workspace(), name, as_json)


@app.command()
def env(
    name: StackName = "local",
    aws_plugin: Plugin = AwsPlugin.STAND_IN,
    credentials: Annotated[
        bool,
        typer.Option(
            "--credentials", help="Also how clients of MLflow and of models, and `model`, sign in, secrets included."
        ),
    ] = False,
    user: Annotated[
        str | None, typer.Option(help="With --credentials: which of parapet:mlflowUsers, else the first by name.")
    ] = None,
) -> None:
    """Print the exports with which plain commands reach the local stack: eval "$(./parapet env)"."""
    from cli import inference, mlflow, status

    workspace = Workspace()
    sign_in = mlflow.credentials(workspace, name, user) if credentials or user else None
    if sign_in:
        sign_in |= inference.credentials(workspace, name, sign_in["MLFLOW_TRACKING_USERNAME"])
    status.print_exports(workspace, aws_plugin, sign_in, name)


@app.command("cost")
def tell_cost(
    name: Annotated[str, typer.Option("--stack", help="Any stack, of a real account too.")] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Tell what a stack costs a month by list prices: idle, and with every node that its settings allow."""
    from cli import cost

    cost.tell(Workspace(), name, as_json)


@app.command("nodes")
def tell_nodes(
    write: Annotated[bool, typer.Option("--write", help="Move the pin in platform/cluster/versions.yaml.")] = False,
    region: Annotated[
        str, typer.Option(help="Where AWS is asked; the answer is the same in each Region.")
    ] = "us-east-1",
) -> None:
    """Tell how old the pinned image of the nodes is, with AWS credentials, and move the pin (docs/patching.md)."""
    from cli import nodes

    nodes.tell(region, write=write)


@app.command("tunnel")
def open_tunnel(
    name: Annotated[str, typer.Option("--stack", help="The stack: one of a real account.")] = "dev",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port here that leads to the API.")] = 8443,
    print_only: Annotated[
        bool, typer.Option("--print", help="Show the command that would keep the tunnel open, and end.")
    ] = False,
) -> None:
    """Lead a port of this machine to the private Kubernetes API, through the operators' host, with AWS credentials."""
    from cli import tunnel

    tunnel.run(Workspace(), name, port, print_only=print_only)


@app.command()
def test(
    fast: Annotated[bool, typer.Option("--fast", help="Only what needs no running stack: within a minute.")] = False,
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest.")] = None,
) -> None:
    """Run all checks: ruff, the type checker, the import rules and the tests."""
    from cli import checks

    raise typer.Exit(checks.run(Workspace(), fast, arguments or []))


def main() -> None:
    try:
        app(prog_name="./parapet")
    except Refused as error:
        say_error(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say_error("Interrupted.")
        sys.exit(130)


if __name__ == "__main__":
    main()
