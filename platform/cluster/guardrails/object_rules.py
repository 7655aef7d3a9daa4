"""What the API server refuses of Services and of the mesh's routes, by whoever writes them.

`dyn`, as in `pod_rules.py`: one policy speaks of several versions of a kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.pod_rules import Check, cel

ENTRANCE: Final = ns.INGRESS.service_account
"""The Service that is the one load balancer of the cluster, called as the gateway's release and account are."""
GATEWAY_REFERENCE: Final = f"{ns.INGRESS.name}/ingress"
"""How a route names the mesh's gateway."""
RESERVED: Final = {"mlflow": ns.MLFLOW.name}
"""Hosts of the domain, by their first label, that are the platform's own, and the namespace that has each."""
EXPORTS: Final = (".", ns.INGRESS.name)
"""Whose proxies may take a namespace's routes: its own, and the gateway."""

# A way around what the mesh decides: another door, another way out, another name for an address, a proxy of one's own.
STACKS_OWN: Final = (
    "gateways",
    "serviceentries",
    "envoyfilters",
    "sidecars",
    "workloadentries",
    "workloadgroups",
    "proxyconfigs",
)
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SPEC: Final = {"spec": "dyn(object).spec"}
_EXPORTS: Final = {"exports": "has(variables.spec.exportTo) ? variables.spec.exportTo : ['*']"}
_EXPORTED: Final = Check(
    holds=f"size(variables.exports) > 0 && variables.exports.all(e, e in {cel(EXPORTS)})",
    found='"it is shown to " + variables.exports.join(", ")',
    fix=f"Say exportTo, with no other than {' and '.join(EXPORTS)}: other namespaces' proxies would take it too.",
)


@dataclass(frozen=True, kw_only=True)
class ObjectRule:
    """A ValidatingAdmissionPolicy over kinds of one API group."""

    name: str
    group: str
    resources: tuple[str, ...]
    checks: tuple[Check, ...]
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    only: str = ""
    """Whose requests it judges (CEL); all of them are judged then, of what is on its way out too."""
    variables: Mapping[str, str] = field(default_factory=dict)
    exempt: tuple[str, ...] = ()
    why_exempt: str = ""


def object_rules(domain: str) -> tuple[ObjectRule, ...]:
    """The rules, for a stack whose users come to the hosts of this domain."""
    return (_services(), _routes(domain), _destinations(), _mesh())


def _services() -> ObjectRule:
    entrance = f"request.namespace == {cel(ns.INGRESS.name)} && object.metadata.name == {cel(ENTRANCE)}"
    return ObjectRule(
        name="services-stay-inside",
        group="",
        resources=("services",),
        variables={
            **_SPEC,
            "type": "has(variables.spec.type) ? variables.spec.type : 'ClusterIP'",
            "addresses": "has(variables.spec.externalIPs) ? variables.spec.externalIPs : []",
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
        ),
    )


def _routes(domain: str) -> ObjectRule:
    host = f"h.matches({cel('^' + _LABEL + '[.]' + domain.replace('.', '[.]') + '$')})"
    free = f"!(h.split('.')[0] in {cel(RESERVED)}) || request.namespace == {cel_map(RESERVED)}[h.split('.')[0]]"
    users = f"({host} && ({free}))"
    lead_to = {
        "route": "h.route.map(r, r.destination.host)",
        "mirror": "[h.mirror.host]",
        "mirrors": "h.mirrors.map(r, r.destination.host)",
    }
    elsewhere = [
        f"variables.http.filter(h, has(h.{each})).map(h, {hosts}.filter(r, !{own_service('r')}).join(' '))"
        for each, hosts in lead_to.items()
    ]
    return ObjectRule(
        name="routes-of-their-own-namespace",
        group="networking.istio.io",
        resources=("virtualservices",),
        variables={
            **_SPEC,
            **_EXPORTS,
            "gateways": "has(variables.spec.gateways) && size(variables.spec.gateways) > 0"
            " ? variables.spec.gateways : ['mesh']",
            "hosts": "has(variables.spec.hosts) ? variables.spec.hosts : []",
            "http": "has(variables.spec.http) ? variables.spec.http : []",
            "elsewhere": f"({' + '.join(elsewhere)}).filter(h, h != '')",
        },
        checks=(
            Check(
                holds=f"variables.gateways == [{cel(GATEWAY_REFERENCE)}] || variables.gateways == ['mesh']",
                found='"it is for the gateways " + variables.gateways.join(", ")',
                fix=f"Name {GATEWAY_REFERENCE} alone, or none for calls of the namespace's own pods.",
            ),
            _EXPORTED,
            Check(
                holds=f"variables.hosts.all(h, 'mesh' in variables.gateways ? {own_service('h')} : {users})",
                found=f"variables.hosts.filter(h, !('mesh' in variables.gateways ? {own_service('h')} : {users}))"
                '.join(", ") + " is not a host of this namespace"',
                fix=f"For the gateway take NAME.{domain}, but for {', '.join(RESERVED)}, which the platform has.",
            ),
            Check(
                holds="size(variables.elsewhere) == 0",
                found='variables.elsewhere.join(", ") + " is not a Service of this namespace"',
                fix="Lead to the namespace's own Services: the gateway is let in where the caller would not be.",
            ),
            Check(
                holds="!has(variables.spec.tcp) && !has(variables.spec.tls)"
                " && !variables.http.exists(h, has(h.delegate))",
                found='"it routes bare connections, or delegates to a route elsewhere"',
                fix="Write routes under http.",
            ),
        ),
    )


def _destinations() -> ObjectRule:
    mutual = "(!has({0}.tls) || has({0}.tls.mode) && {0}.tls.mode == 'ISTIO_MUTUAL')"
    return ObjectRule(
        name="destinations-of-their-own-namespace",
        group="networking.istio.io",
        resources=("destinationrules",),
        variables={
            **_SPEC,
            **_EXPORTS,
            "host": "has(variables.spec.host) ? variables.spec.host : ''",
            "traffic": "(has(variables.spec.trafficPolicy) ? [variables.spec.trafficPolicy] : [])"
            " + (has(variables.spec.subsets) ? variables.spec.subsets.filter(s, has(s.trafficPolicy))"
            ".map(s, s.trafficPolicy) : [])",
        },
        checks=(
            Check(
                holds=own_service("variables.host"),
                found='variables.host + " is not a Service of this namespace"',
                fix="Speak of the namespace's own Services.",
            ),
            _EXPORTED,
            Check(
                holds=f"variables.traffic.all(t, {mutual.format('t')} && (!has(t.portLevelSettings)"
                f" || t.portLevelSettings.all(p, {mutual.format('p')})))",
                found='"calls would go without the mesh\'s mutual TLS"',
                fix="Leave tls out, or take ISTIO_MUTUAL.",
            ),
        ),
    )


def _mesh() -> ObjectRule:
    return ObjectRule(
        name="the-mesh-is-the-stacks",
        group="networking.istio.io",
        resources=STACKS_OWN,
        checks=(
            Check(
                holds="false",
                found='"a " + object.kind + " changes the mesh"',
                fix="VirtualServices and DestinationRules are a team's; ask who keeps the stack for the rest.",
            ),
        ),
        exempt=(ns.INGRESS.name, ns.ISTIO_SYSTEM.name, ns.MLFLOW.name),
        why_exempt="the stack's own gateway, and its ways out to AWS and to the database; no team writes there",
    )


def own_service(host: str) -> str:
    """Whether a host is a Service of the object's own namespace, as the mesh reads it: short, or by its whole name."""
    return (
        f"({host}.matches({cel('^' + _LABEL + '$')})"
        f" || {host}.matches({cel('^' + _LABEL + '[.]')} + request.namespace + {cel('[.]svc[.]cluster[.]local$')}))"
    )


def cel_map(values: Mapping[str, str]) -> str:
    """A map, as CEL writes it."""
    return "{" + ", ".join(f"{cel(key)}: {cel(value)}" for key, value in values.items()) + "}"
