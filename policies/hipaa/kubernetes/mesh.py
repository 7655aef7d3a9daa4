"""The policies of a mesh: who calls whom, and how encrypted. Of Istio 1.28 ("Security" of its reference and tasks)."""

from __future__ import annotations

from typing import Any

from hipaa.networks import is_the_internet
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, rule
from hipaa.verdict import Verdict, all_of, not_applicable, violation


def _custom(group: str, kind: str, *versions: str) -> tuple[str, ...]:
    return tuple(f"kubernetes:{group}/{version}:{kind}" for version in versions)


PEER_AUTHENTICATION = _custom("security.istio.io", "PeerAuthentication", "v1", "v1beta1")
AUTHORIZATION_POLICY = _custom("security.istio.io", "AuthorizationPolicy", "v1", "v1beta1")
DESTINATION_RULE = _custom("networking.istio.io", "DestinationRule", "v1", "v1beta1", "v1alpha3")

SERVICE_ENTRY = _custom("networking.istio.io", "ServiceEntry", "v1", "v1beta1", "v1alpha3")

_ROOT = "istio-system"


def _mtls(mode: Any, namespace: str = "serving", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": ({"mtls": {"mode": mode}} if mode else {}) | spec}


@rule(
    "mesh-requires-mutual-tls",
    on=PEER_AUTHENTICATION,
    severity=HIGH,
    fix="Set mtls.mode to STRICT, and leave portLevelMtls out.",
    sound=[
        _mtls("STRICT"),
        _mtls("STRICT", _ROOT),
        _mtls("STRICT", portLevelMtls={"8080": {"mode": "STRICT"}}),
        _mtls(None, selector={"matchLabels": {"app": "records"}}),
        _mtls("UNSET"),
    ],
    unsound=[
        _mtls("PERMISSIVE"),
        _mtls("DISABLE"),
        _mtls("PERMISSIVE", selector={"matchLabels": {"app": "records"}}),
        _mtls("STRICT", portLevelMtls={"8080": {"mode": "DISABLE"}}),
        _mtls("STRICT", portLevelMtls={"9090": {"mode": UNKNOWN}, "8080": {"mode": "PERMISSIVE"}}),
        _mtls(None, _ROOT),
        _mtls("UNSET", _ROOT),
        Resource(PEER_AUTHENTICATION[1], _mtls("PERMISSIVE")),
    ],
)
def mesh_requires_mutual_tls(authentication: Properties) -> Verdict:
    """Workloads of the mesh take calls by mutual TLS alone.

    A permissive one takes plain text too: from whoever reaches the port, with no identity to allow or refuse.
    """
    mode = authentication.at("spec.mtls.mode") or "UNSET"
    # The mesh's own, without a selector, is what all others fall back to; where it says nothing, plain text is taken.
    of_mesh = authentication.at("metadata.namespace") == _ROOT and not authentication.at("spec.selector")
    if mode == "UNSET" and of_mesh:
        verdict = violation(f"`{authentication.where('spec.mtls.mode')}` is not set, which means PERMISSIVE")
    elif mode in ("PERMISSIVE", "DISABLE"):
        verdict = violation(f"`{authentication.where('spec.mtls.mode')}` is {mode}; it must be STRICT")
    else:
        verdict = Verdict()
    ports = authentication.object("spec.portLevelMtls")

    def is_strict(port: Properties) -> Verdict:
        said = port.at("mode") or "UNSET"
        if said not in ("PERMISSIVE", "DISABLE"):
            return Verdict()
        return violation(f"`{port.where('mode')}` is {said}; it must be STRICT")

    return all_of(verdict, *(ports.each(port, is_strict) for port in ports))


def _entry(*hosts: Any, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "serving"}, "spec": {"hosts": list(hosts), "location": "MESH_EXTERNAL"} | spec}


@rule(
    "mesh-lets-out-to-named-hosts",
    on=SERVICE_ENTRY,
    severity=HIGH,
    fix="Name in hosts whom workloads may call: a host, or `*.` before a domain of one owner.",
    sound=[
        _entry("sqs.us-east-1.amazonaws.com"),
        _entry("*.s3.us-east-1.amazonaws.com", "fhir.example.org"),
        _entry("*.example.org", resolution="DYNAMIC_DNS"),
        _entry("*", addresses=["10.9.0.0/24"], ports=[{"number": 1433, "name": "tcp", "protocol": "TCP"}]),
        _entry("records.serving.svc.cluster.local", location="MESH_INTERNAL"),
    ],
    unsound=[
        _entry("*"),
        _entry("*.com"),
        _entry("fhir.example.org", "*"),
        _entry("*", addresses=["0.0.0.0/0"]),
        _entry("*.com.", UNKNOWN),
        Resource(SERVICE_ENTRY[1], _entry("*")),
    ],
)
def mesh_lets_out_to_named_hosts(entry: Properties) -> Verdict:
    """An entry of the mesh lets workloads out to hosts that it names, and never to all that there are.

    Where the mesh lets out to its registry alone, an entry of all hosts is the end of that.
    """
    addresses = entry.texts("spec.addresses")
    bounded = bool(addresses) and not is_the_internet(addresses)

    def is_named(host: Any) -> Verdict:
        labels = str(host).rstrip(".").split(".")
        if "*" not in str(host) or len(labels) > 2 or bounded:
            return Verdict()
        return violation(f"`{entry.where('spec.hosts')}` has {str(host)[:60]!r}; it must name hosts, or a domain")

    return entry.each("spec.hosts", is_named)


def _allowing(*rules: Any, action: str | None = "ALLOW", **spec: Any) -> dict[str, Any]:
    return {"spec": ({"action": action} if action else {}) | {"rules": list(rules)} | spec}


def _from(**source: Any) -> dict[str, Any]:
    return {"from": [{"source": source}]}


_NAMERS = ("principals", "requestPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks")


@rule(
    "mesh-policy-allows-named-callers",
    on=AUTHORIZATION_POLICY,
    severity=CRITICAL,
    fix="Name the callers in from.source.principals, namespaces or serviceAccounts of each rule.",
    sound=[
        {"spec": {}},
        _allowing(),
        _allowing(_from(principals=["cluster.local/ns/ingress/sa/gateway"])),
        _allowing(_from(namespaces=["monitoring"])),
        _allowing(_from(serviceAccounts=["ingress/gateway"]), action=None),
        _allowing(_from(principals=["cluster.local/ns/ingress/*"])),
        _allowing(_from(requestPrincipals=["*"])),
        _allowing(_from(requestPrincipals=["https://login.example.org/*"])),
        _allowing(_from(principals=["*"], requestPrincipals=["https://login.example.org/jane"])),
        _allowing(_from(ipBlocks=["10.0.0.0/8"])),
        _allowing({"to": [{"operation": {"methods": ["GET"]}}]}),
        _allowing({"to": [{"operation": {"paths": ["/healthz"]}}]}),
        _allowing({"when": [{"key": "request.auth.claims[group]", "values": ["doctors"]}]}),
        _allowing({"when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}),
        _allowing({"when": [{"key": "source.principal", "values": ["cluster.local/ns/ingress/sa/gateway"]}]}),
        _allowing({"when": [{"key": "connection.sni", "notValues": ["*"]}]}),
        _allowing(_from(notPrincipals=["*"]), action="DENY"),
        _allowing({}, action="DENY"),
        _allowing({"to": [{"operation": {"paths": ["/admin"]}}]}, action="CUSTOM", provider={"name": "opa"}),
        _allowing({}, action="AUDIT"),
    ],
    unsound=[
        _allowing({}),
        _allowing({}, action=None),
        _allowing({"to": [{"operation": {}}]}),
        _allowing({"to": [{"operation": {"methods": ["*"]}}]}),
        _allowing({"to": [{"operation": {"methods": ["GET", "POST", "PUT", "DELETE"]}}]}),
        _allowing({"to": [{"operation": {"hosts": ["ehr.hospital.example"]}}]}),
        _allowing({"when": [{"key": "request.headers[x-internal]", "values": ["true"]}]}),
        _allowing({"when": [{"key": "request.headers[user-agent]", "notValues": ["curl/*"]}]}),
        _allowing({"to": [{"operation": {"paths": ["/*"]}}]}),
        _allowing(_from(principals=["*"])),
        _allowing(_from(namespaces=["*"])),
        _allowing(_from(notNamespaces=["untrusted"])),
        _allowing({"from": [{"source": {"namespaces": ["monitoring"]}}, {"source": {"principals": ["*"]}}]}),
        _allowing(_from(ipBlocks=["0.0.0.0/0"])),
        _allowing({"when": [{"key": "source.ip", "values": ["0.0.0.0/0"]}]}),
        _allowing({"when": [{"key": "source.principal", "values": ["*"]}]}),
        _allowing({"when": [{"key": "source.namespace", "notValues": ["untrusted"]}]}),
        _allowing(_from(namespaces=["monitoring"]), {}),
        _allowing(UNKNOWN, {}),
        Resource(AUTHORIZATION_POLICY[1], _allowing({})),
    ],
)
def mesh_policy_allows_named_callers(policy: Properties) -> Verdict:
    """A policy of the mesh that allows says whom, or what anybody may ask.

    One that allows everybody is the end of every other that allows: the mesh asks whether any of them does.
    """
    if policy.at("spec.action", "ALLOW") != "ALLOW":
        return not_applicable("it allows nobody")

    def names(rule_: Properties) -> Verdict:
        if any(map(_narrows, rule_.objects("when"))):
            return Verdict()
        sources = [each.at("source") for each in rule_.objects("from")]
        if sources:
            wide = [source for source in sources if not (isinstance(source, Properties) and _is_named(source))]
            if not wide:
                return Verdict()
            return violation(f"`{rule_.where('from')}` names everybody; it must name the callers")
        if _asks_something(rule_):
            return Verdict()
        return violation(f"`{rule_.where('from')}` is not set, which allows everybody; it must name the callers")

    return policy.each("spec.rules", names)


def _is_named(source: Properties) -> bool:
    """Whether a source, all of whose parts must hold, is anybody in particular."""
    for part in _NAMERS:
        said = [str(each) for each in source.listed(part)]
        if part.endswith("Blocks"):
            if said and not is_the_internet(said):
                return True
        elif said and (part == "requestPrincipals" or not any(set(each) <= {"*", "/"} for each in said)):
            # Whoever has a token that the mesh has verified has signed on.
            return True
    return False


def _narrows(condition: Properties) -> bool:
    """Whether a condition, which must hold besides, is not met by everybody."""
    key, values = str(condition.at("key")), [str(each) for each in condition.listed("values")]
    if key.startswith("request.headers"):  # the caller writes them
        return False
    of_callers = key.startswith(("source.", "remote."))
    if not values:
        return not of_callers and bool(condition.listed("notValues"))
    if key in ("source.ip", "remote.ip"):
        return not is_the_internet(values)
    return not (of_callers and any(set(each) <= {"*", "/"} for each in values))


_ALL_METHODS = {"GET", "POST", "PUT", "DELETE"}
"""With these a caller reads, makes, changes and deletes."""


def _asks_something(rule_: Properties) -> bool:
    """Whether what may be asked is less than everything. Of which host it is asked, the caller writes."""
    operations = [each.at("operation") for each in rule_.objects("to")]
    return bool(operations) and all(
        isinstance(operation, Properties)
        and any(
            operation.listed(part) and not any(set(str(each)) <= {"*", "/"} for each in operation.listed(part))
            for part in ("methods", "paths", "ports")
            if not set(map(str, operation.listed(part))) >= _ALL_METHODS
        )
        for operation in operations
    )


def _toward(host: str = "records.serving.svc.cluster.local", **policy: Any) -> dict[str, Any]:
    return {"spec": {"host": host, "trafficPolicy": policy}}


@rule(
    "mesh-encrypts-to-its-servers",
    on=DESTINATION_RULE,
    severity=HIGH,
    fix="Set trafficPolicy.tls.mode to ISTIO_MUTUAL, or to SIMPLE with caCertificates; leave insecureSkipVerify out.",
    sound=[
        {"spec": {"host": "records"}},
        _toward(tls={"mode": "ISTIO_MUTUAL"}),
        _toward("api.example.org", tls={"mode": "SIMPLE", "sni": "api.example.org"}),
        _toward("api.example.org", tls={"mode": "MUTUAL", "credentialName": "client"}),
        _toward("kubernetes.default.svc.cluster.local", tls={"mode": "DISABLE"}),
        _toward(loadBalancer={"simple": "LEAST_REQUEST"}),
    ],
    unsound=[
        _toward(tls={"mode": "DISABLE"}),
        _toward("api.example.org", tls={"mode": "SIMPLE", "insecureSkipVerify": True}),
        _toward(portLevelSettings=[{"port": {"number": 8080}, "tls": {"mode": "DISABLE"}}]),
        {"spec": {"host": "records", "subsets": [{"name": "v1", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}]}},
        {"spec": {"host": UNKNOWN, "trafficPolicy": {"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}}}},
        Resource(DESTINATION_RULE[1], _toward(tls={"mode": "DISABLE"})),
        Resource(DESTINATION_RULE[2], _toward(tls={"mode": "DISABLE"})),
    ],
)
def mesh_encrypts_to_its_servers(rule_: Properties) -> Verdict:
    """Callers in the mesh call by TLS, and verify who answers.

    What is turned off here goes in plain text from node to node, whatever the server would take.
    """

    def is_encrypted(policy: Properties) -> Verdict:
        return all_of(_tls(policy), policy.each("portLevelSettings", _tls))

    def _tls(policy: Properties) -> Verdict:
        return all_of(
            violation(f"`{policy.where('tls.mode')}` is DISABLE; it must be ISTIO_MUTUAL, or SIMPLE")
            if policy.at("tls.mode") == "DISABLE" and not _has_tls_of_its_own(rule_)
            else Verdict(),
            violation(f"`{policy.where('tls.insecureSkipVerify')}` is true; it must be left out")
            if policy.at("tls.insecureSkipVerify") is True
            else Verdict(),
        )

    def of_subset(subset: Properties) -> Verdict:
        return subset.each("trafficPolicy", is_encrypted)

    return all_of(rule_.each("spec.trafficPolicy", is_encrypted), rule_.each("spec.subsets", of_subset))


def _has_tls_of_its_own(rule_: Properties) -> bool:
    """The API server's callers have TLS already, which the mesh must not wrap again."""
    return str(rule_.at("spec.host")).startswith("kubernetes.default")
