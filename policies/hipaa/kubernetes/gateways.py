"""Gateways of the Gateway API and of Istio: what comes in from outside comes by TLS.

Of the Gateway API v1.4 ("TLS", "HTTP redirects") and of Istio 1.28 ("Gateway" of its reference, "Secure Gateways").
"""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes.names import namespace_of
from hipaa.networks import PLAIN_PORTS
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, undecided, violation


def _custom(group: str, kind: str, *versions: str) -> tuple[str, ...]:
    return tuple(f"kubernetes:{group}/{version}:{kind}" for version in versions)


GATEWAY = _custom("gateway.networking.k8s.io", "Gateway", "v1", "v1beta1", "v1alpha2")
_ROUTE = _custom("gateway.networking.k8s.io", "HTTPRoute", "v1", "v1beta1", "v1alpha2")
ISTIO_GATEWAY = _custom("networking.istio.io", "Gateway", "v1", "v1beta1", "v1alpha3")

_CERTIFIED = {"mode": "Terminate", "certificateRefs": [{"name": "app-tls"}]}


def _gateway(*listeners: Any, name: Any = "public", class_: str = "alb") -> Resource:
    metadata = {"name": name, "namespace": "ingress"}
    spec = {"gatewayClassName": class_, "listeners": list(listeners)}
    return Resource(GATEWAY[0], {"metadata": metadata, "spec": spec}, name="public")


def _listener(protocol: str, port: int, **more: Any) -> dict[str, Any]:
    return {"name": protocol.lower(), "protocol": protocol, "port": port} | more


def _route(*rules: Any, parent: Any = "public", section: str | None = "http", namespace: str = "ingress") -> Resource:
    reference = {"name": parent} | ({"sectionName": section} if section else {})
    properties = {"metadata": {"namespace": namespace}, "spec": {"parentRefs": [reference], "rules": list(rules)}}
    return Resource(_ROUTE[0], properties, name="redirect")


_REDIRECT = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
_SERVED = {"backendRefs": [{"name": "app", "port": 8080}]}
_HTTPS = _listener("HTTPS", 443, tls=_CERTIFIED)
_HTTP = _listener("HTTP", 80)


@stack_rule(
    "gateway-ends-tls",
    on=GATEWAY,
    severity=HIGH,
    fix="Make the listener HTTPS with tls.certificateRefs, and let an HTTPRoute on one of HTTP redirect to https.",
    sound=[
        [_gateway(_HTTPS)],
        [_gateway(_listener("TLS", 443, tls={"mode": "Passthrough"}))],
        [_gateway(_listener("HBONE", 15008), class_="istio-waypoint")],
        [_gateway(_HTTPS, _HTTP), _route(_REDIRECT), _route(_SERVED, section="https")],
        [_gateway(_HTTPS, _HTTP), _route(_REDIRECT, section=None)],
        [_gateway(_listener("HTTPS", 443, tls=_CERTIFIED | {"options": {"minimum": "1.2"}}))],
        [_gateway(_HTTPS), _route(_SERVED, section=None)],
        [_gateway(_listener("TCP", 5432))],
        [_gateway(_listener("UDP", 53))],
    ],
    unsound=[
        [_gateway(_HTTP)],
        [_gateway(_HTTPS, _HTTP)],
        [_gateway(_HTTPS, _HTTP), _route(_SERVED)],
        [_gateway(_HTTPS, _HTTP), _route(_REDIRECT), _route(_SERVED, section=None)],
        [_gateway(_HTTPS, _HTTP), _route(_REDIRECT, parent="another")],
        [_gateway(_HTTPS, _HTTP), _route(_REDIRECT, section="https")],
        [_gateway(_listener("HTTPS", 443))],
        [_gateway(UNKNOWN, _HTTP)],
        [_gateway(_listener("TCP", 80))],
        [_gateway(_listener("TCP", 389), _HTTPS)],
        [_gateway(_listener("TLS", 443))],
        [_gateway(_listener("TLS", 443, tls={"mode": "Terminate"}))],
    ],
)
def gateway_ends_tls(gateway: Resource, stack: Stack) -> Verdict:
    """A Gateway takes what comes in by TLS, and on a listener of HTTP only turns callers to it.

    From the browser to the gateway it goes over networks that are nobody's.
    """

    def is_encrypted(listener: Properties) -> Verdict:
        where = listener.where("protocol")
        match listener.at("protocol"):
            case "HTTP":
                return _only_redirects(gateway, listener, stack)
            case ("HTTPS" | "TLS") as said if (
                not listener.at("tls.certificateRefs") and listener.at("tls.mode") != "Passthrough"
            ):
                if listener.at("tls.options"):
                    return Verdict()  # some controllers take the certificate from there
                return violation(f"`{where}` is {said!r} without tls.certificateRefs; it must name a certificate")
            case "TCP" if isinstance(port := listener.at("port"), int | float) and int(port) in PLAIN_PORTS:
                return violation(f"`{where}` is 'TCP' on {int(port)}, where plain {PLAIN_PORTS[int(port)]} is spoken")
        return Verdict()

    return gateway.each("spec.listeners", is_encrypted)


def _only_redirects(gateway: Resource, listener: Properties, stack: Stack) -> Verdict:
    where = listener.where("protocol")
    routes, unknown = stack.once(_routes)
    try:
        place = namespace_of(gateway), str(gateway.at("metadata.name"))
    except UnknownValue as error:
        return undecided(error.path)
    found = [route for route, section in routes.get(place, ()) if section in (None, listener.at("name"))]
    if any(not _redirects(route) for route in found):
        return violation(f"`{where}` is 'HTTP', and a route answers on it; it must be 'HTTPS', or only redirect there")
    if found:
        return Verdict()
    if unknown:
        return undecided(unknown)
    return violation(f"`{where}` is 'HTTP', and no HTTPRoute of the program redirects from there to https")


def _routes(stack: Stack) -> tuple[dict[tuple[str, str], list[tuple[Resource, str | None]]], str]:
    """The routes by the gateway that they hang on (its namespace and name) with the listener; and what is not known."""
    found: dict[tuple[str, str], list[tuple[Resource, str | None]]] = {}
    unknown = ""
    for route in stack.of(*_ROUTE):
        try:
            for parent in route.objects("spec.parentRefs"):
                place = str(parent.at("namespace") or namespace_of(route)), str(parent.at("name"))
                found.setdefault(place, []).append((route, parent.at("sectionName")))
        except UnknownValue as error:
            unknown = f"{error.path} of {route.name}"
    return found, unknown


def _redirects(route: Resource) -> bool:
    rules = route.objects("spec.rules")
    return bool(rules) and all(
        any(each.at("requestRedirect.scheme") == "https" for each in rule_.objects("filters")) for rule_ in rules
    )


def _server(protocol: str, **tls: Any) -> dict[str, Any]:
    port = {"number": 443, "name": protocol.lower(), "protocol": protocol}
    return {"port": port, "hosts": ["app.example.org"]} | ({"tls": tls} if tls else {})


def _serving(*servers: Any, **selector: str) -> dict[str, Any]:
    return {"spec": {"selector": selector or {"istio": "ingressgateway"}, "servers": list(servers)}}


_PLAIN = ("HTTP", "HTTP2", "GRPC", "HTTP_PROXY")


@rule(
    "mesh-gateway-ends-tls",
    on=ISTIO_GATEWAY,
    severity=HIGH,
    fix="Set the server's protocol to HTTPS with tls.credentialName, and tls.httpsRedirect: true on one of HTTP.",
    sound=[
        _serving(_server("HTTPS", mode="SIMPLE", credentialName="app")),
        _serving(_server("HTTPS", mode="MUTUAL", credentialName="app", minProtocolVersion="TLSV1_2")),
        _serving(_server("HTTP", httpsRedirect=True), _server("HTTPS", mode="SIMPLE", credentialName="app")),
        _serving(_server("TLS", mode="PASSTHROUGH")),
        _serving(_server("HTTPS", mode="ISTIO_MUTUAL"), istio="egressgateway"),
        _serving(_server("HTTP"), istio="egressgateway"),
        _serving(_server("HTTP", mode="ISTIO_MUTUAL"), istio="eastwestgateway"),
    ],
    unsound=[
        _serving(_server("HTTP")),
        _serving(_server("HTTP", httpsRedirect=False)),
        _serving(_server("HTTPS", mode="SIMPLE", credentialName="app"), _server("HTTP")),
        _serving(_server("GRPC")),
        _serving(_server("HTTPS", mode="SIMPLE", credentialName="app", minProtocolVersion="TLSV1_0")),
        _serving(UNKNOWN, _server("HTTP")),
        Resource(ISTIO_GATEWAY[1], _serving(_server("HTTP"))),
        Resource(ISTIO_GATEWAY[2], _serving(_server("HTTP"))),
    ],
)
def mesh_gateway_ends_tls(gateway: Properties) -> Verdict:
    """A gateway of the mesh takes what comes in from outside by TLS of 1.2 or newer, and turns plain HTTP to it.

    From the browser to the gateway it goes over networks that are nobody's.
    """
    selector = gateway.object("spec.selector")
    if any("egress" in str(selector[name]) for name in selector):
        return Verdict()  # what goes out comes to it from within the mesh

    def is_encrypted(server: Properties) -> Verdict:
        version = server.at("tls.minProtocolVersion")
        protocol = str(server.at("port.protocol")).upper()
        return all_of(
            violation(f"`{server.where('tls.minProtocolVersion')}` is {version}; it must be TLSV1_2 or newer")
            if version in ("TLSV1_0", "TLSV1_1")
            else Verdict(),
            violation(f"`{server.where('port.protocol')}` is {protocol!r} without TLS; it must be 'HTTPS', or redirect")
            if protocol in _PLAIN and server.at("tls.httpsRedirect") is not True and not server.at("tls.mode")
            else Verdict(),
        )

    return gateway.each("spec.servers", is_encrypted)
