"""What a setting on addresses, names and ways may be."""

from ipaddress import IPv4Network
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from cluster.sessions import ENDPOINTS
from foundation.network.endpoint_policies import IAM_PREFIXES
from foundation.network.subnets import MAX_ZONES
from setting_errors import refusal
from setting_types.common import distinct, parsed

MIN_ZONES: Final = 3
PRIVATE_RANGES: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
VPC_PREFIXES: Final = range(16, 21)
"""AWS's largest VPC is a /16; below a /20 an isolated subnet would be smaller than a /25."""
WIDEST_PUBLIC_PREFIX: Final = 16
MAX_DOMAIN: Final = 62
"""The gateway's certificate is for `*.` and the domain, and a certificate's first name has 64 characters at most (AWS
Certificate Manager API Reference, "RequestCertificate", DomainName)."""
MAX_ALLOWED_DOMAINS: Final = 100
"""The firewall's list has room for these, and for what the stack itself needs (`dns_firewall.MOST`)."""
OF_AWS: Final = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.amazon.com", "on.aws")
"""Whose names the VPC's endpoints and AWS's services answer to."""


def _private_range(vpc: IPv4Network) -> IPv4Network:
    if vpc.prefixlen not in VPC_PREFIXES or not any(vpc.subnet_of(private) for private in PRIVATE_RANGES):
        raise ValueError
    return vpc


def _public_range(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < WIDEST_PUBLIC_PREFIX or any(network.overlaps(private) for private in PRIVATE_RANGES):
        raise ValueError
    return network


def _client_range(network: IPv4Network) -> IPv4Network:
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        raise ValueError
    return network


def _apart(ranges: tuple[IPv4Network, ...], info: ValidationInfo) -> tuple[IPv4Network, ...]:
    # The VPC routes its own range to itself, whatever else a route says. Of two that overlap one says nothing.
    vpc = info.data.get("vpc_cidr")
    for index, one in enumerate(ranges):
        if vpc and one.overlaps(vpc):
            raise refusal(f"[{index}]", one, f"outside of vpcCidr, which is {vpc}")
        for before, other in enumerate(ranges[:index]):
            if one.overlaps(other):
                raise refusal(f"[{index}]", one, f"apart from [{before}], which is {other}")
    return ranges


Way = TypeVar("Way", str, bool)


def _leads_somewhere(way: Way, info: ValidationInfo) -> Way:
    known = [info.data.get(name) for name in ("client_cidrs", "cluster_client_cidrs")]
    if way and None not in known and not any(known):
        raise refusal("", way, f"{_none(way)}, or clientCidrs or clusterClientCidrs must name who is there")
    return way


def _one_way(vpn: bool, info: ValidationInfo) -> bool:
    # A route of the Transit Gateway's is always preferred to one that the other gateway was told of.
    if vpn and info.data.get("transit_gateway_id"):
        raise refusal("", vpn, "false where transitGatewayId leads to the same ranges")
    return vpn


def _none(way: str | bool) -> str:
    return "empty" if isinstance(way, str) else "false"


def _in_region(arn: str, info: ValidationInfo) -> str:
    # ACM asks the authority of its own Region only.
    region = info.data.get("region")
    if arn and region and arn.split(":")[3] != region:
        raise refusal("", arn, f"the ARN of an AWS Private CA in {region}, the stack's own Region")
    return arn


def _own(domain: str) -> str:
    # The stack's private zone for it would answer, in the whole VPC, for AWS's own names.
    for theirs in OF_AWS:
        if domain == theirs or domain.endswith(f".{theirs}") or theirs.endswith(f".{domain}"):
            raise refusal("", domain, f"a domain of your own: {theirs} is AWS's")
    return domain


def _forward(domain: str) -> str:
    # The names of addresses are anybody's who has addresses, and so is what is put before them.
    if domain.endswith(".arpa"):
        raise refusal("", domain, "a host's name and no address's")
    return domain


def _served(accounts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if accounts and info.data.get("certificate_authority_arn"):
        raise refusal("", list(accounts), "empty where certificateAuthorityArn names an authority of another stack")
    own = info.data.get("allowed_account_id")
    if own and own in accounts:
        raise refusal(f"[{accounts.index(own)}]", own, "another account: stacks of this one need no entry")
    return accounts


def _reached(host: bool, info: ValidationInfo) -> bool:
    endpoints = info.data.get("interface_endpoints", ENDPOINTS)
    if missing := [service for service in ENDPOINTS if host and service not in endpoints]:
        raise refusal("", host, f"false, or interfaceEndpoints must have {', '.join(missing)} too")
    return host


def _offered_endpoint(service: str) -> str:
    if service not in IAM_PREFIXES:
        raise ValueError
    return service


PublicRange = Annotated[
    IPv4Network,
    AfterValidator(_public_range),
    Field(description=f"a public IPv4 range of a /{WIDEST_PUBLIC_PREFIX} or narrower that starts on its own boundary"),
]
CertificateAuthorityArn = Annotated[
    str,
    Field(
        pattern=r"^(arn:aws(-[a-z]+)*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]{36})?$",
        description="the ARN of an AWS Private CA, or empty for one of the stack's own",
    ),
    AfterValidator(_in_region),
]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$", description="the twelve digits of an AWS account")]
AuthorityAccounts = Annotated[
    tuple[AccountId, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    AfterValidator(_served),
    Field(description="a list of AWS accounts, each once"),
]
TransitGatewayId = Annotated[
    str,
    Field(
        pattern=r"^(tgw-([0-9a-f]{8}|[0-9a-f]{17}))?$",
        description="the id of a Transit Gateway, such as tgw-0123456789abcdef0, or empty for none",
    ),
    AfterValidator(_leads_somewhere),
]
VpnGateway = Annotated[bool, AfterValidator(_one_way), Field(description="true or false")]
ResolverEndpoint = Annotated[bool, AfterValidator(_leads_somewhere), Field(description="true or false")]
EndpointService = Annotated[
    str, AfterValidator(_offered_endpoint), Field(description=f"one of {', '.join(IAM_PREFIXES)}")
]
PublicRanges = Annotated[
    tuple[PublicRange, ...],
    BeforeValidator(parsed),
    Field(description=f"a list of public IPv4 ranges, none wider than a /{WIDEST_PUBLIC_PREFIX}"),
]
ClientRange = Annotated[
    IPv4Network,
    AfterValidator(_client_range),
    Field(description=f"a range within {', '.join(map(str, PRIVATE_RANGES))} that starts on its own boundary"),
]
ClientRanges = Annotated[
    tuple[ClientRange, ...],
    BeforeValidator(parsed),
    AfterValidator(_apart),
    Field(description=f"a list of ranges within {', '.join(map(str, PRIVATE_RANGES))}"),
]
OperatorsHost = Annotated[bool, AfterValidator(_reached), Field(description="true or false")]
SecurityGroupId = Annotated[
    str,
    Field(
        pattern=r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$",
        description="the id of a security group, such as sg-0123456789abcdef0",
    ),
]
SecurityGroups = Annotated[
    tuple[SecurityGroupId, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    Field(description="a list of ids of security groups, each once"),
]
Domain = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        max_length=MAX_DOMAIN,
        description=f"a domain name of two or more labels and at most {MAX_DOMAIN} characters, in lower case, such as "
        "ml.hospital.internal",
    ),
    AfterValidator(_own),
]
AllowedDomain = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        max_length=255,
        description="a host name of two or more labels in lower case, such as login.example.org, or *. and such a name "
        "for all below it",
    ),
    AfterValidator(_forward),
]
AllowedDomains = Annotated[
    tuple[AllowedDomain, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    Field(max_length=MAX_ALLOWED_DOMAINS, description=f"a list of at most {MAX_ALLOWED_DOMAINS} host names, each once"),
]
EndpointServices = Annotated[
    tuple[EndpointService, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    Field(description="a list of AWS services, each once"),
]
VpcRange = Annotated[
    IPv4Network,
    AfterValidator(_private_range),
    Field(
        description=f"a range within {', '.join(map(str, PRIVATE_RANGES))} that starts on its own boundary, "
        f"from /{VPC_PREFIXES[0]} to /{VPC_PREFIXES[-1]}"
    ),
]
Zones = Annotated[int, Field(ge=MIN_ZONES, le=MAX_ZONES, description=f"a whole number from {MIN_ZONES} to {MAX_ZONES}")]
