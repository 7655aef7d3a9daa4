"""The whole cluster, made of the parts beside this file.

A module of its own: who wants a name or a list of a part does not wait for all that provisions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cluster.access import Access, AccessArgs
from cluster.add_ons import NETWORKING, SERVICES, AddOn, AddOns, AddOnsArgs
from cluster.autoscaling import Autoscaling, AutoscalingArgs
from cluster.break_glass import BreakGlass, BreakGlassArgs, BreakGlassRole
from cluster.container_logs import APPLICATION, TOPICS, container_logs
from cluster.control_plane import ControlPlane, ControlPlaneArgs
from cluster.gpu_group import GpuGroup
from cluster.gpu_metrics import GpuMetrics, GpuMetricsArgs
from cluster.gpu_software import GpuSharing, GpuSoftware, GpuSoftwareArgs
from cluster.guardrails import Guardrails, GuardrailsArgs
from cluster.mesh import Mesh, MeshArgs
from cluster.monitor import Monitor, MonitorArgs
from cluster.namespaces import Namespace, Namespaces, NamespacesArgs
from cluster.node_groups import NodeGroups, NodeGroupsArgs
from cluster.node_role import NodeRole
from cluster.operators_host import OperatorsHost, OperatorsHostArgs
from cluster.plain_nodes import PlainNodes
from cluster.rollouts import Rollouts, RolloutsArgs
from cluster.security_groups import SecurityGroups, SecurityGroupsArgs
from cluster.service_range import service_range
from cluster.sessions import Sessions, SessionsArgs
from cluster.storage_class import default_storage_class
from cluster.versions import VERSIONS
from cluster.workspace import Workspace
from cluster.zones import within
from foundation.data_class import DataClass
from foundation.foundation import Foundation
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    stack: Stack
    foundation: Foundation
    kubernetes: Callable[[ControlPlane, Sequence[pulumi.Resource]], k8s.Provider]
    """What reaches the API of the control plane, once there is one and the resources given here are there."""
    version: str
    """Of Kubernetes, one of `versions.VERSIONS`."""
    administrators: Sequence[str]
    """ARNs of the IAM roles that may do everything in the cluster."""
    public_cidrs: Sequence[IPv4Network]
    api_client_cidrs: Sequence[IPv4Network]
    """Ranges outside the VPC from which the private API is reached."""
    api_client_security_groups: Sequence[str]
    """Groups whose members reach the private API."""
    operators_host: bool
    """Whether there is an instance through which operators reach the private API."""
    session_preferences: bool
    """Whether the stack's session document is that of the account's Region."""
    vpc_cidr: IPv4Network
    egress: bool
    provider_cidrs: Sequence[IPv4Network]
    """Where identity providers are: both of these."""
    sign_on_cidrs: Sequence[IPv4Network]
    """Where MLflow's server reaches the identity provider of its people."""
    token_key_cidrs: Sequence[IPv4Network]
    predictors: int
    """Pods of the stack's models, at most."""
    """Where models reach the one of their callers."""
    pipelines: bool
    """Whether Kubeflow Pipelines runs there."""
    plain_nodes: Mapping[str, PlainNodes]
    """By what runs there: `system` and `workload`."""
    gpu_groups: Sequence[GpuGroup]
    principals: Mapping[str, Sequence[str]]
    """ARNs of the IAM roles that come into the cluster, by the name of their role there (`roles.ROLES`)."""
    break_glass: Sequence[BreakGlass]
    """Who may read for an hour what workloads wrote; of one grant or none."""
    workspaces: Sequence[Workspace]
    client_cidrs: Sequence[IPv4Network]
    """Ranges outside the VPC, such as the hospital's own, from which users come to the gateway."""
    pod_identity: bool
    """Whether EKS gives pods their accounts' credentials."""
    webhooks: bool
    """Whether the API server can call what runs in the cluster, as it can on EKS."""
    gateway_address: str = ""
    """Where the mesh's gateway listens, where it is a process of the local machine."""


class Cluster(pulumi.ComponentResource):
    """A cluster that nothing reaches from outside, whose nodes nobody logs into, and whose GPUs come and go with work.

    `name` is the cluster's own, and begins the name of every resource.
    """

    control_plane: ControlPlane
    node_role: NodeRole
    kubernetes: k8s.Provider
    """What reaches the cluster's API."""
    nodes_security_group_id: pulumi.Output[str]
    """The group of the nodes, and of their pods."""
    operators_policy_arn: pulumi.Output[str]
    """The policy for the role of the operators who come by the host; empty where there is none."""
    administrators: Sequence[str]
    """ARNs of the IAM roles that may do everything there."""
    workspaces: Sequence[Workspace]
    break_glass_role_arn: pulumi.Output[str]
    """The role that is taken to read what workloads wrote; empty where there is none."""
    application_log: pulumi.Output[str]
    """The log group of what containers write."""
    domain: str
    """Whose host names lead to the mesh's gateway."""
    ready: list[pulumi.Resource]
    """What workloads stand on: namespaces, guardrails, nodes with their agents, the mesh."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Cluster", name, {"version": args.version}, opts)
        own = pulumi.ResourceOptions(parent=self)
        foundation, versions = args.foundation, VERSIONS[args.version]
        account, network, key_arn = args.stack.account, foundation.network, foundation.keys.arns[DataClass.CLUSTER]
        subnet_ids = dict(zip(account.zones, network.private_subnet_ids, strict=True))
        groups = within(args.gpu_groups, account.zones)
        security_groups = SecurityGroups(
            name,
            SecurityGroupsArgs(
                vpc_id=network.vpc_id,
                vpc_cidr=str(args.vpc_cidr),
                gateway_prefix_list_ids=network.gateway_prefix_list_ids,
                api_client_cidrs=list(map(str, args.api_client_cidrs)),
                api_client_security_groups=args.api_client_security_groups,
                egress=args.egress,
                provider_cidrs=list(map(str, args.provider_cidrs)),
            ),
            own,
        )
        self.control_plane = control_plane = ControlPlane(
            name,
            ControlPlaneArgs(
                stack=args.stack,
                version=args.version,
                subnet_ids=network.private_subnet_ids,
                security_group_id=security_groups.control_plane_id,
                service_cidr=service_range(args.vpc_cidr),
                public_cidrs=args.public_cidrs,
                administrators=args.administrators,
                key_arn=key_arn,
                logs_key_arn=foundation.keys.arns[DataClass.LOGS],
            ),
            own,
        )
        self.nodes_security_group_id = security_groups.nodes_id
        self.domain, self.administrators, self.workspaces = args.foundation.domain, args.administrators, args.workspaces
        self.break_glass_role_arn = self._break_glass(f"{name}-break-glass", args)
        # An access entry takes some seconds to spread (Amazon EKS User Guide, "Create access entries"). Until then the
        # API answers 401, which the Kubernetes provider takes for a cluster that cannot be reached, and does not ask
        # again. EKS takes longer for an add-on: nothing speaks to the API before those that came after the entries.
        networking = self._add_ons(f"{name}-networking", NETWORKING, args, control_plane.administered)
        self.node_role = NodeRole(name, args.stack, own)
        sessions = self._sessions(name, args, security_groups)
        # Through the host and the VPC's endpoints operators reach the API: nothing is made in the cluster before these
        # are there, and when all is taken away they go after it.
        self.kubernetes = args.kubernetes(control_plane, [*networking.made, network, *sessions])
        in_cluster = pulumi.ResourceOptions(parent=self, providers=[self.kubernetes])
        namespaces = Namespaces(name, NamespacesArgs(stack=args.stack, workspaces=_spaces(args)), in_cluster)
        guardrails = self._guard(name, args, groups, namespaces, in_cluster)
        placement_groups = {
            group.name: aws.ec2.PlacementGroup(f"{name}-{group.name}", strategy="cluster", opts=own).name
            for group in groups
            if group.efa
        }
        nodes = NodeGroups(
            name,
            NodeGroupsArgs(
                stack=args.stack,
                cluster_name=control_plane.cluster_name,
                versions=versions,
                role=self.node_role,
                subnet_ids=subnet_ids,
                security_group_id=security_groups.nodes_id,
                key_arn=key_arn,
                system=args.plain_nodes["system"],
                workload=args.plain_nodes["workload"],
                gpu_groups=groups,
                placement_groups=placement_groups,
                # A pod that starts before its policies is closed in by the strict mode, and a node's first pods start
                # with it. Without a way to AWS's services a node waits in vain, and its group fails after half an hour.
                after=[*networking.made, guardrails, network, security_groups, *sessions],
            ),
            own,
        )
        logs = container_logs(args.stack, key_arn=foundation.keys.arns[DataClass.LOGS], parent=self)
        self.application_log = logs[TOPICS.index(APPLICATION)].name
        services = self._add_ons(f"{name}-services", SERVICES, args, [*logs, nodes])
        default_storage_class(name, args.stack.owner, key_arn, in_cluster)
        mesh = self._software(name, args, groups, [namespaces, nodes], in_cluster)
        # They wait for the nodes, which wait for the guardrails, which wait for the namespaces.
        rollouts = Rollouts(
            name,
            RolloutsArgs(
                stack=args.stack,
                chart_passwords=foundation.registry.passwords,
                namespaces=namespaces.made,
                after=[nodes, mesh],
            ),
            in_cluster,
        )
        self.ready = [services, mesh, rollouts]
        growing = [group for group in groups if group.growth]
        if growing:
            Autoscaling(
                name,
                AutoscalingArgs(
                    stack=args.stack,
                    chart_passwords=args.foundation.registry.passwords,
                    cluster_name=control_plane.cluster_name,
                    cluster_arn=control_plane.arn,
                    cluster_endpoint=control_plane.endpoint,
                    versions=versions,
                    node_role=self.node_role,
                    subnet_ids=subnet_ids,
                    security_group_id=security_groups.nodes_id,
                    closed_group_id=network.closed_group_id,
                    key_arn=key_arn,
                    groups=growing,
                    placement_groups=placement_groups,
                    perimeter=network.perimeter,
                    after=[namespaces, nodes, services],
                ),
                in_cluster,
            )
        self.register_outputs({"name": control_plane.cluster_name, "endpoint": control_plane.endpoint})

    def _sessions(self, name: str, args: ClusterArgs, security_groups: SecurityGroups) -> list[pulumi.Resource]:
        """How people get onto an instance, and through one to the API."""
        own, network, keys = pulumi.ResourceOptions(parent=self), args.foundation.network, args.foundation.keys.arns
        sessions = Sessions(
            name,
            SessionsArgs(
                stack=args.stack,
                preferences=args.session_preferences,
                key_arn=keys[DataClass.CLUSTER],
                logs_key_arn=keys[DataClass.LOGS],
                perimeter=network.perimeter,
            ),
            own,
        )
        sessions.on("node", self.node_role.name)
        made: list[pulumi.Resource] = [sessions]
        self.operators_policy_arn = pulumi.Output.from_input("")
        if args.operators_host:
            host = OperatorsHost(
                name,
                OperatorsHostArgs(
                    stack=args.stack,
                    vpc_id=network.vpc_id,
                    vpc_cidr=str(args.vpc_cidr),
                    subnet_ids=network.private_subnet_ids,
                    control_plane_security_group_id=security_groups.control_plane_id,
                    cluster_arn=self.control_plane.arn,
                    api_endpoint=self.control_plane.endpoint,
                    key_arn=keys[DataClass.CLUSTER],
                    sessions=sessions,
                ),
                own,
            )
            self.operators_policy_arn = host.policy_arn
            made.append(host)
        return made

    def _break_glass(self, name: str, args: ClusterArgs) -> pulumi.Output[str]:
        if not args.break_glass:
            return pulumi.Output.from_input("")
        (settings,) = args.break_glass
        role_args = BreakGlassArgs(
            stack=args.stack,
            cluster_name=self.control_plane.cluster_name,
            audit_log=self.control_plane.log_name,
            logs_key_arn=args.foundation.keys.arns[DataClass.LOGS],
            settings=settings,
        )
        return BreakGlassRole(name, role_args, pulumi.ResourceOptions(parent=self)).role_arn

    def _guard(
        self,
        name: str,
        args: ClusterArgs,
        groups: Sequence[GpuGroup],
        namespaces: Namespaces,
        opts: pulumi.ResourceOptions,
    ) -> Guardrails:
        """Who may come in, and what holds for everybody who did."""
        Access(
            name,
            AccessArgs(
                stack=args.stack,
                cluster_name=self.control_plane.cluster_name,
                principals=args.principals,
                namespaces=namespaces.made,
                workspaces=args.workspaces,
            ),
            opts,
        )
        Monitor(
            f"{name}-monitor", MonitorArgs(stack=args.stack, namespaces=namespaces.made, workspaces=_spaces(args)), opts
        )
        return Guardrails(
            name,
            GuardrailsArgs(
                stack=args.stack,
                vpc_cidr=str(args.vpc_cidr),
                service_cidr=service_range(args.vpc_cidr),
                gateway_endpoint_cidrs=args.foundation.network.gateway_cidrs,
                client_cidrs=list(map(str, args.client_cidrs)),
                sign_on_cidrs=list(map(str, args.sign_on_cidrs)),
                token_key_cidrs=list(map(str, args.token_key_cidrs)),
                pipelines=args.pipelines,
                domain=args.foundation.domain,
                webhooks=args.webhooks,
                pod_identity=args.pod_identity,
                gpus=sum(group.max * group.schedulable_gpus for group in groups),
                predictors=args.predictors,
                namespaces=namespaces.made,
                workspaces=_spaces(args),
            ),
            opts,
        )

    def _software(
        self,
        name: str,
        args: ClusterArgs,
        groups: Sequence[GpuGroup],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> Mesh:
        """What every workload finds there: GPUs that can be asked for, and a mesh."""
        if groups:
            GpuSoftware(
                name,
                GpuSoftwareArgs(
                    stack=args.stack,
                    chart_passwords=args.foundation.registry.passwords,
                    sharing=[
                        GpuSharing(group=each.name, time_slices=each.time_slices, mig=bool(each.mig_profile))
                        for each in groups
                    ],
                    after=after,
                ),
                opts,
            )
            GpuMetrics(name, GpuMetricsArgs(stack=args.stack, after=after), opts)
        return Mesh(
            name,
            MeshArgs(
                stack=args.stack,
                chart_passwords=args.foundation.registry.passwords,
                certificate_arn=args.foundation.certificate.arn,
                vpc_cidr=str(args.vpc_cidr),
                client_cidrs=list(map(str, args.client_cidrs)),
                domain=args.foundation.domain,
                zone_id=args.foundation.network.zone_id,
                reachable=args.webhooks,
                gateway_address=args.gateway_address,
                after=after,
                workspaces=_spaces(args),
            ),
            opts,
        )

    def _add_ons(
        self, name: str, which: Sequence[AddOn], args: ClusterArgs, after: Sequence[pulumi.Resource]
    ) -> AddOns:
        return AddOns(
            name,
            AddOnsArgs(
                stack=args.stack,
                cluster_name=self.control_plane.cluster_name,
                cluster_arn=self.control_plane.arn,
                versions=VERSIONS[args.version],
                add_ons=which,
                key_arn=args.foundation.keys.arns[DataClass.CLUSTER],
                perimeter=args.foundation.network.perimeter,
                after=after,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def _spaces(args: ClusterArgs) -> list[Namespace]:
    return [each.namespace for each in args.workspaces]
