"""Who may do what: as RBAC's objects in an API server say it, and as the table in docs/access.yaml does.

Both are spelt out in full, to one `Right` for each verb, kind, place and name, so that two sets can be compared.
"""

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from cluster import namespaces as ns
from cluster.roles import ROLES
from local.kubernetes.provider import kubeconfig
from local.kubernetes.provider.connection import Connection
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Api
from tests.platform.project import PROJECT

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
STRANGE = ("bind", "escalate", "impersonate", "approve", "sign", "attest", "use", "proxy")
"""Verbs that a few kinds have, asked of every kind."""
CLUSTER, ELSEWHERE = "cluster", "elsewhere"
"""The place of what is in no namespace; and any namespace that the platform does not know."""
WORKSPACES = {f"workspace:{each.name}": each for each in manifests.WORKSPACES}
"""By who its people are here: the table says once what all of them may."""
A_WORKSPACE = "workspace"
"""Who works in one, and its namespace: of its people their own, of everybody else each."""
PLACES = (*ns.EVERY, *(each.name for each in WORKSPACES.values()), ELSEWHERE)
EVERYBODY, ACCOUNTS = "everybody", "accounts"
GROUPS = {role.name: role.group for role in ROLES} | {who: each.group for who, each in WORKSPACES.items()}
RBAC = "/apis/rbac.authorization.k8s.io/v1/"


class Right(NamedTuple):
    """One verb on one kind in one place; `name` is empty where it holds for whatever name."""

    verb: str
    kind: str
    """As `deployments.apps/scale`."""
    place: str
    name: str = ""


@dataclass(frozen=True)
class Kind:
    group: str
    resource: str
    """With its subresource, as in `pods/log`."""
    namespaced: bool

    @property
    def name(self) -> str:
        plural, slash, subresource = self.resource.partition("/")
        return f"{plural}.{self.group}{slash}{subresource}" if self.group else self.resource


# What EKS and its add-ons serve and a local API server does not.
OF_EKS = tuple(
    Kind(group, resource, namespaced)
    for group, resources, namespaced in (
        ("metrics.k8s.io", ("pods",), True),
        ("metrics.k8s.io", ("nodes",), False),
        ("networking.k8s.aws", ("policyendpoints", "policyendpoints/status"), True),
        ("vpcresources.k8s.aws", ("securitygrouppolicies",), True),
        ("vpcresources.k8s.aws", ("cninodes",), False),
        ("cloudwatch.aws.amazon.com", ("amazoncloudwatchagents", "dcgmexporters", "instrumentations"), True),
        ("cloudwatch.aws.amazon.com", ("neuronmonitors",), True),
    )
    for resource in resources
)
OF_KUBELETS = ("metrics", "stats", "log", "spec", "checkpoint", "configz", "healthz", "pods")
"""What a kubelet asks of before it answers (Kubernetes, "Kubelet authentication/authorization")."""
# Subjects that are no person and no account, as kinds that one may impersonate.
NOT_SERVED = (
    Kind("", "users", False),
    Kind("", "groups", False),
    Kind("authentication.k8s.io", "userextras", False),
    Kind("authentication.k8s.io", "uids", False),
    *(Kind("", f"nodes/{each}", False) for each in OF_KUBELETS),
)


@dataclass(frozen=True)
class Server:
    """What an API server knows: its kinds, and the rules that RBAC holds."""

    connection: Connection
    kinds: tuple[Kind, ...]
    rules: Mapping[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = field(repr=False)
    """By subject (its kind, its name), each with the namespace that it holds in; empty where it holds in all."""

    @classmethod
    def of(cls, api: Api) -> "Server":
        connection = Connection(kubeconfig.load(str(api.kubeconfig), None, None, {}))
        return cls(connection, (*_served(connection), *OF_EKS, *NOT_SERVED), _bound(connection))

    def rights(self, *subjects: tuple[str, str]) -> set[Right]:
        """What one may do who is all of these."""
        found: set[Right] = set()
        for namespace, rule in itertools.chain.from_iterable(self.rules.get(each, ()) for each in subjects):
            verbs = (*VERBS, *STRANGE) if "*" in rule["verbs"] else rule["verbs"]
            names = rule.get("resourceNames") or [""]
            for path in rule.get("nonResourceURLs", ()):
                found |= {Right(verb, path, CLUSTER) for verb in verbs}
            for kind in (each for each in self.kinds if _covers(rule, each)):
                places: Iterable[str] = [namespace] if namespace else PLACES
                if not kind.namespaced:
                    places = [] if namespace else [CLUSTER]
                found |= {Right(*each) for each in itertools.product(verbs, [kind.name], places, names)}
        return found

    def says(self, user: str, groups: Iterable[str], right: Right) -> bool:
        """Its own word on one right."""
        kind = next(each for each in self.kinds if each.name == right.kind)
        resource, _, subresource = kind.resource.partition("/")
        place = {CLUSTER: "", ELSEWHERE: "anywhere"}.get(right.place, right.place)
        attributes = {"verb": right.verb, "group": kind.group, "resource": resource, "subresource": subresource}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user,
                "groups": [*groups, "system:authenticated"],
                "resourceAttributes": {**attributes, "namespace": place, "name": right.name},
            },
        }
        answer = self.connection.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {}, review)
        return bool(answer["status"]["allowed"])


def account(name: str) -> tuple[str, list[str]]:
    """User and groups of a service account, written `namespace/name`."""
    namespace, _, plain = name.partition("/")
    user = f"system:serviceaccount:{namespace}:{plain}"
    return user, ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]


def subjects(name: str) -> list[tuple[str, str]]:
    """As whom RBAC knows a role of people or a service account, `everybody` left out."""
    if name in GROUPS:
        return [("Group", GROUPS[name])]
    user, groups = account(name)
    return [("User", user), *(("Group", each) for each in groups)]


EVERYBODYS = [("Group", "system:authenticated")]


def _served(connection: Connection) -> Iterator[Kind]:
    """All that is served, of whatever version, subresources too."""
    groups = connection.get("/apis")["groups"]
    versions = ["/api/v1", *(f"/apis/{version['groupVersion']}" for each in groups for version in each["versions"])]
    seen: set[tuple[str, str]] = set()
    for path in versions:
        group = path.split("/")[2] if path.startswith("/apis/") else ""
        for each in connection.get(path)["resources"]:
            if (group, each["name"]) not in seen:
                seen.add((group, each["name"]))
                yield Kind(group, each["name"], each["namespaced"])


def _bound(connection: Connection) -> Mapping[tuple[str, str], list[tuple[str, Mapping[str, Any]]]]:
    roles = {
        (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each.get("rules") or []
        for kind in ("clusterroles", "roles")
        for each in connection.get(RBAC + kind)["items"]
    }
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for kind in ("clusterrolebindings", "rolebindings"):
        for each in connection.get(RBAC + kind)["items"]:
            namespace, role = each["metadata"].get("namespace", ""), each["roleRef"]
            rules = roles.get((namespace if role["kind"] == "Role" else "", role["name"]), [])
            for subject in each.get("subjects") or []:
                name = subject["name"]
                if subject["kind"] == "ServiceAccount":
                    name = account(f"{subject.get('namespace', namespace)}/{name}")[0]
                who = "Group" if subject["kind"] == "Group" else "User"
                found[who, name] += [(namespace, rule) for rule in rules]
    return found


def _covers(rule: Mapping[str, Any], kind: Kind) -> bool:
    resources, groups = rule.get("resources") or (), rule.get("apiGroups") or ()
    _, slash, subresource = kind.resource.partition("/")
    return ("*" in groups or kind.group in groups) and (
        "*" in resources or kind.resource in resources or (bool(slash) and f"*/{subresource}" in resources)
    )


@functools.cache
def table() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = yaml.load((PROJECT / "docs" / "access.yaml").read_text(), yaml.CSafeLoader)
    return lines


def named(who: str) -> str:
    """What the table calls a person or an account."""
    return A_WORKSPACE if who in WORKSPACES else who


def asked(line: Mapping[str, Any], who: str) -> Iterator[Right]:
    """All that a line of the table speaks of, as it is meant for one who is named there."""
    own = [WORKSPACES[who].name] if who in WORKSPACES else [each.name for each in WORKSPACES.values()]
    meant = {"every": PLACES, A_WORKSPACE: own}
    places = [place for each in line["in"] for place in meant.get(each, [each])]
    for each in itertools.product(line["do"], line["to"], places, line.get("named", [""])):
        yield Right(*each)


def said(who: str) -> set[Right]:
    """All that the table lets one do."""
    called = {named(who), EVERYBODY} | (set() if who in GROUPS else {ACCOUNTS})
    return {right for line in table() if called & set(line["may"]) for right in asked(line, who)}
