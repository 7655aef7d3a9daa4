"""Network policies of Cilium 1.18: who is let in, and what is let out.

Of its documentation, "Layer 3 Policies": without a peer a rule with ports is for all; an empty rule lets in nobody.
"""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes import selectors
from hipaa.networks import is_the_internet, measure
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, rule
from hipaa.verdict import Verdict, all_of, violation

OF_NAMESPACE = "kubernetes:cilium.io/v2:CiliumNetworkPolicy"
OF_CLUSTER = "kubernetes:cilium.io/v2:CiliumClusterwideNetworkPolicy"

_EVERYBODY = ("world", "world-ipv4", "world-ipv6", "all", "cluster")
_NAMESPACE = "io.kubernetes.pod.namespace"
_OF_NAMESPACES = "io.cilium.k8s.namespace.labels."
_PORTS = [{"ports": [{"port": "443", "protocol": "TCP"}]}]
_EDGE = {"matchLabels": {"app": "ingress-nginx"}}


def _policy(*, ingress: Any = None, egress: Any = None, **spec: Any) -> dict[str, Any]:
    said = {name: [rule_] for name, rule_ in (("ingress", ingress), ("egress", egress)) if rule_ is not None}
    return {"spec": {"endpointSelector": {}} | said | spec}


@rule(
    "cilium-policy-opens-to-named-peers-only",
    on=(OF_NAMESPACE, OF_CLUSTER),
    severity=HIGH,
    fix="Name the peers: endpoints by labels, a narrow CIDR, a domain, or an entity such as kube-apiserver.",
    sound=[
        {"spec": {"endpointSelector": {}}},
        _policy(ingress={}),
        _policy(ingress={"fromEndpoints": [{}]}),
        _policy(ingress={"fromEndpoints": [{"matchLabels": {f"k8s:{_NAMESPACE}": "ingress", "app": "gateway"}}]}),
        _policy(ingress={"fromEntities": ["kube-apiserver", "host", "health"]}),
        _policy(ingress={"fromCIDR": ["10.0.0.0/8"], "toPorts": _PORTS}),
        _policy(egress={"toFQDNs": [{"matchName": "api.example.org"}, {"matchPattern": "*.example.org"}]}),
        _policy(egress={"toServices": [{"k8sService": {"serviceName": "db", "namespace": "data"}}], "toPorts": _PORTS}),
        _policy(egress={"toCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.96.0.0/12"]}]}),
        {"specs": [{"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "a"}}]}]}]},
        _policy(ingressDeny=[{"fromEntities": ["world"]}]),
        Resource(OF_CLUSTER, _policy(ingress={"fromEndpoints": [{"matchLabels": {"app": "gateway"}}]})),
        _policy(ingress={"fromEntities": ["world"], "toPorts": _PORTS}, endpointSelector=_EDGE),
        _policy(egress={"toCIDRSet": [{"cidr": "0.0.0.0/0"}], "toPorts": _PORTS}, endpointSelector=_EDGE),
    ],
    unsound=[
        _policy(ingress={"fromEntities": ["world"]}),
        _policy(egress={"toEntities": ["all"]}),
        _policy(ingress={"fromEntities": ["cluster"]}),
        _policy(egress={"toCIDR": ["0.0.0.0/0"]}),
        _policy(egress={"toCIDRSet": [{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}]}),
        _policy(egress={"toCIDRSet": [{"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}], "toPorts": _PORTS}),
        _policy(ingress={"toPorts": _PORTS}),
        _policy(egress={"toPorts": _PORTS}),
        _policy(ingress={"fromEntities": ["world"]}, endpointSelector=_EDGE),
        _policy(ingress={"fromEntities": ["cluster"], "toPorts": _PORTS}, endpointSelector=_EDGE),
        _policy(egress={"toFQDNs": [{"matchPattern": "*"}]}),
        _policy(ingress={"fromEndpoints": [{"matchExpressions": [{"key": _NAMESPACE, "operator": "Exists"}]}]}),
        _policy(
            ingress={
                "fromEndpoints": [{"matchExpressions": [{"key": f"k8s:{_OF_NAMESPACES}team", "operator": "Exists"}]}]
            }
        ),
        _policy(ingress={"fromEndpoints": [UNKNOWN], "fromEntities": ["world"]}),
        {"specs": [{"endpointSelector": {}, "egress": [{"toEntities": ["world"]}]}]},
        Resource(OF_CLUSTER, _policy(ingress={"fromEndpoints": [{}]})),
    ],
)
def cilium_policy_names_its_peers(policy: Resource) -> Verdict:
    """A network policy of Cilium lets in, and lets out to, peers that it names: never the internet, nor the cluster.

    What lets pods reach any address lets ePHI leave by it.
    """
    of_cluster = policy.type == OF_CLUSTER

    def judged(spec: Properties) -> Verdict:
        return all_of(*(_is_bounded(spec, direction, of_cluster) for direction in ("ingress", "egress")))

    return all_of(policy.each("spec", judged), policy.each("specs", judged))


def denies_by_default(policy: Resource, direction: str, namespace: str) -> bool:
    """Whether a policy takes all pods of a namespace, and lets in (`Ingress`) or out nobody but whom it names.

    A policy with a rule for a direction denies what no rule allows, unless it says otherwise ("Policy Enforcement
    Modes" and `enableDefaultDeny` in Cilium's documentation, 1.18); an empty rule allows nothing.

    Raises:
        UnknownValue: when it is not known before the update.
    """
    of_cluster, name = policy.type == OF_CLUSTER, direction.lower()
    for spec in (*policy.objects("spec"), *policy.objects("specs")):
        has_rules = bool(spec.listed(name) or spec.listed(f"{name}Deny"))
        if not has_rules or spec.at(f"enableDefaultDeny.{name}") is False:
            continue
        takes_all = _takes_all_of(spec.object("endpointSelector"), namespace, of_cluster)
        if takes_all and not _is_bounded(spec, name, of_cluster).violations:
            return True
    return False


def _takes_all_of(selector: Properties, namespace: str, of_cluster: bool) -> bool:
    if selectors.is_empty(selector):
        return True
    labels = selector.object("matchLabels")
    its = {str(key).rpartition(":")[2]: labels.get(key) for key in labels}
    return of_cluster and not selector.get("matchExpressions") and its == {_NAMESPACE: namespace}


def _is_bounded(spec: Properties, direction: str, of_cluster: bool) -> Verdict:
    word = "from" if direction == "ingress" else "to"
    blocks: list[str] = []

    def entity(name: str, is_edge: bool) -> Verdict:
        if name not in _EVERYBODY or (is_edge and name.startswith("world")):
            return Verdict()
        return violation(f"a rule for {direction} names the entity {name}")

    def block(cidr: Any, is_edge: bool) -> Verdict:
        if not is_edge:
            blocks.append(str(cidr.at("cidr", "")) if isinstance(cidr, Properties) else str(cidr))
        return Verdict()

    def endpoint(selector: Properties) -> Verdict:
        # Without a word on the namespace it is the policy's own; a policy of the cluster has none.
        everywhere = of_cluster or not selectors.is_empty(selector)
        if selectors.names(selector) or not everywhere or not (of_cluster or _speaks_of_namespaces(selector)):
            return Verdict()
        return violation(f"a rule for {direction} chooses every endpoint; it must name a label's value")

    def domain(each: Properties) -> Verdict:
        if set(str(each.at("matchPattern") or "x")) <= {"*", "."}:
            return violation(f"a rule for {direction} names every domain; it must name which")
        return Verdict()

    def bounded(rule_: Properties) -> Verdict:
        peers = [name for name in rule_ if name.startswith(word) and name != "toPorts"]
        if not peers and ("toPorts" in rule_ or "icmps" in rule_):
            return violation(f"a rule for {direction} names ports and no peer, which means all of them")
        is_edge = selectors.names(spec.object("endpointSelector")) and _is_https_alone(rule_)
        return all_of(
            rule_.each(f"{word}Entities", lambda name: entity(name, is_edge)),
            rule_.each(f"{word}CIDR", lambda cidr: block(cidr, is_edge)),
            rule_.each(f"{word}CIDRSet", lambda cidr: block(cidr, is_edge)),
            rule_.each(f"{word}Endpoints", endpoint),
            rule_.each("toFQDNs", domain),
        )

    verdict = spec.each(direction, bounded)
    if not is_the_internet(blocks):
        return verdict
    return all_of(verdict, violation(f"its rules for {direction} name {measure(blocks)}; they must be narrow"))


def _is_https_alone(rule_: Properties) -> bool:
    """Whether a rule is for HTTPS and nothing else: what the edge of a network may have, as a NetworkPolicy may."""
    ports = [port for each in rule_.objects("toPorts") for port in each.objects("ports")]
    return bool(ports) and all(
        str(port.at("port")) in ("443", "8443", "https")
        and not port.at("endPort")
        and port.at("protocol", "ANY") in ("TCP", "ANY")
        for port in ports
    )


def _speaks_of_namespaces(selector: Properties) -> bool:
    keys = [str(each.at("key")) for each in selector.objects("matchExpressions")]
    return any(key.rpartition(":")[2].startswith((_NAMESPACE, _OF_NAMESPACES)) for key in keys)
