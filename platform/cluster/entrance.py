"""The way in for users: a load balancer before the gateway, and the names that lead to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.flows import GATEWAY
from cluster.guardrails.object_rules import ENTRANCE
from cluster.labels import Manifest, metadata
from foundation.stack import Stack

NAME: Final = ENTRANCE
SECONDS: Final = 60
"""How long a resolver may go on believing an old name of the load balancer."""

PORTS: Final = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443}]
"""Each is a listener of the load balancer. The gateway's status port is none: with the external traffic policy Local,
the health check goes to the node's kube-proxy, on the Service's healthCheckNodePort, which says whether a gateway is on
the node (Kubernetes, "Create an External Load Balancer", preserving the client source IP)."""


NOT_FOR_PODS: Final = {"networking.istio.io/exportTo": "~"}
"""No proxy of a pod knows the Service: who asks by the gateway is somebody outside (Istio, "Configuration Scoping")."""


@dataclass(frozen=True, kw_only=True)
class EntranceArgs:
    stack: Stack
    domain: str
    zone_id: pulumi.Input[str]
    """The domain's private hosted zone."""
    annotations: dict[str, pulumi.Input[str]]
    """What EKS's own load balancer controller is told, besides that it makes an internal network load balancer."""
    clients: Sequence[str]
    """The ranges that users come from."""
    reachable: bool
    """Whether something makes load balancers, as EKS does."""
    after: Sequence[pulumi.Resource]
    """The gateway."""


class Entrance(pulumi.ComponentResource):
    """An internal network load balancer for the listed ranges, and every host of the domain leads to it.

    EKS makes the load balancer of a Service of this type by itself, without a controller in the cluster, in the subnets
    that are tagged for it. Its name is known once the Service has it, and goes into the private zone in the same run.
    """

    def __init__(self, name: str, args: EntranceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Entrance", name, {"domain": args.domain}, opts)
        own = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        prefix = "service.beta.kubernetes.io/aws-load-balancer"
        if args.reachable:
            annotations = {f"{prefix}-type": "nlb", f"{prefix}-internal": "true", **args.annotations}
            kind: dict[str, Any] = {
                "type": "LoadBalancer",
                # The gateway and its log see the user's own address.
                "externalTrafficPolicy": "Local",
                "loadBalancerSourceRanges": list(args.clients),
            }
        else:
            # Nothing would ever give such a Service an address, or have an endpoint for it.
            annotations, kind = {"pulumi.com/skipAwait": "true"}, {"type": "ClusterIP"}
        spec: Manifest = {**kind, "selector": {"app": NAME, **GATEWAY}, "ports": PORTS}
        service = kubernetes.core.v1.Service(
            f"{name}-gateway",
            metadata={
                **metadata(NAME, args.stack.owner, namespace=ns.INGRESS.name, data_class=ns.INGRESS.data_class),
                "annotations": {**annotations, **NOT_FOR_PODS},
            },
            spec=spec,
            opts=own,
        )
        if args.reachable:
            aws.route53.Record(
                f"{name}-gateway",
                zone_id=args.zone_id,
                name=f"*.{args.domain}",
                type="CNAME",
                ttl=SECONDS,
                records=[service.status.apply(_load_balancer)],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _load_balancer(status: kubernetes.core.v1.outputs.ServiceStatus | None) -> str:
    """Its host name, which it has by the time that the Service counts as made."""
    assert status is not None
    assert status.load_balancer is not None
    assert status.load_balancer.ingress
    return status.load_balancer.ingress[0].hostname or ""
