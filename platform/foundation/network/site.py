"""The hospital's own network, joined to the VPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

import pulumi
import pulumi_aws as aws

RESOLVER_ZONES = 2
"""The fewest that Route 53 Resolver takes; each address has its price."""
DNS = 53


@dataclass(frozen=True, kw_only=True)
class Site:
    """What there is outside of the VPC, and how it is joined. Nothing of it by default."""

    ranges: tuple[IPv4Network, ...] = ()
    """Where users and operators are."""
    transit_gateway_id: str = ""
    """The Transit Gateway that leads there; empty for none."""
    vpn_gateway: bool = False
    """Whether a VPN or Direct Connect ends at a gateway of the VPC's own."""
    resolver: bool = False
    """Whether the site's DNS servers ask the VPC's for its private names."""
    services: tuple[IPv4Network, ...] = ()
    """What of it the stack's own pods ask, whoever is there."""
    resolvers: tuple[IPv4Address, ...] = ()
    """Its DNS servers that the VPC's asks for these names; none where it knows them by itself."""
    names: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """What else may be looked up, there or on the internet; `*.` before one means all below it."""

    @property
    def clients(self) -> list[str]:
        """The ranges, none of them within another."""
        return list(map(str, collapse_addresses(self.ranges)))

    @property
    def destinations(self) -> list[str]:
        """All that is there, none of it within another."""
        return list(map(str, collapse_addresses([*self.ranges, *self.services])))


def vpn_gateway(name: str, vpc_id: pulumi.Input[str], parent: pulumi.Resource) -> pulumi.Output[str]:
    """Where the hospital's VPN connection or Direct Connect gateway ends; the id. Its peers are the hospital's to make:
    their addresses and keys are no part of a stack."""
    gateway = aws.ec2.VpnGateway(
        f"{name}-vpn", vpc_id=vpc_id, tags={"Name": f"{name}-vpn"}, opts=pulumi.ResourceOptions(parent=parent)
    )
    return gateway.id


@dataclass(frozen=True, kw_only=True)
class SiteConnectionArgs:
    site: Site
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """The private subnets."""
    route_table_ids: Mapping[str, pulumi.Input[str]]
    """The private route tables, by zone."""


class SiteConnection(pulumi.ComponentResource):
    """The way between the private subnets and the hospital's network, and the names it asks for.

    The isolated subnets have no route there. The resolver answers the listed ranges alone.
    """

    resolver_addresses: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: SiteConnectionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:SiteConnection", name, {"ranges": args.site.destinations}, opts)
        if args.site.transit_gateway_id:
            self._transit(name, args)
        self.resolver_addresses = (
            self._resolver(name, args) if args.site.resolver else pulumi.Output.from_input(list[str]())
        )
        if args.site.resolvers:
            self._forwarding(f"{name}-names", args)
        self.register_outputs({"resolverAddresses": self.resolver_addresses})

    def _transit(self, name: str, args: SiteConnectionArgs) -> None:
        # Which of the Transit Gateway's own tables know the VPC is for its owner to say, who may be another account.
        attachment = aws.ec2transitgateway.VpcAttachment(
            name,
            transit_gateway_id=args.site.transit_gateway_id,
            vpc_id=args.vpc_id,
            subnet_ids=args.subnet_ids,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        for zone, table in args.route_table_ids.items():
            for cidr in args.site.destinations:
                aws.ec2.Route(
                    f"{name}-{zone}-{cidr.replace('/', '-')}",
                    route_table_id=table,
                    destination_cidr_block=cidr,
                    transit_gateway_id=args.site.transit_gateway_id,
                    # EC2 knows no route to a gateway that the VPC is not attached to.
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[attachment]),
                )

    def _resolver(self, name: str, args: SiteConnectionArgs) -> pulumi.Output[Sequence[str]]:
        own = pulumi.ResourceOptions(parent=self)
        # No rule lets traffic out: an inbound endpoint answers and never asks.
        group = aws.ec2.SecurityGroup(
            f"{name}-resolver",
            vpc_id=args.vpc_id,
            description="DNS from the network of the hospital to the resolver of the VPC",
            tags={"Name": f"{name}-resolver"},
            opts=own,
        )
        for cidr in args.site.clients:
            for protocol in ("tcp", "udp"):
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-resolver-{protocol}-{cidr.replace('/', '-')}",
                    security_group_id=group.id,
                    description="DNS from the network of the hospital",
                    cidr_ipv4=cidr,
                    ip_protocol=protocol,
                    from_port=DNS,
                    to_port=DNS,
                    opts=own,
                )
        endpoint = self._endpoint(name, args, "INBOUND", group)
        return endpoint.ip_addresses.apply(lambda found: [each.ip or "" for each in found])

    def _forwarding(self, name: str, args: SiteConnectionArgs) -> None:
        own = pulumi.ResourceOptions(parent=self)
        # No rule lets traffic in: an outbound endpoint asks and never answers.
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=args.vpc_id,
            description="DNS from the resolver of the VPC to the network of the hospital",
            tags={"Name": name},
            opts=own,
        )
        for address in args.site.resolvers:
            for protocol in ("tcp", "udp"):
                aws.vpc.SecurityGroupEgressRule(
                    f"{name}-{protocol}-{address}",
                    security_group_id=group.id,
                    description="DNS to the network of the hospital",
                    cidr_ipv4=f"{address}/32",
                    ip_protocol=protocol,
                    from_port=DNS,
                    to_port=DNS,
                    opts=own,
                )
        endpoint = self._endpoint(name, args, "OUTBOUND", group)
        for host in args.site.names:
            # No dots, and no more than 64 characters (Amazon Route 53 API Reference, CreateResolverRule, Name).
            plain = host.replace(".", "-")[:64]
            rule = aws.route53.ResolverRule(
                f"{name}-{host}",
                name=plain,
                domain_name=host,
                rule_type="FORWARD",
                resolver_endpoint_id=endpoint.id,
                target_ips=[{"ip": str(address), "port": DNS} for address in args.site.resolvers],
                tags={"Name": host},
                opts=own,
            )
            aws.route53.ResolverRuleAssociation(
                f"{name}-{host}", name=plain, resolver_rule_id=rule.id, vpc_id=args.vpc_id, opts=own
            )

    def _endpoint(
        self, name: str, args: SiteConnectionArgs, direction: str, group: aws.ec2.SecurityGroup
    ) -> aws.route53.ResolverEndpoint:
        return aws.route53.ResolverEndpoint(
            name,
            name=name,
            direction=direction,
            protocols=["Do53"],
            security_group_ids=[group.id],
            ip_addresses=[{"subnet_id": subnet} for subnet in args.subnet_ids[:RESOLVER_ZONES]],
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self),
        )
