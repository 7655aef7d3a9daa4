"""The VPC endpoints: AWS's services without the internet."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from foundation.network.endpoint_policies import GATEWAYS, endpoint_policy
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    """Where the interface endpoints are, one subnet a zone."""
    route_table_ids: Sequence[pulumi.Input[str]]
    """Which tables lead to the gateway endpoints."""
    services: Sequence[str]
    """Interface endpoints, of `endpoint_policies.IAM_PREFIXES`."""


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoints for S3 and DynamoDB and interface endpoints for the services asked for.

    Each lets through only this account's principals on this account's resources; the interface endpoints answer
    HTTPS from within the VPC alone.
    """

    gateway_prefix_list_ids: list[pulumi.Output[str]]
    """What a security group names to let traffic out to S3 and DynamoDB, and to nothing else."""
    gateway_cidrs: list[pulumi.Output[Sequence[str]]]
    """The same, where only ranges will do, as in a NetworkPolicy: AWS's prefix lists as they are in this run
    (docs/decisions/0008)."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Endpoints", name, {"services": args.services}, opts)
        own = pulumi.ResourceOptions(parent=self)
        gateways = [
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                vpc_endpoint_type="Gateway",
                service_name=f"com.amazonaws.{args.stack.account.region}.{service}",
                route_table_ids=args.route_table_ids,
                policy=endpoint_policy(service, args.stack.account),
                tags={"Name": f"{name}-{service}"},
                opts=own,
            )
            for service in GATEWAYS
        ]
        self.gateway_prefix_list_ids = [gateway.prefix_list_id for gateway in gateways]
        # What the endpoint itself tells of them is as old as the endpoint.
        self.gateway_cidrs = [
            aws.ec2.get_prefix_list_output(
                prefix_list_id=gateway.prefix_list_id, opts=pulumi.InvokeOutputOptions(parent=self)
            ).cidr_blocks
            for gateway in gateways
        ]
        if args.services:
            self._interface_endpoints(name, args)
        self.register_outputs({"gatewayPrefixListIds": self.gateway_prefix_list_ids})

    def _interface_endpoints(self, name: str, args: EndpointsArgs) -> None:
        own = pulumi.ResourceOptions(parent=self)
        # No rule lets traffic out: an endpoint answers and never asks.
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=args.vpc_id,
            description="HTTPS from within the VPC to the interface endpoints",
            tags={"Name": name},
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            description="HTTPS from within the VPC",
            cidr_ipv4=args.vpc_cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=own,
        )
        for service in args.services:
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{args.stack.account.region}.{service}",
                subnet_ids=args.subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                policy=endpoint_policy(service, args.stack.account),
                tags={"Name": f"{name}-{service}"},
                opts=own,
            )
