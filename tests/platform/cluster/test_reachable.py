"""Who reaches whom: the table in `data/reachable.yaml`, over what the stack renders and what an API server holds."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from cluster import namespaces as ns
from tests.platform.cluster import cases, charts, manifests
from tests.platform.cluster.api import Api
from tests.platform.cluster.reachable import Network, selects
from tests.platform.cluster.test_add_on_contents import CONTENTS as ADD_ONS
from tests.platform.cluster.test_add_on_contents import PODS, manifest
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

TABLE: dict[str, Any] = yaml.load((cases.DATA / "reachable.yaml").read_text(), yaml.CSafeLoader)


@dataclass(frozen=True)
class Line:
    source: str
    target: str
    port: int
    may: bool
    why: str

    def __str__(self) -> str:
        return f"{self.source} {'may' if self.may else 'may not'} {self.target} {self.port}"


def read() -> Iterator[Line]:
    for verdict in ("may", "may not"):
        for each in TABLE[verdict]:
            for source in each["from"]:
                for target in each["to"]:
                    yield Line(source, target, each["port"], verdict == "may", each["why"])


LINES = list(read())


def peoples() -> list[dict[str, Any]]:
    """What the table says that people run."""
    made = []
    for place, said in TABLE["pods"].items():
        namespace, name = place.split("/")
        meta = {"namespace": namespace, "name": name, "labels": said.get("labels", {})}
        made.append({"kind": "Pod", "metadata": meta, "spec": {"containers": []}})
    for place, said in TABLE["services"].items():
        namespace, name = place.split("/")
        spec = {"selector": said["selector"], "ports": [{"port": said["port"]}]}
        made.append({"kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec})
    return made


def stacks(helm: charts.Helm) -> list[dict[str, Any]]:
    """What the stack makes under mocks, with what its charts and add-ons bring."""
    made = run_program(**MANY).made
    found = manifests.objects(made)
    for add_on, name in PODS:
        brought = manifest(add_on, name, ADD_ONS[add_on]["namespace"])
        found.append({**brought, "metadata": {**brought["metadata"], "name": name}})
    for chart in charts.charts(made).values():
        for each in helm.render(chart):
            each["metadata"].setdefault("namespace", chart.namespace)
            found.append(each)
    return found


def judge(network: Network, line: Line) -> tuple[bool, str]:
    source, target = (TABLE["addresses"].get(end, end) for end in (line.source, line.target))
    verdict = network.reaches(network.end(source), network.end(target), line.port)
    return verdict.allowed, verdict.why


def broken(network: Network) -> list[str]:
    """The lines that do not hold, each with the verdict."""
    told = [(line, *judge(network, line)) for line in LINES]
    return [f"{line} ({line.why}): {why}" for line, allowed, why in told if allowed is not line.may]


@pytest.fixture(scope="module")
def objects(helm: charts.Helm) -> list[dict[str, Any]]:
    return [*stacks(helm), *peoples()]


def network(objects: list[dict[str, Any]]) -> Network:
    return Network.of(objects, "10.0.0.0/16", "10.100.0.0/16")


@pytest.mark.engine
def test_what_the_stack_renders_lets_through_what_must_be_and_nothing_that_must_not(
    objects: list[dict[str, Any]],
) -> None:
    assert broken(network(with_clients(objects))) == []


@pytest.mark.engine
def test_what_the_api_server_holds_does_so_too(guarded: Api, objects: list[dict[str, Any]]) -> None:
    """With the policies and namespaces as it keeps them: all that has a default is said there."""
    held = guarded.run("get", "networkpolicies,namespaces", "--all-namespaces", "-o", "json")
    assert held.done, held.text
    kinds = ("NetworkPolicy", "Namespace")
    items = yaml.load(held.text, yaml.CSafeLoader)["items"]
    rest = [each for each in with_clients(objects) if each["kind"] not in kinds]
    live = Network.of([*items, *rest], manifests.VPC_CIDR, manifests.SERVICE_CIDR)
    outside = {"S3": "52.216.3.7"}  # as the guardrails of these tests have it
    told = [(line, Line(line.source, outside.get(line.target, line.target), line.port, line.may, "")) for line in LINES]
    assert [str(line) for line, asked in told if judge(live, asked)[0] is not line.may] == []


def with_clients(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of a stack whose hospital has a network: in what the program made, no network is listed."""
    changed = copy.deepcopy([each for each in objects if each["kind"] in ("NetworkPolicy", "Service")])
    for each in changed:
        if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "users-in"):
            each["spec"]["ingress"][0]["from"].append({"ipBlock": {"cidr": manifests.CLIENT_CIDRS[0]}})
        if each["spec"].get("loadBalancerSourceRanges"):
            each["spec"]["loadBalancerSourceRanges"].append(manifests.CLIENT_CIDRS[0])
    return [*(each for each in objects if each["kind"] not in ("NetworkPolicy", "Service")), *changed]


MUTATIONS = {
    "a namespace without default-deny": ("default", "default-deny", None),
    "a policy that is gone": ("mlflow", "to-mlflow-in", None),
    "a way in from everywhere": ("serving", "to-published-in", {"ingress": [{}]}),
    "a way out to everywhere": ("training", "dns-out", {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}),
    "for all pods and not some, on the way in": ("kube-system", "metrics-api-in", {"podSelector": {}}),
    "for all pods and not some, on the way out": ("kube-system", "resolver-out", {"podSelector": {}}),
    "at every port": (
        *("istio-system", "mesh-webhook-in"),
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}]}]},
    ),
    "of another kind of port": (
        *("istio-system", "mesh-webhook-in"),
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 15017, "protocol": "UDP"}]}]},
    ),
}


@pytest.mark.engine
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_policy_breaks_the_table(objects: list[dict[str, Any]], mutation: str) -> None:
    namespace, name, change = MUTATIONS[mutation]
    every = with_clients(objects)
    (policy,) = [
        each
        for each in every
        if each["kind"] == "NetworkPolicy"
        and (each["metadata"]["namespace"], each["metadata"]["name"]) == (namespace, name)
    ]
    kept = [each for each in every if each is not policy]
    changed = [] if change is None else [{**policy, "spec": {**policy["spec"], **change}}]
    assert broken(network(kept + changed))


# What the evaluator itself makes of each part of a policy.
NAMESPACES = [{"kind": "Namespace", "metadata": {"name": name}} for name in ("a", "b")]


def pod(place: str, *, host: bool = False, ports: dict[str, int] | None = None, **labels: str) -> dict[str, Any]:
    namespace, name = place.split("/")
    named = [{"name": port, "containerPort": number} for port, number in (ports or {}).items()]
    spec = {"containers": [{"ports": named}], "hostNetwork": host}
    return {"kind": "Pod", "metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec}


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"namespace": namespace, "name": "p"}, "spec": spec}


def allowed(policies: list[dict[str, Any]], source: str, target: str, port: int = 80, protocol: str = "TCP") -> bool:
    every = [
        *NAMESPACES,
        *(pod("a/one", app="one"), pod("a/two", app="two", ports={"http": 80})),
        *(pod("b/one", app="one"), pod("b/host", host=True, app="one")),
        {
            **{"kind": "Service", "metadata": {"namespace": "a", "name": "two"}},
            "spec": {"selector": {"app": "two"}, "ports": [{"port": 8080, "targetPort": "http"}]},
        },
        *policies,
    ]
    found = network(every)
    return bool(found.reaches(found.end(source), found.end(target), port, protocol))


CLOSED = policy("a", podSelector={}, policyTypes=["Ingress", "Egress"])
IN_FROM = [{"from": [{"podSelector": {"matchLabels": {"app": "one"}}}]}]


def test_what_no_policy_speaks_of_is_open_and_a_policy_closes_its_way_alone() -> None:
    assert allowed([], "b/one", "a/two")
    assert not allowed([CLOSED], "b/one", "a/two")
    assert not allowed([CLOSED], "a/two", "b/one")
    only_in = policy("a", podSelector={})
    assert not allowed([only_in], "b/one", "a/two")
    assert allowed([only_in], "a/two", "b/one")
    assert not allowed([policy("a", podSelector={}, egress=[])], "a/two", "b/one")
    assert allowed([policy("a", podSelector={"matchLabels": {"app": "one"}})], "b/one", "a/two")


def test_policies_add_up_and_both_ends_are_asked() -> None:
    into = policy("a", podSelector={}, policyTypes=["Ingress"], ingress=IN_FROM)
    assert not allowed([CLOSED, into], "a/one", "a/two"), "nothing lets it out"
    out = policy("a", podSelector={}, policyTypes=["Egress"], egress=[{}])
    assert allowed([CLOSED, into, out], "a/one", "a/two")
    assert not allowed([CLOSED, into, out], "b/one", "a/two"), "a podSelector alone means the policy's own namespace"


@pytest.mark.parametrize(
    ("peer", "means"),
    [
        ({"namespaceSelector": {}}, {"a/one", "b/one"}),
        ({"namespaceSelector": {"matchLabels": {ns.NAME_LABEL: "b"}}}, {"b/one"}),
        (
            {
                "namespaceSelector": {"matchLabels": {ns.NAME_LABEL: "b"}},
                "podSelector": {"matchLabels": {"app": "two"}},
            },
            set(),
        ),
        ({"ipBlock": {"cidr": "10.0.0.0/16"}}, {"a/one", "b/one", "b/host", "10.0.9.9"}),
        ({"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.0.0/20"]}}, {"10.0.99.9"}),
    ],
)
def test_a_peer_is_pods_by_their_labels_or_whatever_has_an_address(peer: dict[str, Any], means: set[str]) -> None:
    rule = policy("a", podSelector={}, policyTypes=["Ingress"], ingress=[{"from": [peer]}])
    asked = {"a/one", "b/one", "b/host", *means}
    assert {each for each in asked if allowed([rule], each, "a/two")} == means


@pytest.mark.parametrize(
    ("ports", "port", "protocol", "open_"),
    [
        ([{"port": 80}], 80, "TCP", True),
        ([{"port": 80}], 81, "TCP", False),
        ([{"port": 80}], 80, "UDP", False),
        ([{"port": 80, "protocol": "UDP"}], 80, "UDP", True),
        ([{"port": 80, "endPort": 90}], 90, "TCP", True),
        ([{"port": 80, "endPort": 90}], 91, "TCP", False),
        ([{"protocol": "TCP"}], 999, "TCP", True),
        ([{"port": "http"}], 80, "TCP", True),
        ([{"port": "http"}], 81, "TCP", False),
        ([{"port": "unknown"}], 80, "TCP", False),
    ],
)
def test_ports_are_numbers_ranges_or_names_of_one_protocol(
    ports: list[dict[str, Any]], port: int, protocol: str, open_: bool
) -> None:
    rule = policy("a", podSelector={}, policyTypes=["Ingress"], ingress=[{"ports": ports}])
    assert allowed([rule], "b/one", "a/two", port, protocol) is open_


def test_a_service_is_judged_by_its_own_address_on_the_way_out_and_by_its_pods_on_the_way_in() -> None:
    peer = [{"podSelector": {"matchLabels": {"app": "two"}}}]
    to_pods = policy("a", podSelector={}, policyTypes=["Egress"], egress=[{"to": peer}])
    assert allowed([to_pods], "a/one", "a/two")
    assert not allowed([to_pods], "a/one", "service a/two", 8080), "the packet has the Service's address there"
    block = {"ipBlock": {"cidr": "10.100.0.0/16"}}
    to_services = policy(
        "a", podSelector={}, policyTypes=["Egress"], egress=[{"to": [block], "ports": [{"port": 8080}]}]
    )
    assert allowed([to_services], "a/one", "service a/two", 8080)
    assert not allowed([to_services], "a/one", "a/two")
    into = policy("a", podSelector={}, policyTypes=["Ingress"], ingress=[{"ports": [{"port": 8080}]}])
    assert not allowed([to_services, into], "a/one", "service a/two", 8080), "its pods answer at 80"
    assert not allowed([], "a/one", "service a/two", 80), "it has no such port"


@pytest.mark.parametrize(
    ("operator", "values", "means"),
    [
        ("In", ["x"], [True, False, False]),
        ("NotIn", ["x"], [False, True, True]),
        ("Exists", None, [True, True, False]),
        ("DoesNotExist", None, [False, False, True]),
    ],
)
def test_a_selector_says_what_a_label_is_or_is_not(operator: str, values: list[str] | None, means: list[bool]) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert [selects(selector, labels) for labels in ({"k": "x"}, {"k": "y"}, {})] == means


def test_an_end_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=r"a/three: there are 0; known are a/one"):
        network([*NAMESPACES, pod("a/one")]).end("a/three")
