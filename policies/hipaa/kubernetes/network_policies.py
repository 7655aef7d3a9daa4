"""Kubernetes network policies: who is let in, and what is let out."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from hipaa.kubernetes import selectors
from hipaa.kubernetes.objects import each_object, of_kind, whole
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, rule
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
    ],
    unsound=[
        _ingress({}),
        _ingress({"from": []}),
        _ingress({"ports": [{"port": 443}]}),
        _ingress({"from": [_block("10.0.0.0/16"), _block("0.0.0.0/0")]}),
        _ingress({"from": [_block("0.0.0.0/1"), _block("128.0.0.0/1")]}),
        _ingress({"from": [_block("::/0")]}),
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
    ],
)
def network_policy_names_its_peers(policy: Resource) -> Verdict:
    """A network policy lets in, and lets out to, peers that it names: never the internet, nor the whole cluster.

    What lets pods reach any address lets ePHI leave by it.
    """
    return each_object(
        policy,
        lambda one: all_of(
            *(
                one.each(f"spec.{direction.lower()}", lambda rule_, to=direction: _is_bounded(rule_, to))
                for direction in _PEERS
            )
        ),
    )


def _is_bounded(rule_: Properties, direction: str) -> Verdict:
    if not rule_.at(_PEERS[direction]):
        return violation(f"a rule for {direction} names no peer in `{_PEERS[direction]}`, which means all of them")

    def bounded(peer: Properties) -> Verdict:
        return (
            violation(f"a rule for {direction} names {_shown(peer)}, which is everyone") if _is_all(peer) else Verdict()
        )

    return rule_.each(_PEERS[direction], bounded)


def opens_to_everyone(rule_: Properties, direction: str) -> bool:
    """Whether a rule of a policy lets in, or lets out to, the internet or the whole cluster.

    Raises:
        UnknownValue: when a peer is not known before the update.
    """
    peers = rule_.objects(_PEERS[direction])
    return not peers or any(map(_is_all, peers))


def _is_all(peer: Properties) -> bool:
    if "ipBlock" in peer:
        return _is_half_the_internet(str(peer.at("ipBlock.cidr")))
    # A pod selector alone stays within the policy's own namespace.
    if peer.at("namespaceSelector") is None:
        return False
    return not any(selectors.names(peer.object(kind)) for kind in ("namespaceSelector", "podSelector"))


def _is_half_the_internet(block: str) -> bool:
    """A block of /0 or /1: two of the latter are the internet, written so as to slip through."""
    try:
        return ip_network(block, strict=False).prefixlen <= 1
    except ValueError:
        # The API server refuses what is no block.
        return False


def _shown(peer: Properties) -> str:
    return str(peer.at("ipBlock.cidr", "no namespace by a label's value"))
