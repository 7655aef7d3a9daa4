"""Who talks to whom between the control plane and the nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

import pulumi
import pulumi_aws as aws

KUBELET: Final = 10250
WEBHOOKS: Final = {
    443: "services that extend the Kubernetes API",
    9443: "webhooks of operators",
    10251: "metrics-server",
    15017: "webhooks of Istio",
}
"""What the control plane calls on nodes besides their kubelets, by port."""


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    gateway_prefix_list_ids: Sequence[pulumi.Input[str]]
    """S3 and DynamoDB, as their gateway endpoints know them."""
    api_client_cidrs: Sequence[str]
    """Ranges from which people and runners reach the Kubernetes API."""
    api_client_security_groups: Sequence[str]
    """Groups whose members do so too."""
    provider_cidrs: Sequence[str] = ()
    """Where identity providers are."""
    egress: bool
    """Whether the network has a way out to the internet."""


class SecurityGroups(pulumi.ComponentResource):
    """Two groups: the control plane reaches the nodes on the ports it needs, and nothing from outside reaches a node.

    The Kubernetes API answers nodes, and those clients that are listed.
    Nodes reach one another on all ports, since pods have the node's group: what one pod may say to another is decided
    by NetworkPolicies. Outwards they reach AWS's services, through endpoints, and names; with egress, HTTPS anywhere.
    """

    control_plane_id: pulumi.Output[str]
    nodes_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:SecurityGroups", name, {"egress": args.egress}, opts)
        self._name = name
        self.control_plane_id = self._group("control-plane", "The Kubernetes control plane", args)
        self.nodes_id = self._group("nodes", "Kubernetes nodes and their pods", args)
        self._to_api("nodes", "nodes and pods", group=self.nodes_id)
        for cidr in args.api_client_cidrs:
            self._to_api(cidr.replace("/", "-"), "clients outside of the VPC", cidr=cidr)
        for group in args.api_client_security_groups:
            self._to_api(group, "clients with this group", group=group)
        for port, what in {KUBELET: "kubelets", **WEBHOOKS}.items():
            self._to_nodes(port, what)
        self._between_nodes()
        self._out("https-within", "HTTPS to the interface endpoints and the Kubernetes API", 443, cidr=args.vpc_cidr)
        for protocol in ("tcp", "udp"):
            self._out(f"dns-{protocol}", "Names", 53, protocol=protocol, cidr=args.vpc_cidr)
        for index, prefix_list in enumerate(args.gateway_prefix_list_ids):
            self._out(f"gateway-{index}", "HTTPS to a gateway endpoint", 443, prefix_list=prefix_list)
        if args.egress:
            self._out("https-anywhere", "HTTPS to the internet", 443, cidr="0.0.0.0/0")
        else:
            within = IPv4Network(args.vpc_cidr)  # which is let out already
            for cidr in (each for each in args.provider_cidrs if not IPv4Network(each).subnet_of(within)):
                self._out(f"sign-on-{cidr.replace('/', '-')}", "HTTPS to the identity provider", 443, cidr=cidr)
        self.register_outputs({"controlPlaneId": self.control_plane_id, "nodesId": self.nodes_id})

    def _group(self, which: str, description: str, args: SecurityGroupsArgs) -> pulumi.Output[str]:
        name = f"{self._name}-{which}"
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=args.vpc_id,
            description=description,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        return group.id

    def _to_api(
        self, which: str, whom: str, *, group: pulumi.Input[str] | None = None, cidr: str | None = None
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-from-{which}",
            security_group_id=self.control_plane_id,
            referenced_security_group_id=group,
            cidr_ipv4=cidr,
            description=f"The Kubernetes API to {whom}",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _to_nodes(self, port: int, what: str) -> None:
        own = pulumi.ResourceOptions(parent=self)
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-to-nodes-{port}",
            security_group_id=self.control_plane_id,
            referenced_security_group_id=self.nodes_id,
            description=f"To {what}",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-to-nodes-{port}",
            security_group_id=self.nodes_id,
            referenced_security_group_id=self.control_plane_id,
            description=f"From the control plane to {what}",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=own,
        )

    def _between_nodes(self) -> None:
        # Elastic Fabric Adapters work only where a group lets everything pass to and from itself (Amazon EC2 User
        # Guide, "Get started with EFA and NCCL").
        own = pulumi.ResourceOptions(parent=self)
        for rule in (aws.vpc.SecurityGroupIngressRule, aws.vpc.SecurityGroupEgressRule):
            rule(
                f"{self._name}-between-nodes",
                security_group_id=self.nodes_id,
                referenced_security_group_id=self.nodes_id,
                description="Between nodes and pods, within what NetworkPolicies allow",
                ip_protocol="-1",
                opts=own,
            )

    def _out(
        self,
        which: str,
        description: str,
        port: int,
        *,
        protocol: str = "tcp",
        cidr: str | None = None,
        prefix_list: pulumi.Input[str] | None = None,
    ) -> None:
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-{which}",
            security_group_id=self.nodes_id,
            description=description,
            cidr_ipv4=cidr,
            prefix_list_id=prefix_list,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            opts=pulumi.ResourceOptions(parent=self),
        )
