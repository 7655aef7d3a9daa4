"""Kubernetes Services: from where their ports are reached.

What a load balancer is by default is its controller's to say: AWS Load Balancer Controller v2.14, "NLB annotations"
(`internal` unless told otherwise), and the AWS cloud provider's own, which faces the internet unless told otherwise
(cloud-provider-aws, "Service of type LoadBalancer"). Google's and Azure's annotations are those of their documentation.
"""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_PORTS
from hipaa.kubernetes.objects import each_object, of_kind
from hipaa.networks import is_the_internet, measure
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, violation

SERVICE = of_kind("Service", "core/v1")

_LB = "service.beta.kubernetes.io/aws-load-balancer"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_CLASSES = ("service.k8s.aws/nlb", "eks.amazonaws.com/nlb")
"""Of the AWS Load Balancer Controller and of EKS Auto Mode."""
_BY_CONTROLLER = ("external", "nlb-ip")
_INTERNAL = {
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "networking.gke.io/load-balancer-type": ("Internal", "internal"),
    "cloud.google.com/load-balancer-type": ("Internal", "internal"),
}


def _balanced(annotations: dict[str, Any] | None = None, *ports: int, **spec: Any) -> dict[str, Any]:
    """The properties of an example: a load balancer of one port, 80 where none is said."""
    listed = [{"port": port} for port in ports or (80,)]
    return {"metadata": {"annotations": annotations or {}}, "spec": {"type": "LoadBalancer", "ports": listed} | spec}


_TLS = {
    f"{_LB}-ssl-cert": "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd",
    f"{_LB}-scheme": "internet-facing",
}


@rule(
    "service-stays-off-the-internet",
    on=SERVICE,
    severity=CRITICAL,
    fix=f"Annotate it {_LB}-scheme: internal, or set load_balancer_source_ranges to the ranges of its callers.",
    sound=[
        {},
        {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
        _balanced({f"{_LB}-scheme": "internal"}),
        _balanced({f"{_LB}-internal": "true"}),
        _balanced({f"{_LB}-internal": "0.0.0.0/0"}),
        _balanced({f"{_LB}-type": "external", f"{_LB}-nlb-target-type": "ip"}),
        _balanced(loadBalancerClass="service.k8s.aws/nlb"),
        _balanced(loadBalancerClass="eks.amazonaws.com/nlb"),
        _balanced(loadBalancerSourceRanges=["10.0.0.0/8"]),
        _balanced(loadBalancerSourceRanges=["198.51.100.0/24", "2001:db8::/48"]),
        _balanced({_RANGES: "10.0.0.0/8, 192.168.0.0/16"}),
        _balanced({"networking.gke.io/load-balancer-type": "Internal"}),
        _balanced(_TLS, 443),
        _balanced(_TLS | {f"{_LB}-ssl-ports": "443,8443"}, 443, 8443),
        Resource(SERVICE[2], {"items": [_balanced({f"{_LB}-scheme": "internal"})]}),
    ],
    unsound=[
        _balanced(),
        _balanced({f"{_LB}-type": "nlb"}),
        _balanced({f"{_LB}-scheme": "internet-facing", f"{_LB}-type": "external"}),
        _balanced({f"{_LB}-scheme": "internet-facing"}, loadBalancerClass="service.k8s.aws/nlb"),
        _balanced({f"{_LB}-internal": "false"}),
        _balanced(loadBalancerSourceRanges=["0.0.0.0/0"]),
        _balanced(loadBalancerSourceRanges=["0.0.0.0/1", "128.0.0.0/1"]),
        _balanced({_RANGES: "10.0.0.0/8,0.0.0.0/0"}),
        _balanced(_TLS, 80),
        _balanced(_TLS | {f"{_LB}-ssl-ports": "443"}, 80, 443),
        _balanced(None, 443),
        _balanced(loadBalancerSourceRanges=[UNKNOWN, "0.0.0.0/0"]),
        Resource(SERVICE[1], _balanced()),
        Resource(SERVICE[2], {"items": [_balanced()]}),
    ],
)
def service_stays_off_the_internet(service: Resource) -> Verdict:
    """A Service's load balancer is reached from within, from ranges that are named, or by TLS alone.

    One that says nothing gets an address of the internet in most clusters, with what the pods serve behind it.
    """
    return each_object(service, _is_within)


def _is_within(service: Properties) -> Verdict:
    if service.at("spec.type") != "LoadBalancer":
        return Verdict()
    annotations = service.object("metadata.annotations")
    if _is_internal(service, annotations):
        return Verdict()
    ranges = [str(each).strip() for each in str(annotations.get(_RANGES) or "").split(",") if str(each).strip()]
    named = service.listed("spec.loadBalancerSourceRanges")
    known: list[str] = list(ranges)
    verdict = service.each("spec.loadBalancerSourceRanges", lambda each: known.append(str(each)) or Verdict())
    if known and is_the_internet(known):
        return violation(f"its load balancer lets in {measure(known)}; it must name the ranges of its callers")
    if known or len(named):
        return verdict
    if _takes_tls_alone(service, annotations):
        return Verdict()
    return violation("its load balancer faces the internet; it must be internal, or name the ranges of its callers")


def _is_internal(service: Properties, annotations: Properties) -> bool:
    if (scheme := annotations.get(f"{_LB}-scheme")) is not None:
        return bool(scheme == "internal")
    # The oldest form was the range that might call; any word but false means yes.
    if (said := annotations.get(f"{_LB}-internal")) is not None:
        return str(said).lower() not in ("", "false")
    if any(annotations.get(name) in values for name, values in _INTERNAL.items()):
        return True
    by_controller = annotations.get(f"{_LB}-type") in _BY_CONTROLLER
    return by_controller or service.at("spec.loadBalancerClass") in _CLASSES


def _takes_tls_alone(service: Properties, annotations: Properties) -> bool:
    """Whether it says that it faces the internet, and ends TLS on each port: a front door, and no accident."""
    if annotations.get(f"{_LB}-scheme") != "internet-facing" or not annotations.get(f"{_LB}-ssl-cert"):
        return False
    said = str(annotations.get(f"{_LB}-ssl-ports") or "*")
    ports = {word.strip() for word in said.split(",")}
    for port in service.objects("spec.ports"):
        number, name = str(port.at("port")).removesuffix(".0"), str(port.at("name", ""))
        # Without a list every port has TLS, which one for plain HTTP is not meant to have.
        if number == "80" or not ({number, name} & ports or "*" in ports):
            return False
    return True


@rule(
    "service-takes-no-external-addresses",
    on=SERVICE,
    severity=HIGH,
    fix="Leave external_ips out; use a Service of type LoadBalancer, or an Ingress.",
    sound=[
        {},
        {"spec": {"type": "ClusterIP"}},
        {"spec": {"externalIPs": []}},
        {"spec": {"externalName": "db.internal"}},
    ],
    unsound=[
        {"spec": {"externalIPs": ["203.0.113.7"]}},
        {"spec": {"type": "ClusterIP", "externalIPs": ["10.0.0.7"]}},
        Resource(SERVICE[1], {"spec": {"externalIPs": ["203.0.113.7"]}}),
    ],
)
def service_takes_no_external_addresses(service: Resource) -> Verdict:
    """A Service takes no address that nobody gave it.

    Every node then turns what its pods send to that address to the Service: to somebody else's server, say
    (CVE-2020-8554).
    """

    def has_none(one: Properties) -> Verdict:
        if not one.at("spec.externalIPs"):
            return Verdict()
        return violation(f"`{one.where('spec.externalIPs')}` is set; it must be left out")

    return each_object(service, has_none)


@rule(
    "service-opens-no-port-of-every-node",
    on=SERVICE,
    severity=MEDIUM,
    advisory="the nodes' security groups decide who reaches the port, and load balancers of instances need one",
    proposed=PROPOSED_PORTS,
    fix="Use type ClusterIP behind an Ingress or Gateway, or a load balancer that calls pods by their addresses.",
    sound=[{}, {"spec": {"type": "ClusterIP"}}, {"spec": {"type": "ExternalName", "externalName": "db.internal"}}],
    unsound=[
        {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}},
        Resource(SERVICE[2], {"items": [{"spec": {"type": "NodePort"}}]}),
    ],
)
def service_opens_no_port_of_every_node(service: Resource) -> Verdict:
    """A Service opens no port of every node.

    It is there on nodes that run none of its pods, and past whatever stands before the Service elsewhere.
    """

    def stays_within(one: Properties) -> Verdict:
        if one.at("spec.type") != "NodePort":
            return Verdict()
        return violation(f"`{one.where('spec.type')}` is 'NodePort'; it must be 'ClusterIP'")

    return each_object(service, stays_within)
