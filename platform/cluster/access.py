"""Who may do what in the cluster: IAM roles, by access entries, to groups; groups, by RBAC, to rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster.labels import Manifest, metadata
from cluster.namespaces import inside
from cluster.roles import RBAC, ROLES, WORKSPACE, Grant
from cluster.workspace import Workspace
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    principals: Mapping[str, Sequence[str]]
    """ARNs of IAM roles, by the name of the role that they have here (`roles.ROLES`)."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    workspaces: Sequence[Workspace] = ()


@dataclass(frozen=True)
class _Granted:
    """A ClusterRole: rules that hold where they are bound."""

    resource: str
    name: str

    @property
    def reference(self) -> Manifest:
        return {"apiGroup": RBAC, "kind": "ClusterRole", "name": self.name}


class Access(pulumi.ComponentResource):
    """People come by an IAM role and get the least that their work needs; none of them can give himself more.

    No AWS-managed access policy is attached to any of them, so RBAC alone decides. An IAM role that two roles of the
    platform name is refused: EKS takes one entry a principal. The entry of one that has workspaces names their groups
    too.
    """

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Access", name, {}, opts)
        self._name, self._owner, self._namespaces = name, args.stack.owner, args.namespaces
        _require_distinct(args.principals)
        own = {arn: [each.group for each in args.workspaces if arn in each.people] for arn in _people(args.workspaces)}
        for role in ROLES:
            for grant in role.grants:
                granted = self._grant(role.name, grant)
                if grant.namespaces:
                    spaces = [each.name for each in args.workspaces if grant.workspaces]
                    for namespace in (*grant.namespaces, *spaces):
                        self._bind(granted, namespace, role.group)
                else:
                    self._bind_everywhere(granted, [role.group])
            for arn in args.principals.get(role.name, ()):
                self._entry(args.cluster_name, arn, [role.group, *own.pop(arn, ())])
        if args.workspaces:
            everywhere, work = (self._grant("workspace", grant) for grant in WORKSPACE)
            self._bind_everywhere(everywhere, [each.group for each in args.workspaces])
            for each in args.workspaces:
                self._bind(work, each.name, each.group)
        for arn, groups in own.items():
            self._entry(args.cluster_name, arn, groups)
        self.register_outputs({})

    def _grant(self, whose: str, grant: Grant) -> _Granted:
        granted = _Granted(f"{self._name}-{whose}-{grant.name}", f"parapet:{whose}:{grant.name}")
        kubernetes.rbac.v1.ClusterRole(
            granted.resource,
            metadata=metadata(granted.name, self._owner),
            rules=list(grant.rules),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return granted

    def _bind(self, granted: _Granted, namespace: str, group: str) -> None:
        kubernetes.rbac.v1.RoleBinding(
            f"{granted.resource}-{namespace}",
            metadata=metadata(granted.name, self._owner, namespace=namespace),
            role_ref=granted.reference,
            subjects=_groups([group]),
            opts=inside(namespace, self._namespaces, self),
        )

    def _bind_everywhere(self, granted: _Granted, groups: Sequence[str]) -> None:
        kubernetes.rbac.v1.ClusterRoleBinding(
            granted.resource,
            metadata=metadata(granted.name, self._owner),
            role_ref=granted.reference,
            subjects=_groups(groups),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _entry(self, cluster_name: pulumi.Input[str], arn: str, groups: Sequence[str]) -> None:
        # By whom alone: somebody whose role changes keeps his entry. A second of one principal is refused by EKS, and
        # the engine makes before it deletes. Before, the name had the role in it.
        who = arn.split(":", 5)[-1].removeprefix("role/").replace("/", "-")
        before = (*(each.name for each in ROLES), "workspace")
        aws.eks.AccessEntry(
            f"{self._name}-{who}",
            cluster_name=cluster_name,
            principal_arn=arn,
            kubernetes_groups=list(groups),
            type="STANDARD",
            opts=pulumi.ResourceOptions(
                parent=self, aliases=[pulumi.Alias(name=f"{self._name}-{each}-{who}") for each in before]
            ),
        )


def _groups(names: Sequence[str]) -> Manifest:
    return [{"apiGroup": RBAC, "kind": "Group", "name": each} for each in names]


def _people(workspaces: Sequence[Workspace]) -> list[str]:
    """All who have a workspace, each once."""
    return list(dict.fromkeys(arn for each in workspaces for arn in each.people))


def _require_distinct(principals: Mapping[str, Sequence[str]]) -> None:
    every = [(arn, role) for role, arns in principals.items() for arn in arns]
    for arn, role in every:
        roles = [other for listed, other in every if listed == arn]
        if len(roles) > 1:
            raise pulumi.RunError(
                f"{arn} is listed for {' and '.join(roles)}; EKS takes one access entry for a principal. "
                f"Take it out of one list, or let people assume another IAM role for {role}."
            )
