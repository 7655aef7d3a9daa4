"""Elastic Load Balancing: application and network load balancers, and their listeners."""

from __future__ import annotations

from typing import Any

from hipaa.aws import tls
from hipaa.aws.advice import PROPOSED_ENCRYPTION
from hipaa.networks import PLAIN_PORTS
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, is_, is_set, not_applicable, one_of, violation

LOAD_BALANCER = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
LISTENER = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
LISTENER_RULE = ("aws:lb/listenerRule:ListenerRule", "aws:alb/listenerRule:ListenerRule")
TARGET_GROUP = ("aws:lb/targetGroup:TargetGroup", "aws:alb/targetGroup:TargetGroup")
CERTIFICATE = ("aws:lb/listenerCertificate:ListenerCertificate", "aws:alb/listenerCertificate:ListenerCertificate")
CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
ASSOCIATION = (
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafregional/webAclAssociation:WebAclAssociation",
)


_UNLOGGED = ("TCP", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")

_REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
_FORWARD = {"type": "forward", "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/a/1"}
_REFUSE = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "403"}}
_OF_ACM = Requirement("the ARN of a certificate of ACM", lambda arn: ":acm:" in str(arn))
_STRONG = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def _listener(protocol: str | None, *actions: dict[str, Any], type_: str = LISTENER[0], **more: Any) -> Resource:
    said: dict[str, Any] = {} if protocol is None else {"protocol": protocol}
    return Resource(type_, {"arn": "arn:l", "id": "arn:l", "defaultActions": list(actions)} | said | more, name="it")


@stack_rule(
    "lb-listener-encrypts",
    on=LISTENER,
    severity=HIGH,
    fix="Set protocol to HTTPS or TLS with a certificate_arn, or redirect to HTTPS and do nothing else.",
    sound=[
        [_listener("HTTPS", _FORWARD, port=443, sslPolicy=_STRONG)],
        [_listener("TLS", _FORWARD, port=443, sslPolicy=_STRONG)],
        [_listener("HTTP", _REDIRECT, port=80)],
        [_listener(None, _REDIRECT, port=80)],
        [
            _listener("HTTP", _REFUSE, port=80),
            Resource(LISTENER_RULE[0], {"listenerArn": "arn:l", "actions": [_REDIRECT]}),
        ],
        [_listener("TCP", _FORWARD, port=443)],
        [_listener("TCP", _FORWARD, port=5432)],
        [_listener("UDP", _FORWARD, port=53)],
    ],
    unsound=[
        [_listener("HTTP", _FORWARD, port=80)],
        [_listener("HTTP", _FORWARD, port=443)],
        [_listener(None, _FORWARD, port=80)],
        [_listener("http", _FORWARD, port=80, type_=LISTENER[1])],
        [_listener("HTTP", {"type": "redirect", "redirect": {"statusCode": "HTTP_301", "host": "example.com"}})],
        [_listener("HTTP", {"type": "redirect", "redirect": {"statusCode": "HTTP_301", "protocol": "HTTP"}})],
        [_listener("HTTP", _REDIRECT), Resource(LISTENER_RULE[0], {"listenerArn": "arn:l", "actions": [_FORWARD]})],
        [
            _listener("HTTP", _REFUSE),
            Resource(
                LISTENER_RULE[1],
                {"listenerArn": UNKNOWN, "actions": [_FORWARD]},
                sources={"listenerArn": [_listener("HTTP").urn]},
            ),
        ],
        [_listener("TCP", _FORWARD, port=80)],
        [_listener("TCP_UDP", _FORWARD, port=8080)],
    ],
)
def listener_encrypts(listener: Resource, stack: Stack) -> Verdict:
    """A listener speaks TLS; one for plain HTTP does nothing but send callers to HTTPS.

    Inside a network as well as on the internet: 164.312(e) speaks of any electronic communications network.
    """
    protocol = str(listener.at("protocol") or ("HTTP" if listener.at("port") else "GENEVE")).upper()
    if protocol in ("HTTPS", "TLS"):
        return Verdict()
    if protocol == "HTTP":
        rules = stack.companions(listener, LISTENER_RULE, by="listenerArn")
        return all_of(
            listener.each_object("defaultActions", _sends_nothing),
            *(item.each_object("actions", _sends_nothing) for item in rules),
        )
    spoken = PLAIN_PORTS.get(int(port)) if isinstance(port := listener.at("port"), int | float) else None
    if protocol in ("TCP", "TCP_UDP") and spoken:
        return violation(f"`port` is {int(port)}, where plain {spoken} is spoken; the listener must end TLS, or go")
    return not_applicable(f"what passes a listener for {protocol[:20]} is encrypted by those who speak, or is not")


@rule(
    "lb-certificate-renews-by-itself",
    on=(*LISTENER, *CERTIFICATE),
    severity=LOW,
    advisory="an uploaded certificate encrypts as well, until somebody forgets to renew it",
    fix="Set certificate_arn to the ARN of a certificate of ACM.",
    sound=[
        {"protocol": "HTTPS", "certificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1a2b"},
        {"protocol": "HTTP", "port": 80},
        Resource(CERTIFICATE[0], {"certificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1a2b"}),
    ],
    unsound=[
        {"protocol": "HTTPS", "certificateArn": "arn:aws:iam::111122223333:server-certificate/a"},
        {"protocol": "TLS", "port": 443},
        Resource(CERTIFICATE[1], {"certificateArn": "arn:aws:iam::111122223333:server-certificate/a"}),
    ],
)
def lb_certificate_renews(listener: Resource) -> Verdict:
    """A listener's certificates are ACM's, which renews those that it issued in time."""
    if listener.type in LISTENER and str(listener.at("protocol", "")).upper() not in ("HTTPS", "TLS"):
        return not_applicable("the listener has no certificate")
    return listener.require("certificateArn", _OF_ACM)


def _sends_nothing(action: Properties) -> Verdict:
    kind = str(action.at("type"))
    if kind == "fixed-response":
        return Verdict()
    if kind == "redirect":
        # Absent, the protocol stays what it was: `#{protocol}`.
        return action.require("redirect.protocol", is_("HTTPS"), default="#{protocol}")
    return violation(f"`{action.where('type')}` is {kind[:40]!r} on plain HTTP; it must be 'redirect', to HTTPS")


@rule(
    "lb-listener-refuses-old-tls",
    on=LISTENER,
    severity=HIGH,
    fix="Set ssl_policy to ELBSecurityPolicy-TLS13-1-2-Res-2021-06, or another without TLS 1.0 and 1.1.",
    sound=[
        {"protocol": "HTTPS", "sslPolicy": _STRONG},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"},
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06"},
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-FS-1-2-Res-2020-10"},
        {"protocol": "HTTP"},
    ],
    unsound=[
        {"protocol": "HTTPS"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-FS-1-1-2019-08"},
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-1-2021-06"},
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS-1-0-2015-04"},
        {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09"},
    ],
)
def listener_refuses_old_tls(listener: Properties) -> Verdict:
    """A listener speaks TLS 1.2 or later, and nothing before it."""
    if str(listener.at("protocol", "")).upper() not in ("HTTPS", "TLS"):
        return not_applicable("the listener ends no TLS")
    return listener.require(
        "sslPolicy", tls.refuses_old(tls.LOAD_BALANCERS), default=tls.default_of(tls.LOAD_BALANCERS)
    )


def _kind(balancer: Properties) -> str:
    return str(balancer.at("loadBalancerType", "application"))


@rule(
    "alb-drops-invalid-headers",
    on=LOAD_BALANCER,
    severity=MEDIUM,
    advisory="a header that is not valid is a way to smuggle requests, which the server behind may refuse as well",
    fix="Set drop_invalid_header_fields to True.",
    sound=[{"dropInvalidHeaderFields": True}, {"loadBalancerType": "network"}],
    unsound=[{}, {"dropInvalidHeaderFields": False, "loadBalancerType": "application"}],
)
def alb_drops_invalid_headers(balancer: Properties) -> Verdict:
    """An application load balancer passes no HTTP header on that is not valid."""
    if _kind(balancer) != "application":
        return not_applicable("it does not read HTTP")
    return balancer.require("dropInvalidHeaderFields", is_(True), default=False)


@rule(
    "alb-mitigates-desync",
    on=(*LOAD_BALANCER, CLASSIC),
    severity=MEDIUM,
    advisory="requests that two servers read differently are an attack on the software behind, no lack of access rules",
    fix="Leave desync_mitigation_mode out, or set it to defensive or strictest.",
    sound=[{}, {"desyncMitigationMode": "strictest"}, Resource(CLASSIC, {"desyncMitigationMode": "defensive"})],
    unsound=[{"desyncMitigationMode": "monitor"}, Resource(CLASSIC, {"desyncMitigationMode": "monitor"})],
)
def alb_mitigates_desync(balancer: Properties) -> Verdict:
    """A load balancer does not pass on requests that its targets may read differently."""
    return balancer.require("desyncMitigationMode", one_of("defensive", "strictest"), default="defensive")


@rule(
    "lb-is-kept-from-deletion",
    on=LOAD_BALANCER,
    severity=LOW,
    advisory="a load balancer holds no data, and the program makes it again; what is lost is time",
    fix="Set enable_deletion_protection to True.",
    sound=[{"enableDeletionProtection": True}],
    unsound=[{}, {"enableDeletionProtection": False}],
)
def lb_is_kept_from_deletion(balancer: Properties) -> Verdict:
    """A load balancer cannot be deleted by a slip."""
    return balancer.require("enableDeletionProtection", is_(True), default=False)


_LOGS = {"accessLogs": {"bucket": "logs", "enabled": True}}


def _balancer(type_: str = LOAD_BALANCER[0], **properties: Any) -> Resource:
    return Resource(type_, {"arn": "arn:b", "id": "arn:b"} | properties, name="balancer")


def _of_balancer(protocol: str) -> Resource:
    return _listener(protocol, _FORWARD, port=5432, loadBalancerArn="arn:b")


@stack_rule(
    "lb-keeps-access-logs",
    on=(*LOAD_BALANCER, CLASSIC),
    severity=MEDIUM,
    fix="Set access_logs with enabled True and the name of a bucket.",
    sound=[
        [_balancer(**_LOGS)],
        [_balancer(**_LOGS, loadBalancerType="network"), _of_balancer("TLS")],
        [_balancer(loadBalancerType="gateway")],
        [_balancer(loadBalancerType="network"), _of_balancer("TCP"), _of_balancer("UDP")],
        [_balancer(loadBalancerType="network")],
        [_balancer(CLASSIC, accessLogs={"bucket": "logs"})],
        [
            Resource(
                LOAD_BALANCER[0], {"accessLogs": {"bucket": UNKNOWN, "enabled": True}}, sources={"accessLogs": ["b"]}
            )
        ],
    ],
    unsound=[
        [_balancer()],
        [_balancer(accessLogs={"bucket": "logs"})],
        [_balancer(accessLogs={"bucket": "logs", "enabled": False})],
        [_balancer(accessLogs={"bucket": "", "enabled": True})],
        [_balancer(connectionLogs={"bucket": "logs", "enabled": True})],
        [_balancer(loadBalancerType="network"), _of_balancer("TCP"), _of_balancer("TLS")],
        [_balancer(CLASSIC)],
        [_balancer(CLASSIC, accessLogs={"bucket": "logs", "enabled": False})],
    ],
)
def lb_keeps_access_logs(balancer: Resource, stack: Stack) -> Verdict:
    """A load balancer records each request, from whom and when.

    Whoever looks into an incident begins here. A network load balancer records what comes to listeners of TLS alone
    ("Access logs for your Network Load Balancer", Elastic Load Balancing); of the others flow logs tell.
    """
    if balancer.type != CLASSIC and _kind(balancer) == "gateway":
        return not_applicable("a gateway load balancer keeps no access logs")
    if balancer.type != CLASSIC and _kind(balancer) == "network" and "accessLogs" not in balancer:
        listeners = stack.companions(balancer, LISTENER, by="loadBalancerArn")
        if all(str(one.at("protocol", "")).upper() in _UNLOGGED for one in listeners):
            return not_applicable("a network load balancer logs what comes by TLS alone, and this one ends none")
    if "accessLogs" not in balancer:
        return violation("`access_logs` is not set; it must name a bucket")
    return all_of(
        # A classic one keeps them as soon as a bucket is named, the others not.
        balancer.require("accessLogs.enabled", is_(True), default=balancer.type == CLASSIC),
        Verdict() if balancer.sources.get("accessLogs") else balancer.require("accessLogs.bucket", is_set()),
    )


_ALB = Resource(LOAD_BALANCER[0], {"arn": "arn:alb", "id": "arn:alb"}, name="alb")


@stack_rule(
    "alb-is-behind-a-firewall",
    on=LOAD_BALANCER,
    severity=MEDIUM,
    advisory="the Rule asks for access control, which a web application firewall adds to and does not replace",
    fix="Add a WebAclAssociation with resource_arn of the load balancer.",
    sound=[
        [_ALB, Resource(ASSOCIATION[0], {"resourceArn": "arn:alb", "webAclArn": "arn:acl"})],
        [_ALB, Resource(ASSOCIATION[0], {"resourceArn": UNKNOWN}, sources={"resourceArn": [_ALB.urn]})],
        [Resource(LOAD_BALANCER[0], {"internal": True})],
        [Resource(LOAD_BALANCER[0], {"loadBalancerType": "network"})],
    ],
    unsound=[[_ALB], [_ALB, Resource(ASSOCIATION[0], {"resourceArn": "arn:another", "webAclArn": "arn:acl"})]],
)
def alb_is_behind_a_firewall(balancer: Resource, stack: Stack) -> Verdict:
    """An application load balancer that the internet reaches has AWS WAF look at each request."""
    if _kind(balancer) != "application" or balancer.at("internal") is True:
        return not_applicable("only application load balancers that the internet reaches are asked for it")
    if stack.companions(balancer, ASSOCIATION, by="resourceArn"):
        return Verdict()
    return violation("no WebAclAssociation is there for this load balancer")


@rule(
    "nlb-balances-across-zones",
    on=(*LOAD_BALANCER, CLASSIC),
    severity=LOW,
    advisory="without it a zone's targets are used unevenly, which is no loss of access by itself",
    fix="Set enable_cross_zone_load_balancing to True; for a classic one leave cross_zone_load_balancing out.",
    sound=[
        {"loadBalancerType": "network", "enableCrossZoneLoadBalancing": True},
        {"loadBalancerType": "application"},
        Resource(CLASSIC, {}),
    ],
    unsound=[
        {"loadBalancerType": "network"},
        {"loadBalancerType": "gateway", "enableCrossZoneLoadBalancing": False},
        Resource(CLASSIC, {"crossZoneLoadBalancing": False}),
    ],
)
def nlb_balances_across_zones(balancer: Resource) -> Verdict:
    """A load balancer sends requests to healthy targets in every zone: application ones always do."""
    if balancer.type == CLASSIC:
        return balancer.require("crossZoneLoadBalancing", is_(True), default=True)
    if _kind(balancer) == "application":
        return Verdict()
    return balancer.require("enableCrossZoneLoadBalancing", is_(True), default=False)


@rule(
    "lb-spans-zones",
    on=LOAD_BALANCER,
    severity=LOW,
    advisory="how much must go on while a zone is gone is for the contingency plan to say",
    fix="Set subnets to subnets of two zones or more.",
    sound=[{"subnets": ["subnet-1a2b3c4d", "subnet-5e6f7a8b"]}, {"subnets": [UNKNOWN, UNKNOWN]}],
    unsound=[{"subnets": ["subnet-1a2b3c4d"]}, {"subnetMappings": [{"subnetId": "subnet-1a2b3c4d"}]}],
)
def lb_spans_zones(balancer: Properties) -> Verdict:
    """A load balancer has an address in two zones or more."""
    given = max(len(balancer.listed(name)) for name in ("subnets", "subnetMappings"))
    if given != 1:
        return Verdict()
    return violation("one subnet is given; it must be subnets of two zones or more")


@rule(
    "target-group-speaks-tls",
    on=TARGET_GROUP,
    severity=LOW,
    advisory="what goes from the load balancer to its targets stays in the VPC, where AWS encrypts between most hosts",
    proposed=PROPOSED_ENCRYPTION,
    fix="Set protocol to HTTPS or TLS.",
    sound=[{"protocol": "HTTPS", "port": 443}, {"protocol": "TCP", "port": 443}, {"targetType": "lambda"}],
    unsound=[{"protocol": "HTTP", "port": 80}],
)
def target_group_speaks_tls(group: Properties) -> Verdict:
    """A load balancer speaks TLS to its targets as well."""
    if str(group.at("protocol", "")).upper() == "HTTP":
        return violation("`protocol` is HTTP; it must be HTTPS, so that the way to the targets is encrypted too")
    return Verdict()
