"""What the API server refuses of the mesh's own kinds, and of what writes them for others.

What a team's route or destination may say is listed, and all else is refused: each release of Istio brings new words.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.object_rule import LABEL, SPEC, ObjectRule, cel_map, foreign
from cluster.guardrails.rule import Check, cel

GATEWAY_REFERENCE: Final = f"{ns.INGRESS.name}/ingress"
"""How a route names the mesh's gateway."""
RESERVED: Final = {"mlflow": ns.MLFLOW.name, "grafana": ns.MONITORING.name, "pipelines": ns.KUBEFLOW.name}
"""Hosts of the domain, by their first label, that are the platform's own, and the namespace that has each."""
TEAMS: Final = ns.SERVING.name
"""Where teams have theirs: in one namespace, so that no two objects have the same name, nor then the same host."""
OF_TEAMS: Final = "team-"
"""How teams' hosts begin, and those of the stack's models do not: of two routes for one host the gateway would take the
older one, and a team could have a model's before the model is there."""
EXPORTS: Final = (".", ns.INGRESS.name)
"""Whose proxies may take what a namespace says of its own: itself, and the gateway."""
INSIDE_CALLERS: Final = ns.PIPELINES.name
"""Who calls models from within the cluster (`mesh.callers`): their calls too are shared between two versions."""
INSIDE: Final = "-inside"
"""How a route of theirs is called, after the Service."""
STACKS_OWN: Final = ("gateways", "serviceentries", "sidecars", "workloadentries", "workloadgroups")
"""A way around what the mesh decides: another door, another way out, another name for an address."""

ROUTE: Final = ("hosts", "gateways", "exportTo", "http")
HTTP: Final = (
    *("name", "match", "route", "redirect", "rewrite", "directResponse", "headers", "timeout", "retries", "fault"),
    *("corsPolicy", "mirror", "mirrors", "mirrorPercentage", "delegate"),
)
"""`delegate` is refused by a check of its own, which says why."""
WITHIN_HTTP: Final = {
    # Not another authority: what stands behind would take the request for one of another host, or a user of the domain
    # would be sent to a host that looks like another's.
    "rewrite": ("uri", "uriRegexRewrite"),
    "redirect": ("uri", "prefixRewrite", "redirectCode"),
}
WITHIN_LISTS: Final = {
    "match": (
        *("name", "uri", "scheme", "method", "authority", "headers", "port", "queryParams", "ignoreUriCase"),
        *("withoutHeaders", "sourceLabels"),
    ),
    "route": ("destination", "weight", "headers"),
}
OWN_HEADERS: Final = "x-(model|version|variant|canary|experiment)(-[a-z0-9]+)*"
"""Headers that a route may put into a request or take out of it. Others say who asks, or by which way: a model would
believe them."""
DESTINATION: Final = ("host", "trafficPolicy", "subsets", "exportTo")
PORT_TRAFFIC: Final = ("loadBalancer", "connectionPool", "outlierDetection", "tls")
TRAFFIC: Final = (*PORT_TRAFFIC, "portLevelSettings", "retryBudget")

_EXPORTS: Final = {"exports": "has(variables.spec.exportTo) ? variables.spec.exportTo : ['*']"}


def _exported(to: str, places: str) -> Check:
    """`to`: CEL, whether these are shown it."""
    return Check(
        holds=f"size(variables.exports) > 0 && ({to})",
        found='"it is shown to " + variables.exports.join(", ")',
        fix=f"Say exportTo, with no other than {places}: other namespaces' proxies would take it too.",
    )


_AT_HOME: Final = f"variables.exports.all(e, e in {cel(EXPORTS)})"
_WHOLE: Final = "'.' + request.namespace + '.svc.cluster.local'"
_SERVES: Final = f"request.namespace in {cel((TEAMS, ns.MODELS.name))}"
_INSIDE: Final = f"variables.exports == [{cel(INSIDE_CALLERS)}]"


def mesh_rules(domain: str) -> tuple[ObjectRule, ...]:
    """The rules, for a stack whose users come to the hosts of this domain."""
    return (_routes(domain), _destinations(), _mesh(), _proxies(), _extensions())


def _routes(domain: str) -> ObjectRule:
    host = f"h.matches({cel('^' + LABEL + '[.]' + domain.replace('.', '[.]') + '$')})"
    first = "h.split('.')[0]"
    free = (
        f"({first} in {cel(RESERVED)} ? request.namespace == {cel_map(RESERVED)}[{first}]"
        f" : request.namespace == ({first}.startsWith({cel(OF_TEAMS)}) ? {cel(TEAMS)} : {cel(ns.MODELS.name)}))"
    )
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
    routes = "h.?route.orValue([]).filter(r, has(r.headers))"
    return ObjectRule(
        name="routes-of-their-own-namespace",
        group="networking.istio.io",
        resources=("virtualservices",),
        variables={
            **SPEC,
            **_EXPORTS,
            "gateways": "has(variables.spec.gateways) && size(variables.spec.gateways) > 0"
            " ? variables.spec.gateways : ['mesh']",
            "hosts": "has(variables.spec.hosts) ? variables.spec.hosts : []",
            "http": "has(variables.spec.http) ? variables.spec.http : []",
            "elsewhere": f"({' + '.join(elsewhere)}).filter(h, h != '')",
            "words": f"({' + '.join(_words())}).filter(w, w != '')",
            "forged": f"(variables.http.filter(h, has(h.headers)).map(h, {_forged('h.headers')})"
            f" + variables.http.map(h, {routes}.map(r, {_forged('r.headers')}).filter(w, w != '').join(', ')))"
            ".filter(w, w != '')",
        },
        checks=(
            Check(
                holds=f"variables.gateways == [{cel(GATEWAY_REFERENCE)}] || variables.gateways == ['mesh']",
                found='"it is for the gateways " + variables.gateways.join(", ")',
                fix=f"Name {GATEWAY_REFERENCE} alone, or none for calls of the namespace's own pods.",
            ),
            _exported(
                f"{_AT_HOME} || {_INSIDE} && {_SERVES}",
                f"{' and '.join(EXPORTS)}, or in {TEAMS} and {ns.MODELS.name} [{INSIDE_CALLERS}] alone",
            ),
            Check(
                holds=f"'mesh' in variables.gateways ? variables.exports == ['.'] || {_INSIDE} : {_AT_HOME}",
                found='"it is for " + variables.gateways[0] + " and shown to " + variables.exports.join(", ")',
                fix=f"For calls from within say exportTo: [.], or [{INSIDE_CALLERS}] alone; for what users call,"
                f" gateways: [{GATEWAY_REFERENCE}] and exportTo: [{ns.INGRESS.name}].",
            ),
            Check(
                # As with users' hosts below.
                holds=f"!({_INSIDE}) || variables.hosts.all(h, h.endsWith({_WHOLE}))"
                f" && variables.hosts.map(h, h.replace({_WHOLE}, {cel(INSIDE)})) == [dyn(object).metadata.name]",
                found='"it is called " + dyn(object).metadata.name + " and has " + variables.hosts.join(", ")',
                fix=f"Call it SERVICE{INSIDE}, with the one host SERVICE.{TEAMS}.svc.cluster.local: so no host is two"
                " objects'.",
            ),
            Check(
                holds=f"variables.hosts.all(h, 'mesh' in variables.gateways ? {own_service('h')} : {users})",
                found=f"variables.hosts.filter(h, !('mesh' in variables.gateways ? {own_service('h')} : {users}))"
                '.join(", ") + " is not a host of this namespace"',
                fix=f"For the gateway take {OF_TEAMS}NAME.{domain}: others are the platform's and the stack's models'.",
            ),
            Check(
                # Of two that say the same host, the first that came has it, and whoever comes later his paths.
                holds=f"'mesh' in variables.gateways || !({_SERVES})"
                " || variables.hosts == [dyn(object).metadata.name + '." + domain + "']",
                found='"it is called " + dyn(object).metadata.name + " and has " + variables.hosts.join(", ")',
                fix=f"Call it as the one host that it has, NAME for NAME.{domain}: so no host is two objects'.",
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
            Check(
                holds="size(variables.words) == 0",
                found='"it says " + variables.words.join(", ")',
                fix=f"Leave it out. A route says {', '.join(HTTP[:-1])}; a rewrite or redirect changes the path alone.",
            ),
            Check(
                holds="size(variables.forged) == 0",
                found='"it sets or removes the request\'s " + variables.forged.join(", ")',
                fix=f"Take a header that fits {OWN_HEADERS}: others say who asks, or by which way.",
            ),
        ),
    )


def _words() -> list[str]:
    """CEL: lists of what a route says and is not to say."""
    return [
        f"[{foreign('variables.spec', (*ROUTE, 'tcp', 'tls'))}]",
        f"variables.http.map(h, {foreign('h', HTTP)})",
        *(
            f"variables.http.filter(h, has(h.{key})).map(h, {foreign(f'h.{key}', known)})"
            for key, known in WITHIN_HTTP.items()
        ),
        *(
            f"variables.http.map(h, h.?{key}.orValue([]).map(m, {foreign('m', known)}).filter(w, w != '').join(', '))"
            for key, known in WITHIN_LISTS.items()
        ),
    ]


def _forged(headers: str) -> str:
    """CEL: the names of request headers that a route changes and that are not a team's own."""
    changed = [f"{headers}.?request.?{how}.orValue({{}}).map(k, string(k))" for how in ("set", "add")]
    changed.append(f"{headers}.?request.?remove.orValue([]).map(k, string(k))")
    return f"({' + '.join(changed)}).filter(n, !n.matches({cel('^' + OWN_HEADERS + '$')})).join(', ')"


def _destinations() -> ObjectRule:
    mutual = "(!has({0}.tls) || {0}.tls.all(k, k == 'mode') && has({0}.tls.mode) && {0}.tls.mode == 'ISTIO_MUTUAL')"
    ports = "t.?portLevelSettings.orValue([])"
    return ObjectRule(
        name="destinations-of-their-own-namespace",
        group="networking.istio.io",
        resources=("destinationrules",),
        variables={
            **SPEC,
            **_EXPORTS,
            "host": "has(variables.spec.host) ? variables.spec.host : ''",
            "traffic": "(has(variables.spec.trafficPolicy) ? [variables.spec.trafficPolicy] : [])"
            " + (has(variables.spec.subsets) ? variables.spec.subsets.filter(s, has(s.trafficPolicy))"
            ".map(s, s.trafficPolicy) : [])",
            "words": f"([{foreign('variables.spec', DESTINATION)}]"
            f" + variables.traffic.map(t, {foreign('t', TRAFFIC)})"
            f" + variables.traffic.map(t, {ports}.map(p, {foreign('p', ('port', *PORT_TRAFFIC))})"
            ".filter(w, w != '').join(', '))).filter(w, w != '')",
        },
        checks=(
            Check(
                holds=own_service("variables.host"),
                found='variables.host + " is not a Service of this namespace"',
                fix="Speak of the namespace's own Services.",
            ),
            _exported(_AT_HOME, " and ".join(EXPORTS)),
            Check(
                holds=f"variables.traffic.all(t, {mutual.format('t')} && {ports}.all(p, {mutual.format('p')}))",
                found='"calls would go without the mesh\'s mutual TLS, or to whom the rule itself names"',
                fix="Leave tls out, or say mode: ISTIO_MUTUAL and no more.",
            ),
            Check(
                holds="size(variables.words) == 0",
                found='"it says " + variables.words.join(", ")',
                fix=f"Leave it out. Traffic says {', '.join(TRAFFIC)}.",
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
        exempt=(ns.INGRESS.name, ns.ISTIO_SYSTEM.name, ns.MLFLOW.name, ns.KUBEFLOW.name),
        why_exempt="the stack's own gateway, and its ways out to AWS and to databases; no team writes there",
    )


_ANOTHER_PROXY: Final = (
    Check(
        holds="false",
        found='"a " + object.kind + " makes of a proxy whatever it says"',
        fix="Nobody needs one here: what proxies do is in the stack's own code, for review (platform/cluster/mesh.py).",
    ),
)


def _proxies() -> ObjectRule:
    return ObjectRule(
        name="proxies-are-as-istio-makes-them",
        group="networking.istio.io",
        resources=("envoyfilters", "proxyconfigs"),
        checks=_ANOTHER_PROXY,
    )


def _extensions() -> ObjectRule:
    return ObjectRule(
        name="proxies-run-no-other-code",
        group="extensions.istio.io",
        resources=("*",),
        checks=_ANOTHER_PROXY,
    )


def own_service(host: str) -> str:
    """Whether a host is a Service of the object's own namespace, as the mesh reads it: short, or by its whole name."""
    return (
        f"({host}.matches({cel('^' + LABEL + '$')})"
        f" || {host}.matches({cel('^' + LABEL + '[.]')} + request.namespace + {cel('[.]svc[.]cluster[.]local$')}))"
    )
