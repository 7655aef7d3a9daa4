"""The nodes that are always there, as managed node groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.gpu_group import GpuGroup
from cluster.launch_template import LaunchTemplateArgs, launch_template
from cluster.node_labels import GPU, ROLE, SYSTEM, gpu_labels, node_template
from cluster.node_role import NodeRole
from cluster.plain_nodes import PlainNodes
from cluster.versions import Versions
from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack

AMI_TYPES: Final = {"amd64": "AL2023_x86_64", "arm64": "AL2023_ARM_64"}
ONE_BY_ONE: Final = 1
"""How many nodes of a group an update drains at a time. A drain that a PodDisruptionBudget stops fails the update; it
is never forced."""


@dataclass(frozen=True, kw_only=True)
class NodeGroupsArgs:
    stack: Stack
    cluster_name: pulumi.Input[str]
    versions: Versions
    role: NodeRole
    subnet_ids: Mapping[str, pulumi.Input[str]]
    """The private subnets, by zone."""
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    system: PlainNodes
    workload: PlainNodes
    gpu_groups: Sequence[GpuGroup]
    placement_groups: Mapping[str, pulumi.Input[str]]
    """By the name of the GPU group that has one."""
    after: Sequence[pulumi.Resource]
    """What must be there before a node can be ready: its network."""


class NodeGroups(pulumi.ComponentResource):
    """Nodes in private subnets, launched as `launch_template` says: those of the platform itself, those of workloads
    without GPU, and each GPU group's least number.

    Only what tolerates the taint parapet.dev/system=true:NoSchedule runs where the platform does, and only what
    tolerates nvidia.com/gpu=true:NoSchedule where the GPUs are: who breaks out of a workload's container is on no node
    that has the platform's pods.
    """

    def __init__(self, name: str, args: NodeGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:NodeGroups", name, None, opts)
        self._plain(name, "system", args.system, args, [{"key": SYSTEM, "value": "true", "effect": "NO_SCHEDULE"}])
        self._plain(name, "workload", args.workload, args, [])
        for group in args.gpu_groups:
            self._gpu(f"{name}-{group.name}", group, args)
        self.register_outputs({})

    def _plain(
        self,
        stack: str,
        role: str,
        nodes: PlainNodes,
        args: NodeGroupsArgs,
        taints: Sequence[aws.eks.NodeGroupTaintArgsDict],
    ) -> None:
        name = f"{stack}-{role}"
        self._group(
            name,
            args,
            self._template(name, args, None),
            ami_type=f"{AMI_TYPES[nodes.arch]}_STANDARD",
            instance_types=nodes.instance_types,
            subnet_ids=list(args.subnet_ids.values()),
            scaling_config={"min_size": nodes.min, "desired_size": nodes.min, "max_size": nodes.max},
            labels={ROLE: role},
            taints=taints,
            update_strategy="DEFAULT",
        )

    def _gpu(self, name: str, group: GpuGroup, args: NodeGroupsArgs) -> None:
        nodes = self._group(
            name,
            args,
            self._template(name, args, group),
            ami_type=f"{AMI_TYPES[group.instances[0].arch]}_NVIDIA",
            instance_types=group.instance_types,
            capacity_type="SPOT" if group.spot else "ON_DEMAND",
            subnet_ids=[args.subnet_ids[zone] for zone in group.zones or args.subnet_ids],
            # Karpenter adds what is above the least number; EKS wants room for one node at least.
            scaling_config={"min_size": group.min, "desired_size": group.min, "max_size": max(group.min, 1)},
            labels=gpu_labels(group),
            taints=[{"key": GPU, "value": "true", "effect": "NO_SCHEDULE"}],
            # The old node goes first: a reservation, a quota and many a zone have no GPU to spare (Amazon EKS User
            # Guide, "Understand each phase of node updates").
            update_strategy="MINIMAL",
        )
        scaling_group = nodes.resources[0].autoscaling_groups[0].name
        for key, value in node_template(group).items():
            aws.autoscaling.Tag(
                f"{name}-{key.partition('node-template/')[2].replace('/', '-')}",
                autoscaling_group_name=scaling_group,
                tag={"key": key, "value": value, "propagate_at_launch": False},
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _template(self, name: str, args: NodeGroupsArgs, group: GpuGroup | None) -> aws.ec2.LaunchTemplate:
        template = LaunchTemplateArgs(
            stack=args.stack,
            security_group_id=args.security_group_id,
            key_arn=args.key_arn,
            gpu_group=group,
            placement_group=args.placement_groups.get(group.name) if group else None,
        )
        return launch_template(name, template, self)

    def _group(
        self,
        name: str,
        args: NodeGroupsArgs,
        template: aws.ec2.LaunchTemplate,
        *,
        ami_type: str,
        instance_types: Sequence[str],
        subnet_ids: Sequence[pulumi.Input[str]],
        scaling_config: aws.eks.NodeGroupScalingConfigArgsDict,
        labels: Mapping[str, str],
        update_strategy: str,
        taints: Sequence[aws.eks.NodeGroupTaintArgsDict] = (),
        capacity_type: str = "ON_DEMAND",
    ) -> aws.eks.NodeGroup:
        return aws.eks.NodeGroup(
            name,
            cluster_name=args.cluster_name,
            version=args.versions.kubernetes,
            release_version=args.versions.nodes,
            node_role_arn=args.role.arn,
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            ami_type=ami_type,
            instance_types=instance_types,
            capacity_type=capacity_type,
            subnet_ids=subnet_ids,
            scaling_config=scaling_config,
            update_config={"max_unavailable": ONE_BY_ONE, "update_strategy": update_strategy},
            labels=labels,
            taints=taints or None,
            tags=data_class.tags(DataClass.CLUSTER),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.role.allowed, *args.after]),
        )


def surge(zones: int) -> int:
    """How many nodes a group without GPUs may have above its largest number while an update replaces them.

    Source: Amazon EKS User Guide, "Understand each phase of node updates", Scale up phase.
    """
    return max(2 * zones, ONE_BY_ONE)
