"""What is said above all namespaces: networks (`policy.networking.k8s.io`), and exceptions from Kyverno's policies.

An AdminNetworkPolicy is asked before every NetworkPolicy, so that what it allows no namespace can deny ("Network Policy
API", Kubernetes SIG Network, v1alpha1 and v1alpha2).
"""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes import selectors
from hipaa.networks import is_the_internet, measure
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, violation

ADMIN = "kubernetes:policy.networking.k8s.io/v1alpha1:AdminNetworkPolicy"
OF_CLUSTER = "kubernetes:policy.networking.k8s.io/v1alpha2:ClusterNetworkPolicy"
_PEERS = {"ingress": "from", "egress": "to"}


def _admin(direction: str, *peers: dict[str, Any], action: str = "Allow", **spec: Any) -> dict[str, Any]:
    rules = [{"name": "r", "action": action, _PEERS[direction]: list(peers)}]
    return {"spec": {"priority": 10, "subject": {"namespaces": {}}, direction: rules} | spec}


_MONITORING = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}


@rule(
    "admin-network-policy-opens-to-named-peers-only",
    on=(ADMIN, OF_CLUSTER),
    severity=HIGH,
    fix="Name in from and to namespaces or pods by a label's value, or narrow networks; leave the rest to action Pass.",
    sound=[
        _admin("ingress", {"namespaces": _MONITORING}),
        _admin("ingress", {"namespaces": {}}, action="Deny"),
        _admin("egress", {"networks": ["0.0.0.0/0"]}, action="Pass"),
        _admin("ingress", {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "gateway"}}}}),
        _admin("egress", {"networks": ["10.0.0.0/8"]}),
        Resource(OF_CLUSTER, _admin("ingress", {"namespaces": {}}, action="Accept", tier="Baseline")),
    ],
    unsound=[
        _admin("ingress", {"namespaces": {}}),
        _admin("ingress", {"namespaces": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}),
        _admin("ingress", {"pods": {"namespaceSelector": {}, "podSelector": {}}}),
        _admin("egress", {"networks": ["0.0.0.0/1", "128.0.0.0/1"]}),
        _admin("ingress", {"namespaces": UNKNOWN}, {"namespaces": {}}),
        Resource(OF_CLUSTER, _admin("ingress", {"namespaces": {}}, action="Accept", tier="Admin")),
    ],
)
def admin_network_policy_names_its_peers(policy: Resource) -> Verdict:
    """What an AdminNetworkPolicy allows, it allows peers that it names: no namespace can close what it opens."""
    if policy.type == OF_CLUSTER and policy.at("spec.tier") == "Baseline":
        return Verdict()  # which each NetworkPolicy is asked before
    return all_of(*(_is_bounded(policy, direction) for direction in _PEERS))


def _is_bounded(policy: Properties, direction: str) -> Verdict:
    networks: list[str] = []

    def named(peer: Properties) -> Verdict:
        networks.extend(peer.texts("networks"))
        chosen = [peer.object(way) for way in ("namespaces", "pods.namespaceSelector", "pods.podSelector")]
        if ("namespaces" in peer or "pods" in peer) and not any(map(selectors.names, chosen)):
            return violation(f"a rule for {direction} that allows names no peer by a label's value, which is everyone")
        return Verdict()

    def bounded(rule_: Properties) -> Verdict:
        if rule_.at("action") not in ("Allow", "Accept"):
            return Verdict()
        return rule_.each(_PEERS[direction], named)

    verdict = policy.each(f"spec.{direction}", bounded)
    if not is_the_internet(networks):
        return verdict
    return all_of(
        verdict, violation(f"its rules for {direction} together name {measure(networks)}; they must be narrow")
    )


_EXCEPTIONS = tuple(f"kubernetes:kyverno.io/{version}:PolicyException" for version in ("v2", "v2beta1", "v2alpha1"))


def _exception(policies: str = "restrict-host-path", **resources: Any) -> dict[str, Any]:
    said = {"exceptions": [{"policyName": policies, "ruleNames": ["*"]}]}
    return {"spec": said | {"match": {"any": [{"resources": {"kinds": ["Pod"]} | resources}]}}}


@rule(
    "policy-exception-names-what-it-excepts",
    on=_EXCEPTIONS,
    severity=MEDIUM,
    advisory="what a pod may do each pod is asked by itself; an exception for all leaves those out that come later",
    fix="Name the policy, and in match the namespace and the workload that it is for.",
    sound=[
        _exception(namespaces=["monitoring"], names=["node-exporter*"]),
        _exception(selector={"matchLabels": {"app": "node-exporter"}}),
    ],
    unsound=[
        _exception(),
        _exception("*", namespaces=["monitoring"]),
        _exception(namespaces=["*"]),
        _exception(names=["*"], namespaces=["*"]),
    ],
)
def policy_exception_names_what_it_excepts(exception: Resource) -> Verdict:
    """An exception from Kyverno's policies says from which, and for what: not from all, nor for all."""

    def from_one(each: Properties) -> Verdict:
        if str(each.at("policyName", "")).strip("*?"):
            return Verdict()
        return violation("an exception is from every policy; it must name which")

    def for_some(each: Properties) -> Verdict:
        resources = each.object("resources")
        named = [text for way in ("namespaces", "names") for text in resources.texts(way) if text.strip("*?")]
        chosen = any(selectors.names(resources.object(way)) for way in ("selector", "namespaceSelector"))
        if named or chosen or resources.at("name"):
            return Verdict()
        return violation("an exception is for whatever there is of a kind; it must name a namespace or a workload")

    return all_of(
        exception.each("spec.exceptions", from_one),
        *(exception.each(f"spec.match.{way}", for_some) for way in ("any", "all")),
    )
