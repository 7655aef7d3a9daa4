"""What the API server refuses of Services and of the mesh's routes, by whoever writes them.

`dyn`, as in `pod_rules.py`: one policy speaks of several versions of a kind.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX
from cluster.guardrails.account_rules import account_rules
from cluster.guardrails.check_rules import check_rules
from cluster.guardrails.cloudwatch_rules import cloudwatch_rules
from cluster.guardrails.mesh_rules import GATEWAY_REFERENCE, mesh_rules
from cluster.guardrails.model_rules import model_rules
from cluster.guardrails.object_rule import PEOPLE, SPEC, ObjectRule
from cluster.guardrails.pod_rules import Check, cel
from cluster.guardrails.rollout_rules import rollout_rules
from cluster.guardrails.step_results import step_results_rule
from cluster.guardrails.volume_rules import volume_rules

__all__ = ["ENTRANCE", "GATEWAY_REFERENCE", "ObjectRule", "object_rules"]

ENTRANCE: Final = ns.INGRESS.service_account
"""The Service that is the one load balancer of the cluster, called as the gateway's release and account are."""


def object_rules(domain: str) -> tuple[ObjectRule, ...]:
    """The rules, for a stack whose users come to the hosts of this domain."""
    return (
        _services(),
        _statuses(),
        *mesh_rules(domain),
        *rollout_rules(),
        *model_rules(),
        *check_rules(),
        *account_rules(),
        *cloudwatch_rules(),
        *volume_rules(),
        step_results_rule(),
    )


def _services() -> ObjectRule:
    entrance = f"request.namespace == {cel(ns.INGRESS.name)} && object.metadata.name == {cel(ENTRANCE)}"
    system = (*(each.name for each in ns.SYSTEM), ns.INGRESS.name)
    return ObjectRule(
        name="services-stay-inside",
        group="",
        resources=("services",),
        variables={
            **SPEC,
            "type": "has(variables.spec.type) ? variables.spec.type : 'ClusterIP'",
            "addresses": "has(variables.spec.externalIPs) ? variables.spec.externalIPs : []",
            "words": "['labels', 'annotations'].map(p, dyn(object).metadata[?p].orValue({})"
            ".filter(k, k.matches('(^|[.])istio[.]io/')).map(k, string(k)).join(', ')).filter(w, w != '')",
        },
        checks=(
            Check(
                holds=f"variables.type == 'ClusterIP' || variables.type == 'LoadBalancer' && {entrance}",
                found='"the Service is of type " + variables.type',
                fix=f"Make it a ClusterIP: users come in by {ns.INGRESS.name}/{ENTRANCE} and a VirtualService.",
            ),
            Check(
                holds="size(variables.addresses) == 0",
                found='"the Service takes packets for " + variables.addresses.join(", ")',
                fix="Leave externalIPs out: with them a Service stands in for any address.",
            ),
            Check(
                # Who sees the Service, and through which proxy calls go.
                holds=f"size(variables.words) == 0 || request.namespace in {cel(system)}",
                found='"the Service says " + variables.words.join(", ") + " to the mesh"',
                fix="Leave it out: who is shown a Service, and by which way calls go, is the stack's to say.",
            ),
        ),
    )


def _statuses() -> ObjectRule:
    """An address in the status takes packets as one in `externalIPs` does (CVE-2020-8554)."""
    others = (
        f"request.userInfo.username.startsWith({cel(PREFIX)})"
        f" && !request.userInfo.username.startsWith({cel(PREFIX + ns.KUBE_SYSTEM + ':')})"
    )
    return ObjectRule(
        name="addresses-of-services-are-the-clouds",
        group="",
        resources=("services/status",),
        operations=("UPDATE",),
        only=f"{others} || {PEOPLE}",
        checks=(
            Check(
                holds="false",
                found='"the status of a Service says which addresses it takes packets for"',
                fix="Leave it to what makes load balancers.",
            ),
        ),
    )
