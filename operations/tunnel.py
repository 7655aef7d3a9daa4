"""The way from a workstation to a private Kubernetes API: a port here that leads there, through the operators' host."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from cluster.operators_host import api_document, group_name
from operations.account.access import told
from operations.refused import Refused

PROGRAMS: Final = {
    "aws": "the AWS CLI, version 2 (AWS CLI User Guide, Installing or updating to the latest version)",
    "session-manager-plugin": "the Session Manager plugin (AWS Systems Manager User Guide, Install the Session Manager "
    "plugin for the AWS CLI)",
}
"""What a tunnel is made with, and what to install where it is missing."""


@dataclass(frozen=True)
class Way:
    """What a tunnel leads through and to."""

    cluster: str
    region: str
    host: str
    """The id of the operators' host."""
    api: str
    """The name of the Kubernetes API's endpoint."""
    authority: str
    """The certificate that proves it, as base64 of its PEM."""

    def command(self, port: int) -> list[str]:
        """What keeps the tunnel open for as long as it runs."""
        return [
            *("aws", "ssm", "start-session", "--region", self.region, "--target", self.host),
            # Host and port of the other end are the document's.
            *("--document-name", api_document(self.cluster), "--parameters", f"localPortNumber={port}"),
        ]

    def kubeconfig(self, port: int) -> str:
        """How kubectl takes it. It holds no secret: the AWS CLI is asked for a token each time."""
        cluster = {
            "server": f"https://127.0.0.1:{port}",
            # The API proves that it is itself, and not that it is this machine.
            "tls-server-name": self.api,
            "certificate-authority-data": self.authority,
        }
        token = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": ["eks", "get-token", "--cluster-name", self.cluster, "--region", self.region],
            "interactiveMode": "IfAvailable",
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.cluster, "cluster": cluster}],
            "users": [{"name": self.cluster, "user": {"exec": token}}],
            "contexts": [{"name": self.cluster, "context": {"cluster": self.cluster, "user": self.cluster}}],
            "current-context": self.cluster,
        }
        return yaml.safe_dump(document, sort_keys=False)


def find(stack: str, region: str, client: Callable[[str], Any]) -> Way:
    """The way to the cluster of the stack whose resources' names begin with `stack`.

    `client` makes the client of an AWS service. Raises `Refused` where there is none, or the account cannot be asked.
    """
    with told():
        cluster = _cluster(client("eks"), stack, region)
        host = _host(client("autoscaling"), stack)
        _reached(client("ssm"), host)
    return Way(
        cluster=stack,
        region=region,
        host=host,
        api=urlsplit(cluster["endpoint"]).hostname or "",
        authority=cluster["certificateAuthority"]["data"],
    )


def missing(which: Callable[[str], str | None] = shutil.which) -> str:
    """What is not on the PATH and must be, in one line; empty where all is."""
    absent = {program: what for program, what in PROGRAMS.items() if not which(program)}
    return "; ".join(f"{program} is not on the PATH: install {what}" for program, what in absent.items())


def write(way: Way, port: int, file: Path) -> None:
    """Write the kubeconfig, for its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(way.kubeconfig(port))


def _cluster(eks: Any, stack: str, region: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = eks.describe_cluster(name=stack)["cluster"]
    except eks.exceptions.ResourceNotFoundException:
        raise Refused(
            f"There is no cluster {stack} in {region}, in the account of these credentials: provision the stack first, "
            "or take the credentials of its account."
        ) from None
    if not found.get("endpoint"):
        raise Refused(
            f"The cluster {stack} is {found.get('status')} and has no endpoint yet: try again in some minutes."
        )
    return found


def _host(autoscaling: Any, stack: str) -> str:
    name = group_name(stack)
    groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not groups:
        raise Refused(
            f"There is no operators' host ({name}): set parapet:operatorsHost to true and run the update from where "
            "the API is reached, or come by a network of parapet:clusterClientCidrs."
        )
    serving = [
        each["InstanceId"]
        for each in groups[0]["Instances"]
        if (each["LifecycleState"], each["HealthStatus"]) == ("InService", "Healthy")
    ]
    if not serving:
        raise Refused(f"The operators' host ({name}) is being launched or replaced: try again in some minutes.")
    return str(serving[0])


def _reached(ssm: Any, host: str) -> None:
    asked = [{"Key": "InstanceIds", "Values": [host]}]
    found = ssm.describe_instance_information(Filters=asked)["InstanceInformationList"]
    if not found or found[0].get("PingStatus") != "Online":
        raise Refused(
            f"The operators' host ({host}) has not come to Session Manager yet: try again in some minutes. If it never "
            "does, look at the endpoints ssm and ssmmessages of its VPC."
        )
