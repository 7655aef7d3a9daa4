"""What holds for everybody in the cluster: who may talk to whom, how much one may have, what the API server refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from cluster.guardrails.admission import Admission, AdmissionArgs
from cluster.guardrails.network_policies import NetworkPolicies, NetworkPoliciesArgs
from cluster.guardrails.priorities import Priorities, PrioritiesArgs
from cluster.guardrails.quotas import Quotas, QuotasArgs
from cluster.namespaces import Namespace
from foundation.stack import Stack

__all__ = ["Guardrails", "GuardrailsArgs"]


@dataclass(frozen=True, kw_only=True)
class GuardrailsArgs:
    stack: Stack
    vpc_cidr: str
    service_cidr: pulumi.Input[str]
    gateway_endpoint_cidrs: Sequence[pulumi.Input[Sequence[str]]]
    sign_on_cidrs: Sequence[str] = ()
    """Where the identity provider is."""
    token_key_cidrs: Sequence[str] = ()
    """Where that of models' callers is."""
    pipelines: bool = False
    """Whether Kubeflow Pipelines runs there."""
    client_cidrs: Sequence[str]
    domain: str
    """Whose hosts lead to the gateway."""
    pod_identity: bool = False
    """Whether EKS gives pods their accounts' credentials."""
    webhooks: bool = False
    """Whether the API server asks the mesh's injector about each pod."""
    gpus: int
    predictors: int = 0
    """Pods of the stack's models, at most."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    workspaces: Sequence[Namespace] = ()
    """Those of this stack's people and projects, besides those that every stack has."""


class Guardrails(pulumi.ComponentResource):
    """Closed by default: no connection, no GPU, no image, no privilege but those that are written down here."""

    def __init__(self, name: str, args: GuardrailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Guardrails", name, {"registry": args.stack.registry, "gpus": args.gpus}, opts)
        own = pulumi.ResourceOptions(parent=self)
        NetworkPolicies(
            name,
            NetworkPoliciesArgs(
                stack=args.stack,
                vpc_cidr=args.vpc_cidr,
                service_cidr=args.service_cidr,
                gateway_endpoint_cidrs=args.gateway_endpoint_cidrs,
                client_cidrs=args.client_cidrs,
                namespaces=args.namespaces,
                workspaces=args.workspaces,
                sign_on_cidrs=args.sign_on_cidrs,
                token_key_cidrs=args.token_key_cidrs,
                pipelines=args.pipelines,
            ),
            own,
        )
        quotas = QuotasArgs(
            stack=args.stack,
            gpus=args.gpus,
            predictors=args.predictors,
            namespaces=args.namespaces,
            workspaces=args.workspaces,
        )
        Quotas(name, quotas, own)
        Priorities(name, PrioritiesArgs(stack=args.stack), own)
        admission = AdmissionArgs(
            stack=args.stack,
            domain=args.domain,
            workspaces=args.workspaces,
            webhooks=args.webhooks,
            pod_identity=args.pod_identity,
        )
        Admission(name, admission, own)
        self.register_outputs({})
