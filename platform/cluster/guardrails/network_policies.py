"""Nothing talks to anything, but for the flows in `flows.py`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from cluster.guardrails.flows import FLOWS, LINK_LOCAL, Flow, Pods, Range
from cluster.labels import Manifest, metadata
from cluster.namespaces import EVERY, NAME_LABEL

BOTH_WAYS = ["Ingress", "Egress"]


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    owner: str
    vpc_cidr: str
    service_cidr: pulumi.Input[str]
    """The cluster's service range: `kubernetes_network_config.service_ipv4_cidr` of the EKS cluster."""
    gateway_endpoint_cidrs: Sequence[pulumi.Input[str]]
    """The addresses of S3's and DynamoDB's managed prefix lists."""
    client_cidrs: Sequence[str]
    """Networks outside of the VPC whose users may reach the gateway."""


class NetworkPolicies(pulumi.ComponentResource):
    """In every namespace no pod is reached and none reaches out, except by a flow that is written down."""

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:NetworkPolicies", name, {"vpcCidr": args.vpc_cidr}, opts)
        self._name, self._owner = name, args.owner
        ranges: Mapping[Range, Sequence[pulumi.Input[str]]] = {
            Range.VPC: [args.vpc_cidr],
            Range.SERVICES: [args.service_cidr],
            Range.CLIENTS: args.client_cidrs,
            Range.GATEWAY_ENDPOINTS: args.gateway_endpoint_cidrs,
            **{each: [cidr] for each, cidr in LINK_LOCAL.items()},
        }
        for namespace in EVERY:
            self._policy(namespace, "default-deny", {"podSelector": {}, "policyTypes": BOTH_WAYS})
        for flow in FLOWS:
            for namespace, policy_name, spec in policies(flow, ranges):
                self._policy(namespace, policy_name, spec)
        self.register_outputs({})

    def _policy(self, namespace: str, policy_name: str, spec: Manifest) -> None:
        kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-{namespace}-{policy_name}",
            metadata=metadata(policy_name, self._owner, namespace=namespace),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


def policies(flow: Flow, ranges: Mapping[Range, Sequence[pulumi.Input[str]]]) -> Iterator[tuple[str, str, Manifest]]:
    """The namespace, name and spec of each policy that a flow needs: out where it starts, in where it ends."""
    ports = [{"port": port, "protocol": "UDP" if flow.udp else "TCP"} for port in flow.ports]
    sources, targets = _peers(flow.source, ranges), _peers(flow.target, ranges)
    # A rule without peers would let through everything; a range without addresses lets through nothing.
    for end in (each for each in flow.source if isinstance(each, Pods) and targets):
        rule = {"to": targets, **({"ports": ports} if ports else {})}
        spec = {"podSelector": _selector(end), "policyTypes": ["Egress"], "egress": [rule]}
        yield end.namespace, f"{flow.name}-out", spec
    for end in (each for each in flow.target if isinstance(each, Pods) and sources):
        rule = {"from": sources, **({"ports": ports} if ports else {})}
        spec = {"podSelector": _selector(end), "policyTypes": ["Ingress"], "ingress": [rule]}
        yield end.namespace, f"{flow.name}-in", spec


def _peers(ends: Sequence[Pods | Range], ranges: Mapping[Range, Sequence[pulumi.Input[str]]]) -> list[Manifest]:
    peers: list[Manifest] = []
    for end in ends:
        if isinstance(end, Pods):
            where = {"matchLabels": {NAME_LABEL: end.namespace}}
            peers.append({"namespaceSelector": where, "podSelector": _selector(end)})
        else:
            peers += [{"ipBlock": {"cidr": cidr}} for cidr in ranges[end]]
    return peers


def _selector(pods: Pods) -> Manifest:
    return {"matchLabels": pods.labels} if pods.labels else {}
