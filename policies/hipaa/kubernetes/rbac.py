"""Kubernetes RBAC: what roles grant, and to whom."""

from __future__ import annotations

from typing import Any

from hipaa.kubernetes.objects import each_object, of_kind
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, undecided, violation


def _of_kind(kind: str) -> tuple[str, ...]:
    return of_kind(kind, *(f"rbac.authorization.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1")))


CLUSTER_ROLE, ROLE = _of_kind("ClusterRole"), _of_kind("Role")
CLUSTER_BINDING, ROLE_BINDING = _of_kind("ClusterRoleBinding"), _of_kind("RoleBinding")
BINDINGS = (*CLUSTER_BINDING, *ROLE_BINDING)

# "Role Based Access Control Good Practices" of the Kubernetes documentation: each is a way to more than was granted.
_ESCALATIONS = frozenset({"escalate", "bind", "impersonate"})
_LIMITED_BY_NAMES = frozenset({"bind", "impersonate"})
_ALL_POWER = frozenset({"cluster-admin", "system:masters", "*"})
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
    fix="Name API groups, resources and verbs; leave escalate out; name what may be bound, and the secrets.",
    sound=[
        {},
        _rule(["pods", "pods/log"], ["get", "list", "watch"]),
        _rule(["secrets"], ["get"], resourceNames=["database"]),
        _rule(["secrets"], ["create"]),
        {"rules": [{"nonResourceURLs": ["/metrics", "/healthz/*"], "verbs": ["get"]}]},
        Resource(ROLE[0], _rule(["secrets"], ["get", "list", "watch"])),
        _rule(["*"], ["get", "list", "watch"], groups=("apps", "batch")),
        _rule(["serviceaccounts/token"], ["get"]),
        _rule(["clusterroles"], ["bind"], groups=("rbac.authorization.k8s.io",), resourceNames=["edit", "view"]),
        _rule(["users"], ["impersonate"], resourceNames=["jane@hospital.example"]),
        Resource(CLUSTER_ROLE[6], {"items": [_rule(["pods"], ["get"])]}),
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
        _rule(
            ["clusterroles"], ["bind"], groups=("rbac.authorization.k8s.io",), resourceNames=["view", "cluster-admin"]
        ),
        _rule(["clusterroles"], ["escalate"], groups=("rbac.authorization.k8s.io",), resourceNames=["reader"]),
        _rule(["groups"], ["impersonate"], resourceNames=["system:masters"]),
        Resource(CLUSTER_ROLE[3], _rule(["secrets"], ["watch"])),
        Resource(CLUSTER_ROLE[6], {"items": [_rule(["pods"], ["get"]), _rule(["pods"], ["*"])]}),
        {"rules": [{"apiGroups": [""], "resources": [UNKNOWN], "verbs": ["*"]}]},
    ],
)
def role_grants_only_what_it_names(role: Resource) -> Verdict:
    """A role grants named verbs on named resources, no way to more of them, and not the secrets of a whole cluster.

    A wildcard also grants what the next version of Kubernetes brings. Only to read, it may stand for the resources of
    API groups that are named and hold no secrets.
    """
    of_cluster = role.type in CLUSTER_ROLE

    def names_all(grant: Properties) -> Verdict:
        return all_of(_names_all(grant), _cannot_grow(grant), _keeps(grant, of_cluster))

    return each_object(role, lambda one: one.each("rules", names_all))


def _names_all(grant: Properties) -> Verdict:
    def no_wildcard(part: str) -> Verdict:
        return grant.each(
            part,
            lambda item: (
                violation(f"a rule grants {item!r} in `{grant.where(part)}`; it must name each")
                if str(item) in _WILDCARDS
                else Verdict()
            ),
        )

    parts = ("apiGroups", "verbs", "nonResourceURLs")

    def resources() -> Verdict:
        wide = no_wildcard("resources")
        try:
            return Verdict() if _reads_beside_core(grant) else wide
        except UnknownValue as unknown:
            return undecided(unknown.path) if wide.violations else wide

    return all_of(*map(no_wildcard, parts), resources())


def _reads_beside_core(grant: Properties) -> bool:
    """Whether a rule only reads, in API groups other than the core one, which is where secrets are."""
    groups = [*map(str, grant.listed("apiGroups"))]
    return bool(groups) and "" not in groups and {*map(str, grant.listed("verbs"))} <= _READS


def _cannot_grow(grant: Properties) -> Verdict:
    def no_escalation(verb: str) -> Verdict:
        if str(verb) not in _ESCALATIONS:
            return Verdict()
        named = [*map(str, grant.listed("resourceNames"))]
        if not named or verb not in _LIMITED_BY_NAMES:
            return violation(f"a rule grants the verb {verb}, a way to more rights")
        if most := _ALL_POWER & set(named):
            return violation(f"a rule grants the verb {verb} on {min(most)}, which is all power")
        return Verdict()

    return grant.each("verbs", no_escalation)


def _keeps(grant: Properties, of_cluster: bool) -> Verdict:
    """Whether the secrets and tokens of everybody stay theirs."""

    def kept(resource: str) -> Verdict:
        verbs = {*map(str, grant.listed("verbs"))}
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
# What Kubernetes itself binds to everybody: the API's own description ("Discovery roles" of its documentation).
_FOR_EVERYONE = frozenset({"system:basic-user", "system:discovery", "system:public-info-viewer"})


def _binding(role: str, kind: str = "Group", subject: Any = "data-scientists", **more: Any) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": kind, "name": subject} | more],
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
        _binding("system:public-info-viewer", "Group", "system:unauthenticated"),
        Resource(CLUSTER_BINDING[6], {"items": [_binding("reader")]}),
    ],
    unsound=[
        _binding("reader", "User", "system:anonymous"),
        _binding("reader", "Group", "system:unauthenticated"),
        _binding("reader", "Group", "system:authenticated"),
        _binding("reader", "Group", "system:serviceaccounts"),
        _binding("reader", "Group", "system:masters"),
        _binding("system:discovery", "Group", "system:masters"),
        _binding("cluster-admin"),
        _binding("cluster-admin", subject=UNKNOWN),
        Resource(ROLE_BINDING[0], _binding("cluster-admin", "ServiceAccount", "deployer")),
        Resource(ROLE_BINDING[3], _binding("view", "Group", "system:unauthenticated")),
        Resource(CLUSTER_BINDING[6], {"items": [_binding("reader"), _binding("cluster-admin")]}),
    ],
)
def binding_names_its_subjects(binding: Resource) -> Verdict:
    """A binding gives its role to whom it names, never to everybody, and never all power over the cluster.

    system:masters is past every check and cannot be taken back; an access entry is seen in AWS and ends there.
    """

    def judged(one: Properties) -> Verdict:
        return all_of(_is_no_superuser(one), one.each("subjects", lambda subject: _is_somebody(subject, one)))

    return each_object(binding, judged)


def _is_no_superuser(binding: Properties) -> Verdict:
    if binding.at("roleRef.name") != "cluster-admin":
        return Verdict()
    return violation("`role_ref.name` is 'cluster-admin'; it must be a role that grants what is needed")


def _is_somebody(subject: Properties, binding: Properties) -> Verdict:
    name = str(subject.at("name"))
    if name not in _EVERYONE or (name != "system:masters" and str(binding.at("roleRef.name")) in _FOR_EVERYONE):
        return Verdict()
    return violation(f"a subject is {name}; it must be a named group, user or account")


@rule(
    "rbac-binding-keeps-built-in-roles-to-a-namespace",
    on=CLUSTER_BINDING,
    severity=HIGH,
    fix="Bind admin and edit by a RoleBinding in each namespace, or bind a role that grants what is needed.",
    sound=[_binding("view"), _binding("reader"), _binding("prometheus-admin", "ServiceAccount", "prometheus")],
    unsound=[_binding("admin"), _binding("edit", "ServiceAccount", "deployer"), _binding("admin", subject=UNKNOWN)],
)
def binding_keeps_built_in_roles_to_a_namespace(binding: Resource) -> Verdict:
    """The built-in roles `admin` and `edit` are bound in a namespace, never in the whole cluster.

    They read every Secret, enter every pod and start others as any service account: bound to the cluster, that is all
    there is in it.
    """

    def judged(one: Properties) -> Verdict:
        name = one.at("roleRef.name")
        if name not in ("admin", "edit"):
            return Verdict()
        return violation(
            f"`{one.where('roleRef.name')}` is {name!r} in the whole cluster; it must be bound in a namespace"
        )

    return each_object(binding, judged)


@rule(
    "rbac-binding-leaves-default-accounts-alone",
    on=BINDINGS,
    severity=MEDIUM,
    advisory="an account shared by the pods that name none is still one; rights of its own tell them apart",
    fix="Give the workload a service account of its own, and bind the role to that.",
    sound=[
        _binding("reader", "ServiceAccount", "prometheus", namespace="monitoring"),
        _binding("reader", "Group", "default"),
    ],
    unsound=[
        _binding("reader", "ServiceAccount", "default", namespace="monitoring"),
        Resource(ROLE_BINDING[0], _binding("reader", "ServiceAccount", "default")),
    ],
)
def binding_leaves_default_accounts_alone(binding: Resource) -> Verdict:
    """No role is bound to a namespace's default service account.

    Every pod that names no account has it, those that come later too.
    """

    def one_of_its_own(subject: Properties) -> Verdict:
        if subject.at("kind") != "ServiceAccount" or subject.at("name") != "default":
            return Verdict()
        return violation("a subject is the service account default; it must be the workload's own")

    return each_object(binding, lambda one: one.each("subjects", one_of_its_own))


_CONFIG_MAP = of_kind("ConfigMap", "core/v1")


def _mapped(groups: str, name: Any = "aws-auth", namespace: str = "kube-system") -> dict[str, Any]:
    who = f"- rolearn: arn:aws:iam::111122223333:role/team\n  username: team\n  groups: [{groups}]\n"
    return {"metadata": {"name": name, "namespace": namespace}, "data": {"mapRoles": who}}


@rule(
    "aws-auth-makes-no-superusers",
    on=_CONFIG_MAP,
    severity=CRITICAL,
    fix="Map the role to a group of one's own that is bound to what it needs; let an EKS access entry administer.",
    sound=[
        {},
        _mapped("'system:bootstrappers', 'system:nodes'"),
        _mapped("developers"),
        _mapped("'system:masters'", "notes"),
        _mapped("'system:masters'", namespace="web"),
    ],
    unsound=[
        _mapped("'system:masters'"),
        _mapped("developers, system:masters"),
        {
            "metadata": {"name": "aws-auth", "namespace": "kube-system"},
            "data": {"mapUsers": "- groups: [system:masters]"},
        },
        Resource(_CONFIG_MAP[1], _mapped("'system:masters'")),
        Resource(_CONFIG_MAP[2], {"items": [_mapped("'system:masters'")]}),
    ],
)
def aws_auth_makes_no_superusers(map_: Resource) -> Verdict:
    """The map of IAM roles in a cluster makes nobody a member of system:masters.

    That group is past every check of RBAC and admission, and the map tells AWS nothing of who has it.
    """

    def makes_none(one: Properties) -> Verdict:
        if (one.at("metadata.namespace"), one.at("metadata.name")) != ("kube-system", "aws-auth"):
            return Verdict()
        said = [name for name in ("mapRoles", "mapUsers") if "system:masters" in str(one.at(f"data.{name}", ""))]
        return all_of(
            *(
                violation(f"`{one.where(f'data.{name}')}` has system:masters; it must be a group of one's own")
                for name in said
            )
        )

    return each_object(map_, makes_none)
