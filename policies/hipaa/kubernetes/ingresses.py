"""Ingresses: what comes in from outside comes by TLS.

Of the AWS Load Balancer Controller v2.14, "Ingress annotations"; of ingress-nginx, "Annotations" (TLS redirect is on
where there is a certificate).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hipaa.kubernetes.objects import each_object, of_kind, whole
from hipaa.networks import is_the_internet
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, undecided, violation

INGRESS = of_kind("Ingress", "networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1")
_CLASS = of_kind("IngressClass", "networking.k8s.io/v1", "networking.k8s.io/v1beta1")
_CLASS_PARAMETERS = (
    "kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams",
    "kubernetes:eks.amazonaws.com/v1:IngressClassParams",
)

_ALB = "alb.ingress.kubernetes.io"
_NGINX = "nginx.ingress.kubernetes.io"
_OLD_CLASS = "kubernetes.io/ingress.class"
_OF_ALB = ("ingress.k8s.aws/alb", "eks.amazonaws.com/alb")
_CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"


def _ingress(annotations: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    rules = [{"host": "app.example.org"}]
    return {"metadata": {"annotations": annotations or {}}, "spec": {"rules": rules} | spec}


def _alb(annotations: dict[str, Any] | None = None, **spec: Any) -> Resource:
    own = {f"{_ALB}/{name}": value for name, value in (annotations or {}).items()}
    return Resource(INGRESS[0], _ingress(own, **({"ingressClassName": "alb"} | spec)))


_HTTP = json.dumps([{"HTTP": 80}])
_BOTH = json.dumps([{"HTTP": 80}, {"HTTPS": 443}])
_CERTIFIED = {"certificate-arn": _CERTIFICATE}
_COVERED = [{"hosts": ["app.example.org"], "secretName": "app-tls"}]
_AUTO = Resource(_CLASS[0], {"metadata": {"name": "alb"}, "spec": {"controller": "eks.amazonaws.com/alb"}}, name="alb")
_NAMED = Resource(
    _CLASS[0],
    {
        "metadata": {"name": "internal"},
        "spec": {
            "controller": "ingress.k8s.aws/alb",
            "parameters": {"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "tls"},
        },
    },
    name="internal",
)


def _parameters(**spec: Any) -> Resource:
    return Resource(_CLASS_PARAMETERS[0], {"metadata": {"name": "tls"}, "spec": spec}, name="tls")


@stack_rule(
    "ingress-ends-tls",
    on=whole(INGRESS),
    severity=HIGH,
    fix="Name the host and its certificate in tls; for an ALB set certificate-arn, and ssl-redirect beside HTTP.",
    sound=[
        [Resource(INGRESS[0], _ingress(tls=_COVERED))],
        [Resource(INGRESS[0], _ingress(tls=[{"hosts": ["*.example.org"], "secretName": "wildcard"}]))],
        [Resource(INGRESS[0], _ingress(tls=[{"secretName": "default"}]))],
        [Resource(INGRESS[1], _ingress({_OLD_CLASS: "nginx"}, tls=_COVERED))],
        [Resource(INGRESS[0], _ingress({f"{_NGINX}/ssl-passthrough": "true"}))],
        [_alb(_CERTIFIED)],
        [_alb(_CERTIFIED | {"listen-ports": json.dumps([{"HTTPS": 443}])})],
        [_alb(_CERTIFIED | {"listen-ports": _BOTH, "ssl-redirect": "443"})],
        [_alb({"listen-ports": json.dumps([{"HTTPS": 8443}])}, tls=[{"hosts": ["app.example.org"]}])],
        [_alb({"certificate-arn": UNKNOWN})],
        [_alb(tls=[{"hosts": ["app.example.org"]}])],
        [_alb(ingressClassName="internal"), _NAMED, _parameters(certificateArn=[_CERTIFICATE])],
        [_alb(_CERTIFIED, ingressClassName="alb"), _AUTO],
    ],
    unsound=[
        [Resource(INGRESS[0], _ingress())],
        [Resource(INGRESS[0], {"spec": {"defaultBackend": {"service": {"name": "app"}}}})],
        [Resource(INGRESS[2], _ingress())],
        [Resource(INGRESS[0], _ingress(tls=[{"hosts": ["other.example.org"], "secretName": "other"}]))],
        [Resource(INGRESS[0], _ingress({f"{_NGINX}/ssl-redirect": "false"}, tls=_COVERED))],
        [_alb()],
        [_alb({"listen-ports": _HTTP})],
        [_alb(_CERTIFIED | {"listen-ports": _BOTH})],
        [_alb(_CERTIFIED | {"listen-ports": _HTTP})],
        [Resource(INGRESS[0], _ingress({_OLD_CLASS: "alb", f"{_ALB}/scheme": "internal"}))],
        [_alb(ingressClassName="internal"), _NAMED, _parameters(scheme="internal")],
        [_alb(ingressClassName="alb"), _AUTO],
        [Resource(INGRESS[0], _ingress(rules=[{"host": UNKNOWN}, {"host": "app.example.org"}]))],
    ],
)
def ingress_ends_tls(ingress: Resource, stack: Stack) -> Verdict:
    """An Ingress takes what comes in by TLS, for each of its hosts, and turns plain HTTP to it.

    From the browser to the load balancer it goes over networks that are nobody's.
    """
    annotations = ingress.object("metadata.annotations")
    class_ = ingress.at("spec.ingressClassName") or annotations.get(_OLD_CLASS)
    classes, unknown = stack.once(_classes)
    controller, parameters = classes.get(str(class_), ("", None))
    if controller in _OF_ALB or class_ == "alb" or any(name.startswith(f"{_ALB}/") for name in annotations):
        verdict = _alb_ends_tls(ingress, annotations, parameters)
    else:
        verdict = _others_end_tls(ingress, annotations)
    return undecided(unknown) if verdict.violations and unknown else verdict


def _others_end_tls(ingress: Properties, annotations: Properties) -> Verdict:
    if str(annotations.get(f"{_NGINX}/ssl-passthrough")) == "true":
        return Verdict()
    if str(annotations.get(f"{_NGINX}/ssl-redirect")) == "false":
        return violation(f"the annotation {_NGINX}/ssl-redirect is 'false'; plain HTTP must be turned to TLS")
    return _covers_each_host(ingress)


def _classes(stack: Stack) -> tuple[dict[str, tuple[str, Resource | None]], str]:
    """The program's classes by name: who answers to each, and with which parameters; and what is not known of them."""
    found: dict[str, tuple[str, Resource | None]] = {}
    unknown = ""
    parameters: dict[str, Resource] = {}
    for each in stack.of(*_CLASS_PARAMETERS):
        try:
            parameters[str(each.at("metadata.name"))] = each
        except UnknownValue as error:
            unknown = f"{error.path} of {each.name}"
    for class_ in stack.of(*whole(_CLASS)):
        try:
            own = parameters.get(str(class_.at("spec.parameters.name")))
            found[str(class_.at("metadata.name"))] = str(class_.at("spec.controller")), own
        except UnknownValue as error:
            unknown = f"{error.path} of {class_.name}"
    return found, unknown


def _covers_each_host(ingress: Properties) -> Verdict:
    covered: set[str] = set()
    try:
        for entry in ingress.objects("spec.tls"):
            hosts = [str(host) for host in entry.listed("hosts")]
            covered.update(hosts or ["*"])
    except UnknownValue as unknown:
        return undecided(unknown.path)
    if not covered:
        return violation(f"`{ingress.where('spec.tls')}` is not set; it must name the hosts and their certificates")

    def is_covered(rule_: Properties) -> Verdict:
        host = str(rule_.at("host") or "")
        if "*" in covered or host in covered or f"*.{host.partition('.')[2]}" in covered:
            return Verdict()
        said = f"the host {host}" if host else "every host"
        return violation(f"{said} is served and not in `{ingress.where('spec.tls')}`; it must have a certificate")

    return ingress.each("spec.rules", is_covered)


def _alb_ends_tls(ingress: Properties, annotations: Properties, parameters: Resource | None) -> Verdict:
    has_certificate = (
        f"{_ALB}/certificate-arn" in annotations
        or bool(ingress.at("spec.tls"))
        or (parameters is not None and bool(parameters.at("spec.certificateArn")))
    )
    ports = annotations.get(f"{_ALB}/listen-ports")
    listened = set(_protocols(ports)) if ports else ({"HTTPS"} if has_certificate else {"HTTP"})
    if "HTTP" not in listened:
        return Verdict()
    redirects = annotations.get(f"{_ALB}/ssl-redirect") or (parameters and parameters.at("spec.sslRedirectPort"))
    if "HTTPS" in listened and redirects:
        return Verdict()
    if "HTTPS" in listened:
        return violation(f"it takes plain HTTP too; {_ALB}/ssl-redirect must turn it to the port of HTTPS")
    return violation(f"its load balancer takes plain HTTP; {_ALB}/certificate-arn must name a certificate")


def _protocols(ports: str) -> Iterator[str]:
    try:
        listed = json.loads(str(ports))
    except (ValueError, RecursionError):
        return
    for each in listed if isinstance(listed, list) else [listed]:
        yield from (str(protocol).upper() for protocol in (each if isinstance(each, dict) else {}))


@rule(
    "ingress-on-the-internet-is-filtered",
    on=INGRESS,
    severity=MEDIUM,
    advisory="a portal for patients is on the internet on purpose; a filter before it is good practice",
    fix=f"Set {_ALB}/wafv2-acl-arn, or {_ALB}/inbound-cidrs to the ranges of its callers; or make it internal.",
    sound=[
        {},
        _alb(_CERTIFIED),
        _alb({"scheme": "internal"}),
        _alb({"scheme": "internet-facing", "wafv2-acl-arn": "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/a"}),
        _alb({"scheme": "internet-facing", "inbound-cidrs": "198.51.100.0/24, 192.168.0.0/16"}),
    ],
    unsound=[
        _alb({"scheme": "internet-facing"}),
        _alb({"scheme": "internet-facing", "inbound-cidrs": "0.0.0.0/0"}),
    ],
)
def ingress_on_the_internet_is_filtered(ingress: Resource) -> Verdict:
    """An Ingress that faces the internet has a web firewall before it, or lets in named ranges alone.

    Whatever can be sent to a web server is sent to one there, day and night.
    """

    def is_filtered(one: Properties) -> Verdict:
        annotations = one.object("metadata.annotations")
        if annotations.get(f"{_ALB}/scheme") != "internet-facing" or f"{_ALB}/wafv2-acl-arn" in annotations:
            return Verdict()
        ranges = [each.strip() for each in str(annotations.get(f"{_ALB}/inbound-cidrs") or "").split(",")]
        if any(ranges) and not is_the_internet(ranges):
            return Verdict()
        return violation(f"it faces the internet with neither {_ALB}/wafv2-acl-arn nor {_ALB}/inbound-cidrs")

    return each_object(ingress, is_filtered)


_OLD_TLS = ("2015", "2016-08", "TLS-1-0", "TLS-1-1", "FS-2018-06", "FS-1-1")


@rule(
    "ingress-takes-no-old-tls",
    on=INGRESS,
    severity=HIGH,
    fix=f"Set {_ALB}/ssl-policy to ELBSecurityPolicy-TLS13-1-2-2021-06, or a newer one.",
    sound=[
        {},
        _alb({"ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}),
        _alb({"ssl-policy": "ELBSecurityPolicy-FS-1-2-Res-2020-10"}),
        _alb({"ssl-policy": "ELBSecurityPolicy-TLS-1-2-2017-01"}),
    ],
    unsound=[
        _alb({"ssl-policy": "ELBSecurityPolicy-2016-08"}),
        _alb({"ssl-policy": "ELBSecurityPolicy-TLS13-1-0-2021-06"}),
        _alb({"ssl-policy": "ELBSecurityPolicy-TLS-1-1-2017-01"}),
        Resource(INGRESS[0], _ingress({f"{_NGINX}/ssl-protocols": "TLSv1 TLSv1.2"})),
    ],
)
def ingress_takes_no_old_tls(ingress: Resource) -> Verdict:
    """An Ingress takes no TLS older than 1.2.

    TLS 1.0 and 1.1 are broken, and deprecated (RFC 8996): who is in between can read along.
    """

    def is_new(one: Properties) -> Verdict:
        annotations = one.object("metadata.annotations")
        policy = str(annotations.get(f"{_ALB}/ssl-policy") or "").replace("TLS13-1-0", "TLS-1-0")
        policy = policy.replace("TLS13-1-1", "TLS-1-1")
        if any(old in policy for old in _OLD_TLS):
            return violation(f"the annotation {_ALB}/ssl-policy is {policy!r}, which takes TLS before 1.2")
        protocols = str(annotations.get(f"{_NGINX}/ssl-protocols") or "").split()
        if {"TLSv1", "TLSv1.0", "TLSv1.1", "SSLv3"} & set(protocols):
            return violation(f"the annotation {_NGINX}/ssl-protocols takes TLS before 1.2")
        return Verdict()

    return each_object(ingress, is_new)
