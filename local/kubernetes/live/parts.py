"""How each live part is made from its pod: what it reads, what it tells the mesh, what is started."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local import processes
from local.files import write_private
from local.kubernetes.control_plane.api import MERGE, Api
from local.kubernetes.control_plane.heard import Listed
from local.kubernetes.live import (
    alertmanager,
    argo_rollouts,
    door,
    istiod,
    karpenter,
    load_balancer,
    prometheus,
    proxies,
)
from local.kubernetes.live.process import Place, Process
from local.kubernetes.live.standing import ALERTMANAGER, GATEWAY, ISTIOD, KARPENTER, PROMETHEUS, ROLLOUTS, Replica
from local.workspace import LOCAL_REGION, Workspace

TEMPLATE = "istio/bootstrap/envoy_bootstrap.json"
ROOT_CERTIFICATES = "istio-ca-root-cert"


class Waits(Exception):
    """What a part needs is not there yet. The text says what."""


@dataclass(frozen=True)
class Cluster:
    """What the API server and the AWS API tell."""

    api: Api
    listed: Listed
    endpoint: str
    certificates: dict[tuple[str, str], load_balancer.Certificate]
    """Those that were asked for, by the AWS API and their ARN: each is exported once."""

    def certificate(self, arn: str) -> load_balancer.Certificate:
        """ACM's certificate; raises Waits where no AWS API runs, and botocore's errors."""
        if not self.endpoint:
            raise Waits("the AWS API does not run")
        if (self.endpoint, arn) not in self.certificates:
            client = aws_client("acm", self.endpoint)
            self.certificates[self.endpoint, arn] = load_balancer.certificate(client, arn)
        return self.certificates[self.endpoint, arn]

    def config_map(self, namespace: str, name: str) -> Mapping[str, str]:
        """Its data; raises Waits where it is not there."""
        named = self.listed(f"/api/v1/namespaces/{namespace}/configmaps?fieldSelector=metadata.name%3D{name}")
        if not named:
            raise Waits(f"there is no ConfigMap {namespace}/{name} yet")
        found: Mapping[str, str] = named[0]["data"]
        return found


def aws_client(service: str, endpoint: str) -> Any:
    """A client of the AWS API here, as the stack's administrator: the variables are this process's own."""
    import boto3  # half a second, that a look without a load balancer does not need

    session: Any = boto3.Session(region_name=LOCAL_REGION)
    return session.client(service, endpoint_url=endpoint)


Maker = Callable[[Mapping[str, Any], Place, Cluster], Process]


def _istiod(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    istiod.configure(cluster.config_map("istio-system", "istio")["mesh"], place.folder)
    return istiod.process(pod, place)


def _gateway(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    _configure(pod, place, cluster, place.address(proxies.GATEWAY_ADDRESS))
    return proxies.gateway(pod, place)


def proxy_of(replica: Replica, place: Place, cluster: Cluster) -> Process:
    """The process of the proxy beside a workload, to which the mesh leads from then on."""
    address = proxies.beside(replica.proxy, place)
    text = yaml.dump_all(proxies.objects(replica, address), Dumper=yaml.CSafeDumper)
    file = _objects(place.workspace) / f"{replica.proxy}.yaml"
    if not (file.exists() and file.read_text() == text):
        write_private(file, text.encode())
    _configure(replica.pod, place, cluster, address)
    return proxies.sidecar(replica.pod, place, address)


def withdraw(workspace: Workspace, kept: Collection[str]) -> None:
    """Has the mesh lead to no workload here but those of these proxies."""
    for file in _objects(workspace).glob("*.yaml"):
        if file.stem not in kept:
            file.unlink(missing_ok=True)


def _objects(workspace: Workspace) -> Path:
    return workspace.live / ISTIOD / istiod.OBJECTS


def _configure(pod: Mapping[str, Any], place: Place, cluster: Cluster, address: str) -> None:
    template = (place.workspace.sources / TEMPLATE).read_text()
    authority = cluster.config_map(pod["metadata"]["namespace"], ROOT_CERTIFICATES)["root-cert.pem"]
    proxies.configure(pod, place, address, template=template, authority=authority)


def _karpenter(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    if not cluster.endpoint:
        raise Waits("the AWS API does not run")
    return karpenter.process(pod, place)


def _prometheus(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    told = cluster.config_map(pod["metadata"]["namespace"], PROMETHEUS)
    prometheus.configure(told, place.folder, alerts_to=alertmanager.address(place), itself=prometheus.address(place))
    return prometheus.process(pod, place)


def _alertmanager(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    if not cluster.endpoint:
        raise Waits("the AWS API does not run")
    told = cluster.config_map(pod["metadata"]["namespace"], ALERTMANAGER)
    alertmanager.configure(told[alertmanager.CONFIGURATION], place)
    return alertmanager.process(pod, place)


def _rollouts(pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    return argo_rollouts.process(pod, place, (_port(place, "metrics"), _port(place, "health")))


MAKERS: dict[str, Maker] = {
    ALERTMANAGER: _alertmanager,
    ISTIOD: _istiod,
    GATEWAY: _gateway,
    KARPENTER: _karpenter,
    PROMETHEUS: _prometheus,
    ROLLOUTS: _rollouts,
}


def _port(place: Place, name: str) -> int:
    """A port of this name for the part: the same one each time that it is asked for."""
    file = place.folder / f"{name}.port"
    if not file.exists():
        file.write_text(str(processes.choose_port(None)))
    return int(file.read_text())


def balanced(services: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The Service before the gateway, where it asks for a load balancer."""
    return next((each for each in services if each["spec"]["type"] == "LoadBalancer"), None)


def load_balancer_of(service: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    """The process of a Service's load balancer."""
    arn = load_balancer.wanted(service)
    load_balancer.configure(service, place, cluster.certificate(arn))
    return load_balancer.process(place)


def door_of(names: Sequence[str], service: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
    """The process by which a client comes to these names, to the load balancer of this Service."""
    door.configure(names, place, cluster.certificate(load_balancer.wanted(service)))
    return door.process(place)


def tell_address(service: Mapping[str, Any], cluster: Cluster) -> None:
    """Gives the Service the name of its load balancer, once that answers."""
    wanted = load_balancer.status(service, LOCAL_REGION)
    if service.get("status", {}).get("loadBalancer") != wanted["status"]["loadBalancer"]:
        meta = service["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}/status"
        cluster.api.call("PATCH", path, wanted, MERGE)
