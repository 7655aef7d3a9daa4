"""Kubernetes network policies: who is let in, and what is let out."""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes import selectors
from hipaa.kubernetes.objects import each_object, of_kind, whole
from hipaa.networks import is_the_internet, measure
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, rule
from hipaa.verdict import Verdict, all_of, violation

_ALL = of_kind("NetworkPolicy", "networking.k8s.io/v1", "extensions/v1beta1")
NETWORK_POLICY = whole(_ALL)

_PEERS = {"Ingress": "from", "Egress": "to"}


def _ingress(*rules: Any) -> dict[str, Any]:
    return {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(rules)}}


def _egress(*rules: Any) -> dict[str, Any]:
    return {"spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}}


def _block(cidr: Any, **block: Any) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr} | block}


def _edge(direction: str, *rules: Any) -> dict[str, Any]:
    selector = {"matchLabels": {"app": "ingress-nginx"}}
    return {"spec": {"podSelector": selector, "policyTypes": ["Ingress", "Egress"], direction: list(rules)}}


def _expression(operator: str, *values: Any) -> dict[str, Any]:
    return {"key": "kubernetes.io/metadata.name", "operator": operator} | ({"values": list(values)} if values else {})


def _namespaces(operator: str, *values: Any) -> dict[str, Any]:
    return {"namespaceSelector": {"matchExpressions": [_expression(operator, *values)]}}


@rule(
    "network-policy-opens-to-named-peers-only",
    on=_ALL,
    severity=HIGH,
    fix="Name the peers: a narrow ip_block, or a namespace_selector or pod_selector with labels.",
    sound=[
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
        _ingress({"from": [{"podSelector": {}}]}),
        _ingress({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "gateway"}}}]}),
        _ingress({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]}),
        _ingress({"from": [_namespaces("In", "ingress")]}),
        _ingress({"from": [_namespaces("In", UNKNOWN)]}),
        _ingress({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": UNKNOWN}}}]}),
        _ingress({"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}]}),
        Resource(_ALL[4], {"items": [_ingress({"from": [{"podSelector": {}}]})]}),
        _egress({"to": [_block("10.0.0.0/8")], "ports": [{"port": 443, "protocol": "TCP"}]}),
        _ingress({"from": [_block("192.168.0.0/16"), _block("198.51.100.0/24"), _block("2001:db8::/32")]}),
        _edge("ingress", {"from": [_block("0.0.0.0/0")], "ports": [{"port": 443}]}),
        _edge("ingress", {"from": [_block("::/0")], "ports": [{"port": "https", "protocol": "TCP"}]}),
        _edge("egress", {"to": [_block("0.0.0.0/0", **{"except": ["10.0.0.0/8"]})], "ports": [{"port": 443}]}),
    ],
    unsound=[
        _ingress({}),
        _ingress({"from": []}),
        _ingress({"ports": [{"port": 443}]}),
        _ingress({"from": [_block("10.0.0.0/16"), _block("0.0.0.0/0")]}),
        _ingress({"from": [_block("0.0.0.0/1"), _block("128.0.0.0/1")]}),
        _ingress({"from": [_block("::/0")]}),
        _ingress(*({"from": [_block(f"{first}.0.0.0/3")]} for first in range(0, 256, 32))),
        _ingress({"from": [{"namespaceSelector": {}}]}),
        _ingress({"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {}}}]}),
        _ingress({"from": [_namespaces("DoesNotExist")]}),
        _ingress({"from": [_namespaces("Exists")]}),
        _ingress({"from": [_namespaces("NotIn", "kube-system")]}),
        _egress({"to": [_namespaces("Exists") | {"podSelector": {"matchExpressions": [_expression("Exists")]}}]}),
        Resource(_ALL[4], {"items": [_ingress({"from": [{"podSelector": {}}]}), _ingress({})]}),
        Resource(_ALL[2], _ingress({})),
        _ingress({"from": [_block(UNKNOWN), _block("0.0.0.0/0")]}),
        _egress({"to": [_block("0.0.0.0/0", **{"except": ["169.254.169.254/32"]})], "ports": [{"port": 443}]}),
        _egress({}),
        _edge("ingress", {"from": [_block("0.0.0.0/0")]}),
        _edge("ingress", {"from": [_block("0.0.0.0/0")], "ports": [{"port": 443}, {"port": 22}]}),
        _edge("ingress", {"from": [_block("0.0.0.0/0")], "ports": [{"port": 443, "endPort": 65535}]}),
        _edge("ingress", {"from": [{"namespaceSelector": {}}], "ports": [{"port": 443}]}),
        _edge("egress", {"to": [_block("0.0.0.0/0")], "ports": [{"port": 5432}]}),
    ],
)
def network_policy_names_its_peers(policy: Resource) -> Verdict:
    """A network policy lets in, and lets out to, peers that it names: never the internet, nor the whole cluster.

    What lets pods reach any address lets ePHI leave by it.
    """
    return each_object(policy, lambda one: all_of(*(_is_bounded(one, direction) for direction in _PEERS)))


def _is_bounded(policy: Properties, direction: str) -> Verdict:
    rules = f"spec.{direction.lower()}"
    blocks: list[str] = []

    def bounded(rule_: Properties) -> Verdict:
        if not rule_.at(_PEERS[direction]):
            return violation(f"a rule for {direction} names no peer in `{_PEERS[direction]}`, which means all of them")
        spoken_of = _is_https_of_some(policy, rule_)
        return rule_.each(_PEERS[direction], lambda peer: named(peer, spoken_of))

    def named(peer: Properties, spoken_of: bool) -> Verdict:
        if "ipBlock" in peer:
            blocks.extend([] if spoken_of else [str(peer.at("ipBlock.cidr"))])
            return Verdict()
        if _is_all(peer):
            return violation(f"a rule for {direction} names no namespace by a label's value, which is everyone")
        return Verdict()

    verdict = policy.each(rules, bounded)
    if not is_the_internet(blocks):
        return verdict
    return all_of(verdict, violation(f"its rules for {direction} together name {measure(blocks)}; they must be narrow"))


def _is_https_of_some(policy: Properties, rule_: Properties) -> bool:
    """Whether a rule is for pods that the policy names, and for HTTPS alone: the place where a network ends.

    Behind a load balancer that keeps callers' addresses it can be no narrower; so may a security group open that port.
    """
    ports = rule_.objects("ports")
    return bool(ports) and selectors.names(policy.object("spec.podSelector")) and all(map(_is_https, ports))


def _is_https(port: Properties) -> bool:
    number = port.at("port")
    return (
        number in (443, 8443, "443", "8443", "https") and "endPort" not in port and port.at("protocol", "TCP") == "TCP"
    )


@rule(
    "network-policy-leaves-the-internet-out",
    on=_ALL,
    severity=LOW,
    advisory="HTTPS of pods that are named is encrypted (164.312(e)(1)), and what answers there asks who calls",
    fix="Name the networks that call, or are called: the load balancer's subnets, a proxy's address.",
    sound=[
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
        _edge("ingress", {"from": [_block("10.0.0.0/8")], "ports": [{"port": 443}]}),
        _edge("egress", {"to": [_block("198.51.100.0/24")], "ports": [{"port": 443}]}),
    ],
    unsound=[
        _edge("ingress", {"from": [_block("0.0.0.0/0")], "ports": [{"port": 443}]}),
        _edge("egress", {"to": [_block("0.0.0.0/0", **{"except": ["10.0.0.0/8"]})], "ports": [{"port": 443}]}),
    ],
)
def network_policy_leaves_the_internet_out(policy: Resource) -> Verdict:
    """A network policy lets no pod be called from the internet, nor call it, by HTTPS either."""

    def judged(one: Properties) -> Verdict:
        found = [
            direction
            for direction, word in _PEERS.items()
            if is_the_internet(
                str(peer.at("ipBlock.cidr"))
                for rule_ in one.objects(f"spec.{direction.lower()}")
                if _is_https_of_some(one, rule_)
                for peer in rule_.objects(word)
                if "ipBlock" in peer
            )
        ]
        return all_of(*(violation(f"its rules for {each} name the internet; they must be narrow") for each in found))

    return each_object(policy, judged)


def opens_to_everyone(rules: list[Properties], direction: str) -> bool:
    """Whether rules of a policy let in, or let out to, the internet or the whole cluster.

    Raises:
        UnknownValue: when a peer is not known before the update.
    """
    peers = [rule_.objects(_PEERS[direction]) for rule_ in rules]
    if not all(peers) or any(_is_all(peer) for each in peers for peer in each):
        return True
    return is_the_internet(peer.at("ipBlock.cidr") for each in peers for peer in each)


def _is_all(peer: Properties) -> bool:
    # A pod selector alone stays within the policy's own namespace.
    if peer.at("namespaceSelector") is None:
        return False
    return not any(selectors.names(peer.object(kind)) for kind in ("namespaceSelector", "podSelector"))
