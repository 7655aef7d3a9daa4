"""What the monitoring's own account may read by its token: where there is what to scrape, and the numbers of nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.flows import Pods, flows
from cluster.labels import Manifest, metadata
from cluster.roles import CORE, RBAC, READ, rule
from foundation.stack import Stack

# Prometheus finds what it scrapes by these (Prometheus, "Configuration", kubernetes_sd_config), and a kubelet answers
# with its numbers who may get `nodes/metrics` (Kubernetes, "Kubelet authentication/authorization").
TARGETS: Final = (rule(CORE, ["pods", "services"], READ), rule("discovery.k8s.io", ["endpointslices"], READ))
NODES: Final = (rule(CORE, ["nodes"], READ), rule(CORE, ["nodes/metrics"], ["get"]))


def scraped(workspaces: Sequence[ns.Namespace] = ()) -> list[str]:
    """The namespaces whose pods it may scrape, itself among them."""
    targets = [end for flow in flows(workspaces) if flow.name.startswith("scrapes") for end in flow.target]
    return sorted({ns.MONITORING.name, *(each.namespace for each in targets if isinstance(each, Pods))})


@dataclass(frozen=True, kw_only=True)
class MonitorArgs:
    stack: Stack
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    workspaces: Sequence[ns.Namespace] = ()


class Monitor(pulumi.ComponentResource):
    """Prometheus finds the pods that it may reach and the nodes, and reads neither Secrets nor what programs wrote."""

    def __init__(self, name: str, args: MonitorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Monitor", name, {}, opts)
        self._owner = args.stack.owner
        own = pulumi.ResourceOptions(parent=self)
        for topic, rules in (("targets", TARGETS), ("nodes", NODES)):
            kubernetes.rbac.v1.ClusterRole(
                f"{name}-{topic}", metadata=metadata(_named(topic), self._owner), rules=list(rules), opts=own
            )
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-nodes", metadata=metadata(_named("nodes"), self._owner), **_bound("nodes"), opts=own
        )
        for namespace in scraped(args.workspaces):
            kubernetes.rbac.v1.RoleBinding(
                f"{name}-targets-{namespace}",
                metadata=metadata(_named("targets"), self._owner, namespace=namespace),
                **_bound("targets"),
                opts=ns.inside(namespace, args.namespaces, self),
            )
        self.register_outputs({})


def _named(topic: str) -> str:
    return f"parapet:monitor:{topic}"


def _bound(topic: str) -> Manifest:
    account = {"kind": "ServiceAccount", "name": ns.MONITORING.service_account, "namespace": ns.MONITORING.name}
    return {
        "role_ref": {"apiGroup": RBAC, "kind": "ClusterRole", "name": _named(topic)},
        "subjects": [account],
    }
