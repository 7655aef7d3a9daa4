"""Nothing talks to anything, but for the flows in `flows.py`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pulumi
import pulumi_kubernetes as kubernetes

from cluster.guardrails.flows import LINK_LOCAL, PIPELINES, SIGN_ON, TOKEN_KEYS, Flow, Pods, Range, flows
from cluster.labels import Manifest, metadata
from cluster.namespaces import EVERY, NAME_LABEL, Namespace, inside
from foundation.stack import Stack

Ranges: TypeAlias = Mapping[str, Sequence[str]]
"""The CIDRs of each `Range`, by its name."""


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    stack: Stack
    vpc_cidr: str
    service_cidr: pulumi.Input[str]
    """The cluster's service range: `kubernetes_network_config.service_ipv4_cidr` of the EKS cluster."""
    gateway_endpoint_cidrs: Sequence[pulumi.Input[Sequence[str]]]
    """The `cidr_blocks` of S3's and DynamoDB's gateway endpoints."""
    sign_on_cidrs: Sequence[str] = ()
    """Where the identity provider is; without one, nothing is let out to it."""
    token_key_cidrs: Sequence[str] = ()
    """Where that of models' callers is; the same."""
    pipelines: bool = False
    """Whether Kubeflow Pipelines runs there."""
    client_cidrs: Sequence[str]
    """Networks outside of the VPC whose users may reach the gateway."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    workspaces: Sequence[Namespace] = ()


class NetworkPolicies(pulumi.ComponentResource):
    """In every namespace no pod is reached and none reaches out, except by a flow that is written down."""

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:NetworkPolicies", name, {"vpcCidr": args.vpc_cidr}, opts)
        self._name, self._owner = name, args.stack.owner
        self._namespaces = args.namespaces
        endpoints = pulumi.Output.all(*args.gateway_endpoint_cidrs)
        ranges: pulumi.Output[Ranges] = pulumi.Output.all(args.service_cidr, endpoints).apply(
            lambda known: {
                Range.VPC.name: [args.vpc_cidr],
                Range.SERVICES.name: [known[0]],
                Range.CLIENTS.name: args.client_cidrs,
                Range.SIGN_ON.name: args.sign_on_cidrs,
                Range.TOKEN_KEYS.name: args.token_key_cidrs,
                Range.GATEWAY_ENDPOINTS.name: [cidr for cidrs in filter(None, known[1]) for cidr in cidrs],
                **{each.name: [cidr] for each, cidr in LINK_LOCAL.items()},
            }
        )
        for namespace in (*EVERY, *(each.name for each in args.workspaces)):
            closed: Manifest = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
            self._policy(namespace, "default-deny", closed)
        asked = [
            *([SIGN_ON] if args.sign_on_cidrs else []),
            *([TOKEN_KEYS] if args.token_key_cidrs else []),
            *(PIPELINES if args.pipelines else []),
        ]
        for flow in (*flows(args.workspaces), *asked):
            for namespace, policy_name, specify in policies(flow):
                self._policy(namespace, policy_name, ranges.apply(specify))
        self.register_outputs({})

    def _policy(self, namespace: str, policy_name: str, spec: Manifest) -> None:
        kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-{namespace}-{policy_name}",
            metadata=metadata(policy_name, self._owner, namespace=namespace),
            spec=spec,
            opts=inside(namespace, self._namespaces, self),
        )


def policies(flow: Flow) -> Iterator[tuple[str, str, Callable[[Ranges], Manifest]]]:
    """The namespace, the name and, once the ranges are known, the spec of each policy that a flow needs: out where it
    starts, in where it ends."""
    for end in flow.source:
        if isinstance(end, Pods):
            yield end.namespace, f"{flow.name}-out", partial(_spec, flow, end, "Egress", "to", flow.target)
    for end in flow.target:
        if isinstance(end, Pods):
            yield end.namespace, f"{flow.name}-in", partial(_spec, flow, end, "Ingress", "from", flow.source)


def _spec(flow: Flow, pods: Pods, way: str, key: str, others: Sequence[Pods | Range], ranges: Ranges) -> Manifest:
    peers = [peer for other in others for peer in _peers(other, ranges)]
    ports = [{"port": port, "protocol": "UDP" if flow.udp else "TCP"} for port in flow.ports]
    rule = {key: peers, **({"ports": ports} if ports else {})}
    # A rule without peers would let everything through, so without peers there is no rule.
    return {"podSelector": _selector(pods), "policyTypes": [way], way.lower(): [rule] if peers else []}


def _peers(end: Pods | Range, ranges: Ranges) -> list[Manifest]:
    if isinstance(end, Pods):
        where = {"matchLabels": {NAME_LABEL: end.namespace}}
        return [{"namespaceSelector": where, "podSelector": _selector(end)}]
    return [{"ipBlock": {"cidr": cidr}} for cidr in ranges[end.name]]


def _selector(pods: Pods) -> Manifest:
    return {"matchLabels": pods.labels} if pods.labels else {}
