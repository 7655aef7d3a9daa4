"""`./parapet tunnel`: a port of this machine that leads to a stack's private Kubernetes API."""

import os
import shlex

from cli.output import Refused, note
from local.workspace import Workspace

KUBECONFIG = "tunnel.kubeconfig"


def run(workspace: Workspace, name: str, port: int, *, print_only: bool) -> None:
    """Writes the kubeconfig, and becomes what keeps the tunnel open; with `print_only` shows the command alone, on
    standard output, and returns. Raises Refused where there is no way."""
    from operations import tunnel  # it imports Pulumi's SDK, seconds that no other command should wait for
    from operations.account.access import open_account

    cluster, region, account = _named(workspace, name)
    if not print_only and (missing := tunnel.missing()):
        raise Refused(missing)

    way = tunnel.find(cluster, region, open_account(region, account).client)
    command = way.command(port)
    if print_only:
        print(shlex.join(command))
        return
    file = workspace.home / KUBECONFIG
    tunnel.write(way, port, file)
    note(f"Through {way.host} to {way.api}, until Ctrl-C. In another shell:")
    note(f"  export KUBECONFIG={shlex.quote(str(file))}; kubectl get nodes")
    # Ctrl-C is for the plugin alone, which then ends the session.
    os.execvp(command[0], command)  # noqa: S606 (an argument list, and no shell)


def _named(workspace: Workspace, name: str) -> tuple[str, str, str]:
    """The cluster of a stack, its Region and its account, empty for any, as the stack's file says; raises Refused."""
    from operations import stack_settings
    from setting_types import NAMESPACE

    values = stack_settings.read(workspace.root, name).values
    if values.get("localAws") == "true":
        raise Refused(
            f'The stack {name} runs on this machine, so that no tunnel is needed: eval "$(./parapet env)". Name '
            "another with --stack."
        )
    if not values.get("environment"):
        raise Refused(f"Pulumi.{name}.yaml does not say parapet:environment, of which the cluster has its name.")
    return f"{NAMESPACE}-{values['environment']}", values["region"], values.get("allowedAccountId", "")
