"""Ways from a role to more than it says: those of "Role Based Access Control Good Practices" (Kubernetes documentation,
Security) that a role's rules show.

What a rule grants by a wildcard is told by `rbac-role-grants-only-what-it-names`, and not by each of these again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from hipaa.kubernetes import selectors
from hipaa.kubernetes.objects import each_object, whole
from hipaa.kubernetes.rbac import CLUSTER_BINDING, CLUSTER_ROLE, ROLE, ROLE_BINDING
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, undecided, violation

_ROLES = (*CLUSTER_ROLE, *ROLE)


def _granting(resources: list[Any], verbs: list[Any], group: Any = "", **more: Any) -> dict[str, list[dict[str, Any]]]:
    """The properties of an example with one rule."""
    return {"rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs} | more]}


def _given(grant: Properties, group: str, resources: Collection[str], verbs: Collection[str]) -> str | None:
    """Which of some resources a rule grants one of some verbs on, by whatever words but the wildcard for all.

    Raises:
        UnknownValue: when it may, and a word of it is not known before the update.
    """
    groups, no_group = _words(grant, "apiGroups")
    named, no_resource = _words(grant, "resources")
    said, no_verb = _words(grant, "verbs")
    of_all = {resource for resource in resources if f"*/{resource.partition('/')[2]}" in named and "/" in resource}
    found = sorted(named & set(resources) | of_all)
    missing = [
        (bool(groups & {group, "*"}), no_group),
        (bool(found), no_resource),
        (bool(said & {*verbs, "*"}), no_verb),
    ]
    if all(known for known, _ in missing):
        return found[0]
    if all(known or unknown for known, unknown in missing):
        raise next(unknown for known, unknown in missing if not known and unknown)
    return None


def _words(grant: Properties, part: str) -> tuple[set[str], UnknownValue | None]:
    words: set[str] = set()
    unknown: UnknownValue | None = None
    try:
        items = grant.listed(part)
    except UnknownValue as error:
        return words, error
    for number in range(len(items)):
        try:
            words.add(str(items[number]))
        except UnknownValue as error:
            unknown = error
    return words, unknown


def _none_grants(
    role: Resource, group: str, resources: Collection[str], verbs: Collection[str], why: str, named: bool = False
) -> Verdict:
    """No rule of a role grants one of the verbs on one of the resources; with `named`, unless it says on which."""

    def judged(grant: Properties) -> Verdict:
        given = _given(grant, group, resources, verbs)
        if not given or (named and grant.at("resourceNames")):
            return Verdict()
        asked = "; it must name which" if named else ""
        return violation(f"`{grant.where('resources')}` grants {given}, {why}{asked}")

    return each_object(role, lambda one: one.each("rules", judged))


_EVERY_VERB = ("get", "list", "watch", "create", "update", "patch", "delete")


@rule(
    "rbac-role-reaches-no-kubelet",
    on=_ROLES,
    severity=CRITICAL,
    fix="Grant nodes/metrics, nodes/stats or nodes/log in place of nodes/proxy.",
    sound=[
        _granting(["nodes", "nodes/metrics", "nodes/stats", "nodes/log"], ["get"]),
        _granting(["nodes/proxy"], [], group=""),
        _granting(["nodes/proxy"], ["get"], group="metrics.k8s.io"),
        {},
    ],
    unsound=[
        _granting(["nodes/proxy"], ["get"]),
        _granting(["nodes", "nodes/proxy"], ["list", "create"]),
        _granting(["nodes/proxy"], ["get"], resourceNames=["ip-10-0-0-1"]),
        _granting(["*/proxy"], ["get"]),
        Resource(ROLE[0], _granting(["nodes/proxy"], ["*"])),
        Resource(CLUSTER_ROLE[6], {"items": [_granting(["nodes/proxy"], ["get"])]}),
    ],
)
def role_reaches_no_kubelet(role: Resource) -> Verdict:
    """A role does not lead to the kubelet's API, by no verb on nodes/proxy.

    Whoever reads there also runs commands in every pod of the node (the kubelet takes a web socket for a `get`), past
    admission and past the audit log.
    """
    return _none_grants(role, "", ["nodes/proxy"], _EVERY_VERB, "by which commands run in every pod of a node")


@rule(
    "rbac-role-enters-no-pods",
    on=_ROLES,
    severity=HIGH,
    fix="Leave exec, attach and ephemeralcontainers out, or name the pods with resource_names.",
    sound=[
        _granting(["pods", "pods/log", "pods/portforward"], ["get", "list", "watch"]),
        _granting(["pods/exec"], ["create"], resourceNames=["database-0"]),
        _granting(["pods/ephemeralcontainers"], ["get"]),
        _granting(["pods/status", "pods/eviction"], ["create", "patch"]),
    ],
    unsound=[
        _granting(["pods/exec"], ["create"]),
        _granting(["pods", "pods/exec"], ["get"]),
        _granting(["pods/attach"], ["create"]),
        _granting(["pods/ephemeralcontainers"], ["patch"]),
        _granting([UNKNOWN, "pods/exec"], ["create"]),
        Resource(ROLE[0], _granting(["pods/exec"], ["create"])),
    ],
)
def role_enters_no_pods(role: Resource) -> Verdict:
    """A role lets nobody run commands in pods that it does not name.

    Inside is what the pod decrypts, and the audit log tells who went in, not what was read there.
    """
    inside = "by which one gets into pods"
    return all_of(
        _none_grants(role, "", ("pods/exec", "pods/attach"), ("get", "create"), inside, named=True),
        _none_grants(role, "", ["pods/ephemeralcontainers"], ("update", "patch"), inside, named=True),
    )


def _role(name: Any = "deployer", **grant: Any) -> Resource:
    makes = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "create", "patch"]}
    return Resource(CLUSTER_ROLE[0], {"metadata": {"name": name}, "rules": [makes | grant]}, name="deployer")


def _bound(type_: str, name: Any = "deployer", sources: tuple[str, ...] = ()) -> Resource:
    to = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return Resource(type_, {"roleRef": to}, name=type_.rpartition(":")[2], sources={"roleRef": sources})


def _unless_in_one_namespace(role: Resource, stack: Stack, verdict: Verdict) -> Verdict:
    """What is to be said of a cluster role's rights in every namespace. Where the program binds it in some namespaces
    only, it has them there; one that nobody binds here may be bound anywhere."""
    if not (verdict.violations or verdict.unknown):
        return verdict
    of_namespaces, of_clusters = stack.once(_bindings)
    # What may bind it in the whole cluster counts first: nothing else makes up for that.
    everywhere = of_clusters.binds(role)
    if everywhere is True or not (in_one_namespace := of_namespaces.binds(role)):
        return verdict
    unknown = [told for told in (everywhere, in_one_namespace) if isinstance(told, str) and told]
    return undecided(unknown[0]) if unknown else Verdict()


class _Bindings:
    """Bindings by the cluster role that they name, or were made from."""

    def __init__(self, bindings: Iterable[Resource]) -> None:
        self._names: set[str] = set()
        self._origins: set[str] = set()
        self._unknown = ""
        for binding in bindings:
            self._origins.update(binding.sources.get("roleRef", ()))
            try:
                if binding.at("roleRef.kind") == "ClusterRole":
                    self._names.add(str(binding.at("roleRef.name")))
            except UnknownValue as unknown:
                if not binding.sources.get("roleRef"):
                    self._unknown = f"{unknown.path} of {binding.name}"

    def binds(self, role: Resource) -> bool | str:
        """Whether one binds a role, or what must be known to tell."""
        if role.urn in self._origins:
            return True
        try:
            return str(role.at("metadata.name")) in self._names or self._unknown
        except UnknownValue as unknown:
            return unknown.path if self._names else self._unknown


def _bindings(stack: Stack) -> tuple[_Bindings, _Bindings]:
    return _Bindings(stack.of(*whole(ROLE_BINDING))), _Bindings(stack.of(*whole(CLUSTER_BINDING)))


def _leading(*resources: str, verbs: tuple[str, ...] = ("get", "create"), **more: Any) -> Resource:
    return _role(apiGroups=[""], resources=list(resources), verbs=list(verbs), **more)


@stack_rule(
    "rbac-role-leads-to-no-ports-everywhere",
    on=whole(CLUSTER_ROLE),
    severity=HIGH,
    fix="Bind the role by a RoleBinding in the namespaces that its bearer looks after, or name the pods and services.",
    sound=[
        [_leading("pods/portforward"), _bound(ROLE_BINDING[0])],
        [_leading("services/proxy", resourceNames=["https:dashboard:"]), _bound(CLUSTER_BINDING[0])],
        [_leading("pods", "pods/log", verbs=("get", "list"))],
    ],
    unsound=[
        [_leading("pods/portforward"), _bound(CLUSTER_BINDING[0])],
        [_leading("pods/portforward", verbs=("*",))],
        [_leading("pods", "services/proxy"), _bound(CLUSTER_BINDING[0]), _bound(ROLE_BINDING[0])],
        [_leading("pods/proxy", verbs=("get",)), _bound(ROLE_BINDING[0], "another")],
    ],
)
def role_leads_to_no_ports_everywhere(role: Resource, stack: Stack) -> Verdict:
    """Nobody reaches the ports of all pods of a cluster through the API server.

    That way is past every NetworkPolicy, and past what the mesh asks of a caller.
    """
    ports = ("pods/portforward", "pods/proxy", "services/proxy")
    verdict = _none_grants(role, "", ports, ("get", "create"), "by which every port is reached", named=True)
    return _unless_in_one_namespace(role, stack, verdict)


_MAKERS = {
    "": ("pods", "replicationcontrollers"),
    "apps": ("deployments", "daemonsets", "statefulsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
}


@stack_rule(
    "rbac-role-makes-no-pods-everywhere",
    on=whole(CLUSTER_ROLE),
    severity=HIGH,
    fix="Bind the role by a RoleBinding in each namespace that its bearer works in, or make it a Role.",
    sound=[
        [_role(), _bound(ROLE_BINDING[0])],
        [_role(), _bound(ROLE_BINDING[0]), _bound(CLUSTER_BINDING[0], "another")],
        [_role(UNKNOWN), _bound(ROLE_BINDING[0], UNKNOWN, (_role().urn,))],
        [_role(verbs=["get", "list", "watch", "patch"])],
        [_role(apiGroups=["karpenter.sh"], resources=["nodeclaims"])],
    ],
    unsound=[
        [_role()],
        [_role(), _bound(CLUSTER_BINDING[0])],
        [_role(), _bound(ROLE_BINDING[0]), _bound(CLUSTER_BINDING[0])],
        [_role(), _bound(ROLE_BINDING[0], "another")],
        [_role(apiGroups=[""], resources=["pods"], verbs=["*"])],
        [_role(apiGroups=["batch"], resources=["jobs"], verbs=["create"])],
        [_role(UNKNOWN), _bound(CLUSTER_BINDING[0], UNKNOWN, (_role().urn,))],
    ],
)
def role_makes_no_pods_everywhere(role: Resource, stack: Stack) -> Verdict:
    """Nobody may start pods in every namespace of a cluster.

    Who starts a pod has what pods of its namespace may have: each Secret, each service account, each volume. Bound in
    one namespace, that ends there.
    """
    verdict = all_of(
        *(
            _none_grants(role, group, resources, ["create"], "by which pods start in every namespace")
            for group, resources in _MAKERS.items()
        )
    )
    return _unless_in_one_namespace(role, stack, verdict)


@rule(
    "rbac-role-makes-no-persistent-volumes",
    on=_ROLES,
    severity=HIGH,
    fix="Let a storage class make volumes for a claim; leave create on persistentvolumes out.",
    sound=[
        _granting(["persistentvolumeclaims"], ["create"]),
        _granting(["persistentvolumes"], ["get", "list", "watch", "patch"]),
    ],
    unsound=[
        _granting(["persistentvolumes"], ["create"]),
        _granting(["persistentvolumeclaims", "persistentvolumes"], ["get", "create", "delete"]),
        _granting(["persistentvolumes"], ["*"]),
    ],
)
def role_makes_no_persistent_volumes(role: Resource) -> Verdict:
    """A role makes no persistent volumes: drivers and administrators do.

    One may be a directory of a node, with what every pod there holds, past the namespace's Pod Security level.
    """
    return _none_grants(role, "", ["persistentvolumes"], ["create"], "which may be any directory of any node")


_ADMISSION = (
    *("validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
    *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
)
_CHANGES = ("create", "update", "patch", "delete", "deletecollection")
_OF_ADMISSION = "admissionregistration.k8s.io"


@rule(
    "rbac-role-changes-no-admission",
    on=_ROLES,
    severity=CRITICAL,
    fix="Name the configuration with resource_names, or grant get, list and watch only.",
    sound=[
        _granting([_ADMISSION[0]], ["get", "list", "watch"], _OF_ADMISSION),
        _granting([_ADMISSION[1]], ["get", "update", "patch"], _OF_ADMISSION, resourceNames=["istio-sidecar-injector"]),
    ],
    unsound=[
        _granting([_ADMISSION[0]], ["create"], _OF_ADMISSION),
        _granting([_ADMISSION[1]], ["get", "patch"], _OF_ADMISSION),
        _granting([_ADMISSION[3]], ["delete"], _OF_ADMISSION),
        _granting(["namespaces", _ADMISSION[0]], ["*"], "*"),
        _granting([_ADMISSION[0]], ["update"], _OF_ADMISSION, resourceNames=[]),
    ],
)
def role_changes_no_admission(role: Resource) -> Verdict:
    """A role changes no webhook or policy of admission that it does not name.

    A webhook is shown every object that it asks for, Secrets too, and may change them; who takes one away takes a guard
    away.
    """
    why = "by which every object is read and changed"
    return _none_grants(role, _OF_ADMISSION, _ADMISSION, _CHANGES, why, named=True)


_SIGNERS = "certificates.k8s.io"
_OF_CLIENTS = ("kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet")


def _approving(*signers: str, limited: bool = True) -> dict[str, Any]:
    approval = {"apiGroups": [_SIGNERS], "resources": ["certificatesigningrequests/approval"], "verbs": ["update"]}
    of = {"apiGroups": [_SIGNERS], "resources": ["signers"], "verbs": ["approve"]}
    return {"rules": [approval, of | ({"resourceNames": list(signers)} if limited else {})]}


@rule(
    "rbac-role-approves-no-client-certificates",
    on=_ROLES,
    severity=CRITICAL,
    fix="Name the signers whose requests may be approved, none of them one of the API server's clients.",
    sound=[
        _approving("example.com/serving"),
        _approving("kubernetes.io/kubelet-serving"),
        _granting(["certificatesigningrequests"], ["get", "list", "create"], _SIGNERS),
    ],
    unsound=[
        _granting(["certificatesigningrequests/approval"], ["update"], _SIGNERS),
        _granting(["certificatesigningrequests/approval"], ["patch"], _SIGNERS),
        _granting(["signers"], ["approve"], _SIGNERS),
        _approving(limited=False),
        _approving("example.com/serving", "kubernetes.io/kube-apiserver-client"),
        _approving("kubernetes.io/*"),
        _granting(["signers"], ["sign"], _SIGNERS, resourceNames=["kubernetes.io/kube-apiserver-client-kubelet"]),
    ],
)
def role_approves_no_client_certificates(role: Resource) -> Verdict:
    """A role approves no certificate by which somebody else, or nobody, calls the API server.

    A request may ask for any name and group, system:masters too; the certificate holds until it expires, whatever
    becomes of the role.
    """
    return each_object(role, _approves_none)


def _approves_none(role: Properties) -> Verdict:
    of_servers = False

    def names_its_signers(grant: Properties) -> Verdict:
        nonlocal of_servers
        if not _given(grant, _SIGNERS, ["signers"], ("approve", "sign")):
            return Verdict()
        named = [str(name) for name in grant.listed("resourceNames")]
        wrong = [name for name in named if name in _OF_CLIENTS or name.endswith("*")]
        where = grant.where("resources")
        if not named:
            return violation(f"`{where}` grants all signers and names no signers; it must name those that are meant")
        if wrong:
            return violation(f"`{where}` grants signers {', '.join(wrong)}; it must name others")
        of_servers = True
        return Verdict()

    verdict = role.each("rules", names_its_signers)
    if of_servers or verdict.violations or verdict.unknown:
        return verdict

    def approves(grant: Properties) -> Verdict:
        if not _given(grant, _SIGNERS, ["certificatesigningrequests/approval"], ("update", "patch")):
            return Verdict()
        return violation(f"`{grant.where('resources')}` grants approval of certificates, and no rule names the signers")

    return all_of(verdict, role.each("rules", approves))


@rule(
    "rbac-role-relabels-no-namespaces",
    on=_ROLES,
    severity=HIGH,
    fix="Grant get, list and watch on namespaces, or name those that may be changed with resource_names.",
    sound=[
        _granting(["namespaces"], ["get", "list", "watch"]),
        _granting(["namespaces"], ["patch"], resourceNames=["serving"]),
        _granting(["namespaces/status"], ["update"]),
    ],
    unsound=[
        _granting(["namespaces"], ["get", "patch"]),
        _granting(["pods", "namespaces"], ["update"]),
        _granting(["namespaces"], ["*"]),
    ],
)
def role_relabels_no_namespaces(role: Resource) -> Verdict:
    """A role changes no namespace that it does not name.

    By its labels a namespace is held to a Pod Security level, reached by network policies and known to webhooks: who
    writes them writes these.
    """
    why = "whose labels are what Pod Security and network policies go by"
    return _none_grants(role, "", ["namespaces"], ("update", "patch"), why, named=True)


def _aggregating(*chosen: Any) -> dict[str, Any]:
    return {"metadata": {"name": "monitoring"}, "aggregationRule": {"clusterRoleSelectors": list(chosen)}}


@rule(
    "rbac-role-aggregates-named-roles-only",
    on=CLUSTER_ROLE,
    severity=CRITICAL,
    fix="Set match_labels to a label that only the roles to be taken in have.",
    sound=[
        {},
        _aggregating({"matchLabels": {"rbac.example.com/aggregate-to-monitoring": "true"}}),
        _aggregating({"matchExpressions": [{"key": "team", "operator": "In", "values": ["monitoring"]}]}),
    ],
    unsound=[
        _aggregating({}),
        _aggregating({"matchLabels": {"a": "b"}}, {"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
        _aggregating({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["x"]}]}),
        _aggregating({"matchLabels": {}}),
    ],
)
def role_aggregates_named_roles_only(role: Resource) -> Verdict:
    """A cluster role takes in the roles that its selectors name, and not whatever is there.

    One that takes in everything has cluster-admin's rights, and all that comes later.
    """

    where = "aggregationRule.clusterRoleSelectors"

    def judged(one: Properties) -> Verdict:
        def named(selector: Properties) -> Verdict:
            if selectors.names(selector):
                return Verdict()
            return violation(f"`{one.where(where)}` chooses every role; it must name a label's value")

        return one.each(where, named)

    return each_object(role, judged)
