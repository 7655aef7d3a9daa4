"""Kubernetes RBAC: what roles grant, and to whom."""

from __future__ import annotations

from typing import Any

from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, rule
from hipaa.verdict import Verdict, all_of, violation


def _versions(kind: str) -> tuple[str, ...]:
    return tuple(f"kubernetes:rbac.authorization.k8s.io/{version}:{kind}" for version in ("v1", "v1beta1", "v1alpha1"))


CLUSTER_ROLE, ROLE = _versions("ClusterRole"), _versions("Role")
BINDINGS = (*_versions("ClusterRoleBinding"), *_versions("RoleBinding"))

# "Role Based Access Control Good Practices" of the Kubernetes documentation: each is a way to more than was granted.
_ESCALATIONS = frozenset({"escalate", "bind", "impersonate"})
_READS = frozenset({"get", "list", "watch"})
_WILDCARDS = frozenset({"*", "*/*"})


def _rule(
    resources: list[Any], verbs: list[Any], groups: tuple[str, ...] = ("",), **more: Any
) -> dict[str, list[dict[str, Any]]]:
    """The properties of an example with one rule."""
    return {"rules": [{"apiGroups": list(groups), "resources": resources, "verbs": verbs} | more]}


@rule(
    "rbac-role-grants-only-what-it-names",
    on=(*CLUSTER_ROLE, *ROLE),
    severity=HIGH,
    fix="Name API groups, resources and verbs; leave escalate, bind and impersonate out; name the secrets to be read.",
    sound=[
        {},
        _rule(["pods", "pods/log"], ["get", "list", "watch"]),
        _rule(["secrets"], ["get"], resourceNames=["database"]),
        _rule(["secrets"], ["create"]),
        {"rules": [{"nonResourceURLs": ["/metrics", "/healthz/*"], "verbs": ["get"]}]},
        Resource(ROLE[0], _rule(["secrets"], ["get", "list", "watch"])),
        _rule(["*"], ["get", "list", "watch"], groups=("apps", "batch")),
        _rule(["serviceaccounts/token"], ["get"]),
    ],
    unsound=[
        _rule(["*"], ["*"], groups=("*",)),
        _rule(["*"], ["get"]),
        _rule(["pods"], ["*"]),
        _rule(["*/*"], ["get"]),
        _rule(["*"], ["get"], groups=()),
        _rule(["*"], ["get"], groups=("apps", "")),
        _rule(["*"], ["get", "patch"], groups=("apps",)),
        _rule(["pods"], ["get"], groups=("*",)),
        {"rules": [{"nonResourceURLs": ["*"], "verbs": ["get"]}]},
        _rule(["clusterroles"], ["escalate"], groups=("rbac.authorization.k8s.io",)),
        _rule(["users", "groups"], ["impersonate"]),
        _rule(["secrets"], ["list"]),
        _rule(["secrets"], ["get"], resourceNames=[]),
        _rule(["serviceaccounts/token"], ["create"]),
        Resource(ROLE[0], _rule(["roles"], ["bind"], groups=("rbac.authorization.k8s.io",))),
        {"rules": [{"apiGroups": [""], "resources": [UNKNOWN], "verbs": ["*"]}]},
    ],
)
def role_grants_only_what_it_names(role: Resource) -> Verdict:
    """A role grants named verbs on named resources, no way to more of them, and not the secrets of a whole cluster.

    A wildcard also grants what the next version of Kubernetes brings. Only to read, it may stand for the resources of
    API groups that are named and hold no secrets.
    """
    of_cluster = role.type in CLUSTER_ROLE
    return role.each("rules", lambda grant: all_of(_names_all(grant), _cannot_grow(grant), _keeps(grant, of_cluster)))


def _names_all(grant: Properties) -> Verdict:
    def no_wildcard(part: str) -> Verdict:
        return grant.each(
            part,
            lambda item: (
                violation(f"a rule grants {item!r} in `{grant.where(part)}`; it must name each")
                if item in _WILDCARDS
                else Verdict()
            ),
        )

    parts = ("apiGroups", "verbs", "nonResourceURLs")
    return all_of(*map(no_wildcard, parts), Verdict() if _reads_beside_core(grant) else no_wildcard("resources"))


def _reads_beside_core(grant: Properties) -> bool:
    """Whether a rule only reads, in API groups other than the core one, which is where secrets are."""
    try:
        return bool(grant.at("apiGroups")) and "" not in grant.at("apiGroups") and set(grant.at("verbs", ())) <= _READS
    except UnknownValue:
        return False


def _cannot_grow(grant: Properties) -> Verdict:
    def no_escalation(verb: str) -> Verdict:
        return violation(f"a rule grants the verb {verb}, a way to more rights") if verb in _ESCALATIONS else Verdict()

    return grant.each("verbs", no_escalation)


def _keeps(grant: Properties, of_cluster: bool) -> Verdict:
    """Whether the secrets and tokens of everybody stay theirs."""

    def kept(resource: str) -> Verdict:
        verbs = set(grant.at("verbs", ()))
        if resource == "secrets" and of_cluster and verbs & _READS:
            return violation("a rule reads all secrets, in all namespaces where it is bound; it must name which")
        if resource == "serviceaccounts/token" and "create" in verbs:
            return violation("a rule makes tokens of any service account; it must name which")
        return Verdict()

    if grant.at("resourceNames"):
        return Verdict()
    return grant.each("resources", kept)


_EVERYONE = frozenset(
    {"system:anonymous", "system:unauthenticated", "system:authenticated", "system:masters", "system:serviceaccounts"}
)


def _binding(role: str, kind: str = "Group", subject: Any = "data-scientists") -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": kind, "name": subject}],
    }


@rule(
    "rbac-binding-names-its-subjects",
    on=BINDINGS,
    severity=CRITICAL,
    fix="Bind a role of one's own to a named group or service account; let an EKS access entry administer.",
    sound=[
        _binding("reader"),
        _binding("reader", "ServiceAccount", "prometheus"),
        _binding("reader", "Group", "system:serviceaccounts:monitoring"),
    ],
    unsound=[
        _binding("reader", "User", "system:anonymous"),
        _binding("reader", "Group", "system:unauthenticated"),
        _binding("reader", "Group", "system:authenticated"),
        _binding("reader", "Group", "system:serviceaccounts"),
        _binding("reader", "Group", "system:masters"),
        _binding("cluster-admin"),
        _binding("cluster-admin", subject=UNKNOWN),
        Resource(BINDINGS[3], _binding("cluster-admin", "ServiceAccount", "deployer")),
    ],
)
def binding_names_its_subjects(binding: Properties) -> Verdict:
    """A binding gives its role to whom it names, never to everybody, and never all power over the cluster.

    system:masters is past every check and cannot be taken back; an access entry is seen in AWS and ends there.
    """
    return all_of(_is_no_superuser(binding), binding.each("subjects", _is_somebody))


def _is_no_superuser(binding: Properties) -> Verdict:
    if binding.at("roleRef.name") != "cluster-admin":
        return Verdict()
    return violation("`role_ref.name` is 'cluster-admin'; it must be a role that grants what is needed")


def _is_somebody(subject: Properties) -> Verdict:
    name = subject.at("name")
    return (
        violation(f"a subject is {name}; it must be a named group, user or account") if name in _EVERYONE else Verdict()
    )
