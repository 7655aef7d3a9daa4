"""The network of the platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.network.dns_firewall import DnsFirewall, DnsFirewallArgs
from foundation.network.egress import Egress, EgressArgs
from foundation.network.endpoints import Endpoints, EndpointsArgs
from foundation.network.flow_logs import FlowLogs
from foundation.network.names import answered
from foundation.network.perimeter import Perimeter
from foundation.network.query_logs import QueryLogs
from foundation.network.site import Site, SiteConnection, SiteConnectionArgs, vpn_gateway
from foundation.network.subnets import divide
from foundation.network.vpc_logs import VpcLogsArgs
from foundation.stack import Stack

__all__ = ["Network", "NetworkArgs"]

INTERNAL_LOAD_BALANCERS: Final = {"kubernetes.io/role/internal-elb": "1"}
"""Where EKS puts an internal load balancer: in each zone the subnet with this tag, and where none has it the one whose
id sorts first, which might be a database's (cloud-provider-aws, `findELBSubnets`)."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    stack: Stack
    cidr: IPv4Network
    egress: bool
    """Whether the private subnets reach the internet. The isolated ones never do."""
    interface_endpoints: Sequence[str]
    domain: str
    """Whose names only the VPC, and who asks its resolver, can look up."""
    site: Site
    logs_key_arn: pulumi.Input[str]


class Network(pulumi.ComponentResource):
    """A VPC over the account's zones that nothing enters, and that nothing leaves unless egress is asked for.

    Private subnets for workloads and isolated ones for databases in each zone; AWS's services through endpoints that
    serve this account only; names answered that are listed; every connection and every DNS query logged.
    """

    vpc_id: pulumi.Output[str]
    private_subnet_ids: list[pulumi.Output[str]]
    isolated_subnet_ids: list[pulumi.Output[str]]
    gateway_prefix_list_ids: list[pulumi.Output[str]]
    gateway_cidrs: list[pulumi.Output[Sequence[str]]]
    private_route_table_ids: list[pulumi.Output[str]]
    vpn_gateway_id: pulumi.Output[str]
    """Empty where there is none."""
    resolver_addresses: pulumi.Output[Sequence[str]]
    """Where the site's DNS servers send queries for the VPC's private names; none without a resolver endpoint."""
    zone_id: pulumi.Output[str]
    """The private hosted zone of the domain."""
    perimeter: Perimeter
    closed_group_id: pulumi.Output[str]
    """The VPC's default security group."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Network", name, {"cidr": str(args.cidr), "egress": args.egress}, opts)
        own = pulumi.ResourceOptions(parent=self)
        self._name = name
        self._zones = args.stack.account.zones
        ranges = divide(args.cidr, len(self._zones))
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(args.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=own,
        )
        self.vpc_id = vpc.id
        # Whoever launches something without naming a group gets this one, so it lets nothing through.
        self.closed_group_id = aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], tags={"Name": f"{name}-default-closed"}, opts=own
        ).id
        self.zone_id = aws.route53.Zone(
            name,
            name=args.domain,
            comment=f"The names of {name}, for its VPC alone.",
            vpcs=[{"vpc_id": vpc.id}],
            tags={"Name": name},
            opts=own,
        ).zone_id
        vpn = [vpn_gateway(name, vpc.id, self)] if args.site.vpn_gateway else []
        self.vpn_gateway_id = vpn[0] if vpn else pulumi.Output.from_input("")
        # A table a zone, so that with egress each zone leaves by its own gateway.
        private_tables = {zone: self._route_table(f"private-{zone}", vpn) for zone in self._zones}
        isolated_table = self._route_table("isolated")
        self.private_subnet_ids = self._tier("private", ranges.private, private_tables, INTERNAL_LOAD_BALANCERS)
        self.isolated_subnet_ids = self._tier("isolated", ranges.isolated, dict.fromkeys(self._zones, isolated_table))
        self.private_route_table_ids = private_table_ids = [table.id for table in private_tables.values()]
        self.resolver_addresses = SiteConnection(
            f"{name}-site",
            SiteConnectionArgs(
                site=args.site,
                vpc_id=vpc.id,
                subnet_ids=self.private_subnet_ids,
                route_table_ids={zone: table.id for zone, table in private_tables.items()},
            ),
            own,
        ).resolver_addresses
        if args.egress:
            egress = EgressArgs(
                vpc_id=vpc.id,
                zones=self._zones,
                public_cidrs=ranges.public,
                private_route_table_ids=private_table_ids,
            )
            Egress(f"{name}-egress", egress, own)
        endpoints = Endpoints(
            f"{name}-endpoints",
            EndpointsArgs(
                stack=args.stack,
                vpc_id=vpc.id,
                vpc_cidr=str(args.cidr),
                subnet_ids=self.private_subnet_ids,
                route_table_ids=[*private_table_ids, isolated_table.id],
                services=args.interface_endpoints,
            ),
            own,
        )
        self.gateway_prefix_list_ids = endpoints.gateway_prefix_list_ids
        self.gateway_cidrs = endpoints.gateway_cidrs
        self.perimeter = Perimeter(vpc_id=vpc.id, services=args.interface_endpoints)
        logs = VpcLogsArgs(
            stack=args.stack,
            vpc_id=vpc.id,
            key_arn=args.logs_key_arn,
        )
        FlowLogs(name, logs, own)
        QueryLogs(name, logs, own)
        others = [*args.site.names, *args.site.domains]
        DnsFirewall(
            f"{name}-dns",
            DnsFirewallArgs(
                stack=args.stack,
                vpc_id=vpc.id,
                answered=answered(args.stack.account, args.cidr, args.domain, others),
            ),
            own,
        )
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "privateSubnetIds": self.private_subnet_ids,
                "isolatedSubnetIds": self.isolated_subnet_ids,
            }
        )

    def _route_table(self, which: str, learns_from: Sequence[pulumi.Input[str]] = ()) -> aws.ec2.RouteTable:
        """A table that takes over the routes which these virtual private gateways are told of."""
        name = f"{self._name}-{which}"
        return aws.ec2.RouteTable(
            name,
            vpc_id=self.vpc_id,
            propagating_vgws=learns_from or None,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tier(
        self,
        tier: str,
        cidrs: Sequence[str],
        tables: dict[str, aws.ec2.RouteTable],
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> list[pulumi.Output[str]]:
        own = pulumi.ResourceOptions(parent=self)
        subnet_ids: list[pulumi.Output[str]] = []
        for zone, cidr in zip(self._zones, cidrs, strict=True):
            name = f"{self._name}-{tier}-{zone}"
            subnet = aws.ec2.Subnet(
                name,
                vpc_id=self.vpc_id,
                availability_zone=zone,
                cidr_block=cidr,
                map_public_ip_on_launch=False,
                tags={"Name": name, **tags},
                opts=own,
            )
            aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=tables[zone].id, opts=own)
            subnet_ids.append(subnet.id)
        return subnet_ids
