"""What runs, and how to reach it."""

import json
import os
import shlex
from collections.abc import Mapping

from cli import inference, mlflow
from cli.output import Refused, note, results
from cli.plugins import AwsPlugin, prepare_tools
from cli.services import cluster_of
from local import own_settings
from local.aws import server
from local.engine.run import Engine
from local.kubernetes import live
from local.workspace import Workspace, exports, foreign

ELSEWHERE = """\
The stack {name!r} is of a real account, and this command knows what runs on this machine alone. Look there instead, as
"Before you are on call" in runbooks/README.md says; the first stays open, and tells the KUBECONFIG of the other shells:

    ./parapet tunnel --stack {name}
    kubectl get rollouts,pods --namespace=models
    kubectl get pods --namespace=judging
    pulumi stack output --stack {name}
    ./parapet incident list"""


def tell(workspace: Workspace, name: str, as_json: bool) -> None:
    """Prints what runs: for people, or as one JSON object whose keys do not change. Raises Refused, with where to look,
    for a stack of a real account."""
    if name != "local":
        _look_elsewhere(workspace, name)
    endpoint = server.url(workspace)
    cluster = cluster_of(workspace)
    review = workspace.review / "review.html"
    tracking = mlflow.running(workspace)
    engine = Engine(workspace, {}, name)
    found = {
        "aws_endpoint_url": endpoint,
        "kubernetes_url": cluster.server if cluster else None,
        "kubeconfig": str(cluster.kubeconfig) if cluster else None,
        "mlflow_url": tracking.url if tracking else None,
        "live": {each.name: each.state for each in live.told(workspace)[1]} if live.asked_for(workspace) else None,
        "load_balancer_address": live.load_balancer_address(workspace),
        "toolchain_bin": str(workspace.bin) if (workspace.bin / "pulumi").exists() else None,
        "stack": name,
        "resources": len(engine.resources()),
        "models": inference.models(workspace, engine, cluster),
        "review": str(review) if review.exists() else None,
    }
    if as_json:
        results.print_json(json.dumps(found))
        return
    results.print(f"AWS API    {endpoint or 'not running; ./parapet up starts it'}")
    results.print(f"Cluster    {found['kubernetes_url'] or 'not running; ./parapet up starts it'}")
    results.print(f"MLflow     {found['mlflow_url'] or 'not running; ./parapet up starts it'}")
    for each in found["models"]:
        results.print(f"Model      {inference.line(each)}", markup=False)
    if found["live"]:
        results.print(f"Live       {', '.join(f'{name} {state}' for name, state in found['live'].items())}")
    results.print(f"Stack      {name}, {found['resources']} resources")
    results.print(f"Review     {found['review'] or 'none yet'}")
    results.print(f"Tools      {found['toolchain_bin'] or 'none yet'}")


def _look_elsewhere(workspace: Workspace, name: str) -> None:
    from cli.stack import declared_stacks, is_local  # for which `./parapet env` should not wait

    if (file := declared_stacks(workspace).get(name)) and not is_local(file):
        raise Refused(ELSEWHERE.format(name=name))


def print_exports(
    workspace: Workspace, plugin: AwsPlugin, sign_in: Mapping[str, str] | None = None, name: str = "local"
) -> None:
    """Prints shell exports, and how to sign in where that was asked for; makes missing tools first."""
    prepare_tools(workspace, plugin)
    endpoint = server.url(workspace)
    if endpoint is None:
        note("The local AWS API is not running: `./parapet up` starts it, then evaluate these exports again.")
    variables = exports(workspace, endpoint, plugin) | own_settings.variables(workspace, name) | dict(sign_in or {})
    lines = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    lines += [f"unset {' '.join(foreign())}", f'export PATH={shlex.quote(str(workspace.bin))}{os.pathsep}"$PATH"']
    print("\n".join(lines))
