"""Nodes that come and go with the work: Karpenter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from cluster import images
from cluster import namespaces as ns
from cluster.autoscaling.controller_policy import Surroundings, over_nodes, over_surroundings
from cluster.autoscaling.interruptions import Interruptions
from cluster.autoscaling.node_class import NodeClassArgs, node_class
from cluster.autoscaling.node_pool import node_pool, shares, weights
from cluster.chart import chart
from cluster.gpu_group import GpuGroup
from cluster.labels import labels
from cluster.node_labels import ON_SYSTEM_NODES
from cluster.node_role import NodeRole
from cluster.pod_identity import PodRole, PodRoleArgs
from cluster.versions import Versions
from foundation.data_class import NO_DATA
from foundation.network.perimeter import Perimeter
from foundation.stack import Stack

__all__ = ["Autoscaling", "AutoscalingArgs"]

SERVICE_ACCOUNT: Final = "karpenter"
UNTIL_ENDED: Final = "60m"
"""How long a deletion waits for a pool's nodes: they are drained, and a large instance alone may take ten minutes to
end, after which the provider gives up else."""
CONTROLLER_RESOURCES: Final = {"cpu": "1", "memory": "1Gi"}


@dataclass(frozen=True, kw_only=True)
class AutoscalingArgs:
    stack: Stack
    chart_passwords: Mapping[str, pulumi.Input[str]]
    """What opens the stack's registry for its charts."""
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    cluster_endpoint: pulumi.Input[str]
    versions: Versions
    node_role: NodeRole
    subnet_ids: Mapping[str, pulumi.Input[str]]
    """The private subnets, by zone."""
    security_group_id: pulumi.Input[str]
    closed_group_id: pulumi.Input[str]
    """The VPC's default security group, which lets nothing through."""
    key_arn: pulumi.Input[str]
    """The key of the cluster class."""
    groups: Sequence[GpuGroup]
    """Those that grow, one at least."""
    placement_groups: Mapping[str, pulumi.Input[str]]
    """By the name of the GPU group that has one."""
    perimeter: Perimeter
    after: Sequence[pulumi.Resource]
    """The namespace of the controller, nodes for it to run on, and the names that it asks for."""


class Autoscaling(pulumi.ComponentResource):
    """Karpenter, which may launch and end the nodes of its own pools in this cluster, and no other instance.

    Each GPU group grows from its least number of nodes to its largest, and no further. Nodes are replaced for patches
    in a weekly window, and a training job that says it must not be disrupted has a week from then to end.
    """

    def __init__(self, name: str, args: AutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"version": images.KARPENTER_VERSION, "groups": [each.name for each in args.groups]}
        super().__init__("parapet:cluster:Autoscaling", name, inputs, opts)
        own = pulumi.ResourceOptions(parent=self)
        interruptions = Interruptions(f"{name}-interruptions", args.stack, own)
        role = self._role(f"{name}-karpenter", args, interruptions)
        association = aws.eks.PodIdentityAssociation(
            f"{name}-karpenter",
            cluster_name=args.cluster_name,
            namespace=ns.KARPENTER.name,
            service_account=SERVICE_ACCOUNT,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=role.allowed),
        )
        controller = self._controller(name, args, interruptions, [association, *args.after])
        weight = weights(args.groups)
        for group in args.groups:
            self._pool(f"{name}-{group.name}", group, args, weight[group.name], controller)
        self.register_outputs({})

    def _role(self, name: str, args: AutoscalingArgs, interruptions: Interruptions) -> PodRole:
        account, pools = args.stack.account, [group.name for group in args.groups]
        # Known in a preview, as the keys of conditions must be.
        cluster = args.stack.name
        return PodRole(
            name,
            PodRoleArgs(
                stack=args.stack,
                cluster_arn=args.cluster_arn,
                description="Lets Karpenter launch and end the nodes of its own pools.",
                policies={
                    "nodes": over_nodes(account, cluster, pools, self._surroundings(args)),
                    "surroundings": [
                        *over_surroundings(
                            account,
                            cluster,
                            node_role_arn=args.node_role.arn,
                            queue_arn=interruptions.queue_arn,
                            key_arn=args.key_arn,
                        ),
                        args.perimeter.only_from_within(),
                    ],
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )

    @staticmethod
    def _surroundings(args: AutoscalingArgs) -> Surroundings:
        zones = {zone for group in args.groups for zone in group.zones or args.subnet_ids}
        return Surroundings(
            subnet_ids=[subnet_id for zone, subnet_id in args.subnet_ids.items() if zone in zones],
            security_group_ids=[args.security_group_id, args.closed_group_id],
            placement_groups=[
                args.placement_groups[group.name] for group in args.groups if group.name in args.placement_groups
            ],
            reservations=sorted({group.reservation for group in args.groups if group.reservation}),
        )

    def _controller(
        self, name: str, args: AutoscalingArgs, interruptions: Interruptions, after: Sequence[pulumi.Resource]
    ) -> k8s.helm.v4.Chart:
        # Helm takes a chart's own definitions once and never again, so they come from the chart that is made for it
        # (Karpenter, "Upgrade Guide", CRD Upgrades).
        definitions = self._chart(name, "karpenter-crd", images.KARPENTER_CRD_CHART, args, {}, after)
        repository, tag, digest = images.in_parts(args.stack.image(images.KARPENTER))
        values = {
            **ON_SYSTEM_NODES,
            "replicas": 2,
            "podLabels": labels(args.stack.owner, NO_DATA),
            "serviceAccount": {"name": SERVICE_ACCOUNT},
            "settings": {
                "clusterName": args.cluster_name,
                "clusterEndpoint": args.cluster_endpoint,
                "interruptionQueue": interruptions.queue_name,
                # Prices and IAM have no endpoint in a VPC, and no way out is for it: with another answer here the
                # controller waits for both, and without IAM deletes no class.
                "isolatedVPC": True,
                "eksControlPlane": True,
                "featureGates": {"nodeOverlay": any(group.shared for group in args.groups)},
            },
            "controller": {
                "image": {"repository": repository, "tag": tag, "digest": digest},
                # Else it asks the instance, which answers no pod.
                "env": [{"name": "AWS_REGION", "value": args.stack.account.region}],
                # As much memory as it may have, or it would be among the first that a node throws out.
                "resources": {"requests": CONTROLLER_RESOURCES, "limits": CONTROLLER_RESOURCES},
            },
        }
        return self._chart(name, "karpenter", images.KARPENTER_CHART, args, values, [definitions, *after])

    def _chart(
        self,
        name: str,
        release: str,
        tagged: str,
        args: AutoscalingArgs,
        values: Mapping[str, Any],
        after: Sequence[pulumi.Resource],
    ) -> k8s.helm.v4.Chart:
        return chart(
            f"{name}-{release}",
            release,
            chart=tagged,
            stack=args.stack,
            passwords=args.chart_passwords,
            namespace=ns.KARPENTER.name,
            values=values,
            skip_crds=True,
            parent=self,
            depends_on=after,
        )

    def _pool(
        self, name: str, group: GpuGroup, args: AutoscalingArgs, weight: int, controller: pulumi.Resource
    ) -> None:
        def after(*made: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(
                parent=self, depends_on=[controller, *made], custom_timeouts=pulumi.CustomTimeouts(delete=UNTIL_ENDED)
            )

        spec = NodeClassArgs(
            stack=args.stack,
            versions=args.versions,
            instance_profile=args.node_role.instance_profile,
            subnet_ids=[args.subnet_ids[zone] for zone in group.zones or args.subnet_ids],
            security_group_id=args.security_group_id,
            key_arn=args.key_arn,
            placement_group=args.placement_groups.get(group.name),
        )
        known = [k8s.apiextensions.CustomResource(f"{name}-class", **node_class(group, spec), opts=after())]
        if group.shared:
            told = shares(group, args.stack.owner)
            known.append(k8s.apiextensions.CustomResource(f"{name}-shares", **told, opts=after()))
        pool = node_pool(group, args.stack.owner, list(group.zones or args.subnet_ids), weight)
        k8s.apiextensions.CustomResource(f"{name}-pool", **pool, opts=after(*known))
