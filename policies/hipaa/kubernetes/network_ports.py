"""Kubernetes network policies: which ports named peers reach, and in whose namespaces they are."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_PORTS, PROPOSED_SEGMENTS
from hipaa.kubernetes import selectors
from hipaa.kubernetes.network_policies import NETWORK_POLICY
from hipaa.kubernetes.objects import each_object
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, violation

_DIRECTIONS = (("spec.ingress", "from"), ("spec.egress", "to"))
_PORT = {"port": 8080, "protocol": "TCP"}
_GATEWAY = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}},
    "podSelector": {"matchLabels": {"app": "gateway"}},
}


def _ingress(*rules: Any) -> dict[str, Any]:
    return {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(rules)}}


def _egress(*rules: Any) -> dict[str, Any]:
    return {"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}}


@rule(
    "network-policy-names-its-ports",
    on=NETWORK_POLICY,
    severity=LOW,
    advisory="who may call is named; that named peers reach no more ports than they need is the least that works",
    proposed=PROPOSED_PORTS,
    fix="Add ports to each rule, each with its port and protocol.",
    sound=[
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
        _ingress({"from": [_GATEWAY], "ports": [_PORT]}),
        _egress({"to": [_GATEWAY], "ports": [{"port": "http"}]}),
        _ingress({"from": [_GATEWAY], "ports": [{"port": 8000, "endPort": 8100}]}),
    ],
    unsound=[
        _ingress({"from": [_GATEWAY]}),
        _ingress({"from": [_GATEWAY], "ports": []}),
        _ingress({"from": [_GATEWAY], "ports": [{"protocol": "TCP"}]}),
        _egress({"to": [_GATEWAY]}),
        _ingress({"from": [_GATEWAY], "ports": [{"port": 1, "endPort": 65535}]}),
    ],
)
def network_policy_names_its_ports(policy: Resource) -> Verdict:
    """A network policy lets its peers reach the ports of a service, not all of a pod's.

    Behind the port that was meant others listen: a sidecar's administration, a debugger, a profiler.
    """

    def named(rule_: Properties) -> Verdict:
        if not rule_.listed("ports"):
            return violation(f"`{rule_.where('ports')}` is not set, which means all of them; it must name them")
        return rule_.each_object("ports", bounded)

    def bounded(port: Properties) -> Verdict:
        first, last = port.at("port"), port.at("endPort")
        if first is None:
            return violation(f"`{port.where('port')}` is not set, which means all of the protocol; it must name one")
        if isinstance(first, int) and isinstance(last, int) and last - first >= _MOST_PORTS:
            return violation(f"`{port.where('endPort')}` is {last}, which opens {last - first + 1} ports")
        return Verdict()

    return each_object(policy, lambda one: all_of(*(one.each_object(rules, named) for rules, _ in _DIRECTIONS)))


_MOST_PORTS = 1024


@rule(
    "network-policy-names-its-namespaces",
    on=NETWORK_POLICY,
    severity=MEDIUM,
    advisory="a label of a pod that nobody else may set names it too, and no object tells who may set which",
    proposed=PROPOSED_SEGMENTS,
    fix="Set namespace_selector.match_labels with kubernetes.io/metadata.name beside each pod_selector.",
    sound=[
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        _ingress({"from": [_GATEWAY]}),
        _ingress({"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}]}),
        _egress({"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}]}),
    ],
    unsound=[
        _ingress({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "gateway"}}}]}),
        _egress({"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]}),
    ],
)
def network_policy_names_its_namespaces(policy: Resource) -> Verdict:
    """A peer in another namespace is named by its namespace, and not by a label of its pod alone.

    Whoever may make pods in any namespace gives them what label it likes.
    """

    def named(peer: Properties) -> Verdict:
        if peer.at("namespaceSelector") is None or selectors.names(peer.object("namespaceSelector")):
            return Verdict()
        return violation(f"`{peer.where('namespaceSelector')}` is all namespaces; it must name them by a label's value")

    def judged(one: Properties) -> Verdict:
        return all_of(
            *(
                one.each_object(rules, lambda rule_, peers=peers: rule_.each_object(peers, named))
                for rules, peers in _DIRECTIONS
            )
        )

    return each_object(policy, judged)
