"""The way out to the internet, for a stack that asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

ANYWHERE: Final = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class EgressArgs:
    vpc_id: pulumi.Input[str]
    zones: Sequence[str]
    public_cidrs: Sequence[str]
    """The public subnets' ranges, one a zone."""
    private_route_table_ids: Sequence[pulumi.Input[str]]
    """The tables that get the way out, one a zone."""


class Egress(pulumi.ComponentResource):
    """A NAT gateway in each zone: connections go out, none come in, and a zone's failure stays its own."""

    def __init__(self, name: str, args: EgressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Egress", name, {"publicCidrs": args.public_cidrs}, opts)
        own = pulumi.ResourceOptions(parent=self)
        gateway = aws.ec2.InternetGateway(name, vpc_id=args.vpc_id, tags={"Name": name}, opts=own)
        public = aws.ec2.RouteTable(f"{name}-public", vpc_id=args.vpc_id, tags={"Name": f"{name}-public"}, opts=own)
        aws.ec2.Route(
            f"{name}-public",
            route_table_id=public.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=own,
        )
        per_zone = zip(args.zones, args.public_cidrs, args.private_route_table_ids, strict=True)
        for zone, cidr, private_route_table_id in per_zone:
            self._nat(f"{name}-{zone}", args.vpc_id, zone, cidr, public, private_route_table_id, gateway)
        self.register_outputs({})

    def _nat(
        self,
        name: str,
        vpc_id: pulumi.Input[str],
        zone: str,
        cidr: str,
        public: aws.ec2.RouteTable,
        private_route_table_id: pulumi.Input[str],
        gateway: aws.ec2.InternetGateway,
    ) -> None:
        own = pulumi.ResourceOptions(parent=self)
        # Nothing but the NAT gateway belongs here, so no instance gets a public address by default.
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={"Name": name},
            opts=own,
        )
        aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=public.id, opts=own)
        # AWS wants the internet gateway attached before an address or a NAT gateway uses it.
        attached = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
        address = aws.ec2.Eip(name, domain="vpc", tags={"Name": name}, opts=attached)
        nat = aws.ec2.NatGateway(
            name, subnet_id=subnet.id, allocation_id=address.id, tags={"Name": name}, opts=attached
        )
        aws.ec2.Route(
            name,
            route_table_id=private_route_table_id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=nat.id,
            opts=own,
        )
