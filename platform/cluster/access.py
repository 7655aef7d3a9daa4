"""Who may do what in the cluster: IAM roles, by access entries, to groups; groups, by RBAC, to rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster.labels import Manifest, metadata
from cluster.namespaces import inside
from cluster.roles import RBAC, ROLES, Grant, Role
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    principals: Mapping[str, Sequence[str]]
    """ARNs of IAM roles, by the name of the role that they have here (`roles.ROLES`)."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""


class Access(pulumi.ComponentResource):
    """People come by an IAM role and get the least that their work needs; none of them can give himself more.

    No AWS-managed access policy is attached to any of them, so RBAC alone decides. An IAM role that two roles of the
    platform name is refused: EKS takes one entry a principal.
    """

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Access", name, {}, opts)
        self._name, self._owner = name, args.stack.owner
        _require_distinct(args.principals)
        for role in ROLES:
            for grant in role.grants:
                self._role(role, grant, args.namespaces)
            for arn in args.principals.get(role.name, ()):
                self._entry(args.cluster_name, role, arn)
        self.register_outputs({})

    def _role(self, role: Role, grant: Grant, namespaces: Mapping[str, pulumi.Resource]) -> None:
        """A ClusterRole, bound where it holds: in the namespaces alone, or in the whole cluster."""
        own = pulumi.ResourceOptions(parent=self)
        name, role_name = f"{self._name}-{role.name}-{grant.name}", f"parapet:{role.name}:{grant.name}"
        rules: Manifest = list(grant.rules)
        reference: Manifest = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role_name}
        subjects: Manifest = [{"apiGroup": RBAC, "kind": "Group", "name": role.group}]
        kubernetes.rbac.v1.ClusterRole(name, metadata=metadata(role_name, self._owner), rules=rules, opts=own)
        if not grant.namespaces:
            kubernetes.rbac.v1.ClusterRoleBinding(
                name, metadata=metadata(role_name, self._owner), role_ref=reference, subjects=subjects, opts=own
            )
        for namespace in grant.namespaces:
            kubernetes.rbac.v1.RoleBinding(
                f"{name}-{namespace}",
                metadata=metadata(role_name, self._owner, namespace=namespace),
                role_ref=reference,
                subjects=subjects,
                opts=inside(namespace, namespaces, self),
            )

    def _entry(self, cluster_name: pulumi.Input[str], role: Role, arn: str) -> None:
        aws.eks.AccessEntry(
            f"{self._name}-{role.name}-{arn.split(':', 5)[-1].removeprefix('role/').replace('/', '-')}",
            cluster_name=cluster_name,
            principal_arn=arn,
            kubernetes_groups=[role.group],
            type="STANDARD",
            opts=pulumi.ResourceOptions(parent=self),
        )


def _require_distinct(principals: Mapping[str, Sequence[str]]) -> None:
    every = [(arn, role) for role, arns in principals.items() for arn in arns]
    for arn, role in every:
        roles = [other for listed, other in every if listed == arn]
        if len(roles) > 1:
            raise pulumi.RunError(
                f"{arn} is listed for {' and '.join(roles)}; EKS takes one access entry for a principal. "
                f"Take it out of one list, or let people assume another IAM role for {role}."
            )
