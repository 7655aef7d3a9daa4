"""Who reaches whom by the NetworkPolicies that there are: no packet is sent, the objects alone are read.

They may come from a program under mocks, from Helm, or from an API server. What no policy of a pod's namespace speaks
of is open, as Kubernetes has it: the VPC CNI's strict mode may close more, and nothing here leans on it. A node reaches
the pods that run on it whatever the policies say (Kubernetes, "Network Policies"), which is not judged here either.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Any, TypeAlias

NAME_LABEL = "kubernetes.io/metadata.name"
TEMPLATES = ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "CronJob", "Rollout")
"""Kinds with a template of a pod: each counts as one such pod."""

Manifest: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    namespace: str
    name: str
    address: IPv4Address
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """The named ones."""
    on_host: bool = False
    """On its node's network: no policy holds it, and to others' policies it is an address."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Service:
    namespace: str
    name: str
    address: IPv4Address | None
    """None of a headless one, which is only a name for its pods' own addresses."""
    selector: Mapping[str, str]
    ports: tuple[Manifest, ...]
    outside: tuple[IPv4Network, ...] | None = None
    """From where its load balancer, if it has one, takes connections."""


End: TypeAlias = Pod | Service | IPv4Address


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    why: str
    """The policies by which, or what is missing."""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Network:
    """The namespaces, pods, Services and policies of a cluster, as far as they decide who reaches whom."""

    namespaces: Mapping[str, Mapping[str, str]]
    """The labels of each, by its name."""
    pods: tuple[Pod, ...]
    services: tuple[Service, ...]
    policies: tuple[Manifest, ...]
    vpc: IPv4Network
    """Pods have addresses of it, so that a policy's range of addresses speaks of them too."""

    @classmethod
    def of(cls, objects: Iterable[Manifest], vpc: str, services: str) -> "Network":
        """What these manifests say. Where they give no address of the ranges, each gets one."""
        known, inside = list(objects), IPv4Network(vpc)
        free, virtual = iter(inside.hosts()), IPv4Network(services).hosts()
        next(virtual)  # the API server's own
        return cls(
            namespaces={
                each["metadata"]["name"]: {
                    **each["metadata"].get("labels", {}),
                    NAME_LABEL: each["metadata"]["name"],
                }
                for each in known
                if each["kind"] == "Namespace"
            },
            pods=tuple(_pod(each, inside, free) for each in known if each["kind"] in ("Pod", *TEMPLATES)),
            services=tuple(_service(each, virtual) for each in known if each["kind"] == "Service"),
            policies=tuple(each for each in known if each["kind"] == "NetworkPolicy"),
            vpc=inside,
        )

    def end(self, named: str) -> End:
        """An address, `NAMESPACE/NAME` of a pod (or of what makes it), or the same after `service`."""
        kind, _, rest = named.rpartition(" ")
        if "/" not in rest:
            return IPv4Address(rest)
        among: tuple[Pod | Service, ...] = self.services if kind == "service" else self.pods
        found = [each for each in among if f"{each.namespace}/{each.name}" == rest]
        if len(found) != 1:
            names = ", ".join(sorted({f"{each.namespace}/{each.name}" for each in among}))
            raise LookupError(f"{named}: there are {len(found)}; known are {names}")
        return found[0]

    def reaches(self, source: End, target: End, port: int, protocol: str = "TCP") -> Verdict:
        """Whether a connection from one to the other may be opened. A Service's port is its own, a pod's the pod's."""
        if isinstance(source, Service):
            raise TypeError(f"{source.namespace}/{source.name}: a Service opens no connection")
        if isinstance(target, Service):
            return self._by_service(source, target, port, protocol)
        left = self._side("Egress", source, target, port, protocol)
        return self._side("Ingress", target, source, port, protocol) if left else left

    def _by_service(self, source: Pod | IPv4Address, service: Service, port: int, protocol: str) -> Verdict:
        """Out by the Service's address, which is what the VPC CNI sees at the pod; in by the pod's."""
        name = f"service {service.namespace}/{service.name}"
        offered = [each for each in service.ports if (each["port"], each.get("protocol", "TCP")) == (port, protocol)]
        if not offered:
            return Verdict(False, f"{name} has no port {port}")
        if isinstance(source, IPv4Address) and source not in self.vpc:
            if not any(source in each for each in service.outside or ()):
                return Verdict(False, f"nothing leads from {source} to {name}")
        elif service.address:
            left = self._side("Egress", source, service.address, port, protocol)
            if not left:
                return left
        behind = [each for each in self.pods if each.namespace == service.namespace and service.selector]
        behind = [each for each in behind if service.selector.items() <= each.labels.items()]
        verdicts = []
        for pod in behind:
            at = offered[0].get("targetPort", port)
            number = pod.ports[at] if isinstance(at, str) else at
            verdicts.append(
                self._side("Ingress", pod, source, number, protocol)
                if service.address
                else self.reaches(source, pod, number, protocol)
            )
        open_ones = [each for each in verdicts if each]
        return (open_ones or verdicts or [Verdict(False, f"{name} has no pods")])[0]

    def _side(self, way: str, held: End, other: End, port: int, protocol: str) -> Verdict:
        """Whether the policies that hold one end let the other in, or let it out to the other."""
        if not isinstance(held, Pod) or held.on_host:
            return Verdict(True, "no policy holds it")
        speaking = [each for each in self._of_namespace.get(held.namespace, ()) if _speaks(each, way, held)]
        if not speaking:
            return Verdict(True, f"{held} has no policy for {way}")
        target = other if way == "Egress" else held
        by = [
            f"{held.namespace}/{policy['metadata']['name']}"
            for policy in speaking
            for rule in policy["spec"].get(way.lower()) or []
            if self._is_a_peer(rule.get("to" if way == "Egress" else "from"), held.namespace, other)
            and _is_a_port(rule.get("ports"), target, port, protocol)
        ]
        if by:
            return Verdict(True, ", ".join(by))
        toward = "out of" if way == "Egress" else "into"
        return Verdict(False, f"no policy lets {port}/{protocol} {toward} {held} for {other}")

    @cached_property
    def _of_namespace(self) -> dict[str, list[Manifest]]:
        found: dict[str, list[Manifest]] = {}
        for each in self.policies:
            found.setdefault(each["metadata"]["namespace"], []).append(each)
        return found

    def _is_a_peer(self, peers: list[Manifest] | None, own_namespace: str, end: End) -> bool:
        """A rule without peers is for everybody."""
        return not peers or any(self._fits(peer, own_namespace, end) for peer in peers)

    def _fits(self, peer: Manifest, own_namespace: str, end: End) -> bool:
        if isinstance(end, Service):
            return False
        if "ipBlock" in peer:
            address = end.address if isinstance(end, Pod) else end
            block = peer["ipBlock"]
            return address in ip_network(block["cidr"]) and not any(
                address in ip_network(each) for each in block.get("except") or ()
            )
        if not isinstance(end, Pod) or end.on_host:
            return False
        if "namespaceSelector" in peer:
            there = selects(peer["namespaceSelector"], self.namespaces.get(end.namespace, {}))
        else:
            there = end.namespace == own_namespace
        return there and selects(peer.get("podSelector") or {}, end.labels)


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a selector means what has these labels; an empty one means everything."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _expressed(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _expressed(expression: Manifest, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"{other} is no operator of a selector")


def _speaks(policy: Manifest, way: str, pod: Pod) -> bool:
    spec = policy["spec"]
    ways = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return way in ways and selects(spec.get("podSelector") or {}, pod.labels)


def _is_a_port(ports: list[Manifest] | None, target: End, port: int, protocol: str) -> bool:
    """A rule without ports is for all of them."""
    if not ports:
        return True
    for each in ports:
        if each.get("protocol", "TCP") != protocol:
            continue
        first = each.get("port")
        if isinstance(first, str):
            first = target.ports.get(first, -1) if isinstance(target, Pod) else -1
        if first is None or first <= port <= each.get("endPort", first):
            return True
    return False


def _pod(manifest: Manifest, vpc: IPv4Network, free: Iterator[IPv4Address]) -> Pod:
    own = manifest["metadata"]
    job = manifest["spec"]["jobTemplate"] if manifest["kind"] == "CronJob" else manifest
    template = manifest if manifest["kind"] == "Pod" else job["spec"]["template"]
    spec = template["spec"]
    told = manifest.get("status", {}).get("podIP") if manifest["kind"] == "Pod" else None
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    return Pod(
        namespace=own["namespace"],
        name=own["name"],
        address=ip_address(told) if told and ip_address(told) in vpc else next(free),
        labels=template["metadata"].get("labels") or {},
        ports={
            port["name"]: port["containerPort"]
            for container in containers
            for port in container.get("ports") or ()
            if "name" in port
        },
        on_host=bool(spec.get("hostNetwork")),
    )


def _service(manifest: Manifest, virtual: Iterator[IPv4Address]) -> Service:
    spec, own = manifest["spec"], manifest["metadata"]
    told = spec.get("clusterIP")
    ranges = spec.get("loadBalancerSourceRanges") or ["0.0.0.0/0"]
    return Service(
        namespace=own["namespace"],
        name=own["name"],
        address=None if told == "None" else IPv4Address(told) if told else next(virtual),
        selector=spec.get("selector") or {},
        ports=tuple(spec.get("ports") or ()),
        outside=tuple(map(IPv4Network, ranges)) if spec.get("type") == "LoadBalancer" else None,
    )
