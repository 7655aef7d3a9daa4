"""Classic load balancers: what their listeners speak, and which TLS they agree to."""

from __future__ import annotations

from typing import Any

from hipaa.aws import tls
from hipaa.aws.elb import CLASSIC
from hipaa.networks import PLAIN_PORTS
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, not_applicable, violation

POLICY = "aws:elb/loadBalancerPolicy:LoadBalancerPolicy"
NEGOTIATION = "aws:elb/sslNegotiationPolicy:SslNegotiationPolicy"

_CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"


def _listener(protocol: str, port: int, **more: Any) -> dict[str, Any]:
    return {"lbProtocol": protocol, "lbPort": port, "instanceProtocol": "http", "instancePort": 8000} | more


_HTTPS = _listener("https", 443, sslCertificateId=_CERTIFICATE)


@rule(
    "classic-lb-listeners-encrypt",
    on=CLASSIC,
    severity=HIGH,
    fix="Set lb_protocol of each of listeners to https or ssl with an ssl_certificate_id.",
    sound=[
        {"listeners": [_HTTPS]},
        {"listeners": [_listener("ssl", 993, sslCertificateId=_CERTIFICATE)]},
        {"listeners": [_listener("tcp", 443)]},
    ],
    unsound=[
        {"listeners": [_listener("http", 80)]},
        {"listeners": [_HTTPS, _listener("HTTP", 80)]},
        {"listeners": [_listener("http", 443)]},
        {"listeners": [_listener("tcp", 80)]},
        {"listeners": [UNKNOWN, _listener("http", 80)]},
    ],
)
def classic_lb_listeners_encrypt(balancer: Properties) -> Verdict:
    """Each listener of a classic load balancer speaks TLS: none of them can redirect."""
    return balancer.each_object("listeners", _encrypts)


def _encrypts(listener: Properties) -> Verdict:
    protocol = str(listener.at("lbProtocol", "")).lower()
    if protocol in ("https", "ssl"):
        return Verdict()
    port = listener.at("lbPort")
    spoken = PLAIN_PORTS.get(int(port)) if isinstance(port, int | float) else None
    if protocol == "tcp" and not spoken:
        return not_applicable("what passes a TCP listener is encrypted by those who speak, or is not")
    return violation(
        f"`{listener.where('lbProtocol')}` is {protocol[:20]!r}, which is plain; it must be 'https' or 'ssl'"
    )


@rule(
    "classic-lb-certificate-renews-by-itself",
    on=CLASSIC,
    severity=LOW,
    advisory="an uploaded certificate encrypts as well, until somebody forgets to renew it",
    fix="Set ssl_certificate_id to the ARN of a certificate of ACM.",
    sound=[{"listeners": [_HTTPS]}, {"listeners": [_listener("tcp", 443)]}],
    unsound=[
        {"listeners": [_listener("https", 443, sslCertificateId="arn:aws:iam::111122223333:server-certificate/a")]}
    ],
)
def classic_lb_certificate_renews(balancer: Properties) -> Verdict:
    """A classic load balancer's certificates are ACM's, which renews them in time."""
    acm = Requirement("the ARN of a certificate of ACM", lambda arn: ":acm:" in str(arn))

    def renews(listener: Properties) -> Verdict:
        if str(listener.at("lbProtocol", "")).lower() not in ("https", "ssl"):
            return not_applicable("the listener has no certificate")
        return listener.require("sslCertificateId", acm)

    return balancer.each_object("listeners", renews)


_BALANCER = Resource(CLASSIC, {"name": "web", "listeners": [_HTTPS]}, name="web")


def _policy(name: str, value: str, balancer: str = "web") -> Resource:
    properties = {"loadBalancerName": balancer, "policyTypeName": "SSLNegotiationPolicyType"}
    return Resource(POLICY, properties | {"policyAttributes": [{"name": name, "value": value}]})


@stack_rule(
    "classic-lb-refuses-old-tls",
    on=CLASSIC,
    severity=HIGH,
    fix="Add a LoadBalancerPolicy with Reference-Security-Policy ELBSecurityPolicy-TLS-1-2-2017-01 for its listeners.",
    sound=[
        [_BALANCER, _policy("Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01")],
        [
            _BALANCER,
            Resource(
                NEGOTIATION,
                {"loadBalancer": "web", "lbPort": 443, "attributes": [{"name": "Protocol-TLSv1.2", "value": "true"}]},
            ),
        ],
        [Resource(CLASSIC, {"listeners": [_listener("tcp", 443)]})],
    ],
    unsound=[
        [_BALANCER],
        [_BALANCER, _policy("Reference-Security-Policy", "ELBSecurityPolicy-2016-08")],
        [_BALANCER, _policy("Protocol-TLSv1", "true")],
        [_BALANCER, _policy("Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01", balancer="another")],
    ],
)
def classic_lb_refuses_old_tls(balancer: Resource, stack: Stack) -> Verdict:
    """A classic load balancer speaks TLS 1.2 and nothing before it, which it does only when it is told to."""
    protocols = {str(item.at("lbProtocol", "")).lower() for item in balancer.objects("listeners")}
    if not protocols & {"https", "ssl"}:
        return not_applicable("the load balancer ends no TLS")
    policies = [
        *(item.objects("policyAttributes") for item in stack.companions(balancer, POLICY, by="loadBalancerName")),
        *(item.objects("attributes") for item in stack.companions(balancer, NEGOTIATION, by="loadBalancer")),
    ]
    if any(map(_refuses_old, policies)):
        return Verdict()
    if policies:
        return violation("the LoadBalancerPolicy here takes TLS 1.0 or 1.1, or suites of those; it must not")
    return violation(
        f"no LoadBalancerPolicy refuses TLS 1.0 here: {tls.default_of(tls.LOAD_BALANCERS)} holds; one must be added"
    )


def _refuses_old(attributes: list[Properties]) -> bool:
    said = {str(item.at("name")): str(item.at("value")) for item in attributes}
    if "Reference-Security-Policy" in said:
        return tls.is_sound(tls.LOAD_BALANCERS, said["Reference-Security-Policy"])
    on = {name for name, value in said.items() if name.startswith("Protocol-") and value.lower() == "true"}
    return on == {"Protocol-TLSv1.2"}
