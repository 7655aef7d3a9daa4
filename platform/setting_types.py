"""What a setting may be. A type's description is what is allowed, as an error message says it."""

import json
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic.alias_generators import to_snake

from cluster.break_glass import BreakGlass
from cluster.gpu_group import GpuGroup
from cluster.gpu_instances import GPU_INSTANCES
from cluster.images import IMAGES
from cluster.plain_nodes import arch
from cluster.sessions import ENDPOINTS
from cluster.versions import VERSIONS
from cluster.workspace import Workspace
from foundation import retention
from foundation.network.endpoint_policies import IAM_PREFIXES
from foundation.network.subnets import MAX_ZONES
from mlops.mlflow_server.account import Account
from mlops.mlflow_server.retention import Kept
from mlops.mlflow_server.sign_on import SignOn
from mlops.workload_secret import MAX_A_NAMESPACE, PLACES, WorkloadSecret
from role_arn import RoleArn
from setting_errors import refusal

MIN_ZONES: Final = 3
MIN_SYSTEM_NODES: Final = 2
PRIVATE_RANGES: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
VPC_PREFIXES: Final = range(16, 21)
"""AWS's largest VPC is a /16; below a /20 an isolated subnet would be smaller than a /25."""
WIDEST_PUBLIC_PREFIX: Final = 16
MAX_SYSTEM_NODES: Final = 50
MAX_GPU_GROUPS: Final = 20
"""The policy of what lets them grow names each of them, and IAM has room for these."""
MAX_WORKLOAD_SECRETS: Final = 200
MAX_WORKSPACES: Final = 40
"""Each has a namespace with its policies, a role and some thirty objects."""
MAX_MLFLOW_USERS: Final = 50
"""The policy of the server's role names each account's secret, and IAM has room for these."""
MAX_READERS: Final = 150
"""The policy of the secrets' key names each reader, and has 32,768 characters (AWS KMS quotas, Key policy document
size): room for these, with ARNs of 190."""
MAX_NAMED: Final = 29_500
"""Characters of all whom that policy names, administrators too, with what stands between two of them. What is left is
for its other statements and for privacy officers."""
MAX_PRIVACY_OFFICERS: Final = 5
"""The same policy names them too."""
LIST: Final = "platform/cluster/images.yaml"
FROM_ELSEWHERE: Final = "whoever is of another takes a role of this one first (sts:AssumeRole)"
MAX_DOMAIN: Final = 62
"""The gateway's certificate is for `*.` and the domain, and a certificate's first name has 64 characters at most (AWS
Certificate Manager API Reference, "RequestCertificate", DomainName)."""
MAX_ALLOWED_DOMAINS: Final = 100
"""The firewall's list has room for these, and for what the stack itself needs (`dns_firewall.MOST`)."""
OF_AWS: Final = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.amazon.com", "on.aws")
"""Whose names the VPC's endpoints and AWS's services answer to."""
One = TypeVar("One", GpuGroup, Workspace, Account, Kept)


def _parsed(value: Any) -> Any:
    """Lists reach the program as JSON."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


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


def _somebody(administrators: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    # The local control plane has an administrator of its own, and IAM does not know it.
    if not administrators and not info.data.get("local_aws", True):
        raise ValueError
    return administrators


def _of_the_account(arns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    # IAM, EKS and KMS would take it, and let in nobody.
    account = info.data.get("allowed_account_id", "")
    for index, arn in enumerate(arns):
        if account and arn.split(":")[4] != account:
            raise refusal(f"[{index}]", arn, f"one of the account {account}, which parapet:allowedAccountId names")
    return arns


def _without_gpu(types: tuple[str, ...]) -> tuple[str, ...]:
    if any(each in GPU_INSTANCES for each in types) or len(set(map(arch, types))) > 1:
        raise ValueError
    return types


def _run_by_the_images(types: tuple[str, ...]) -> tuple[str, ...]:
    # On another processor every pod of the image ends at once with `exec format error`.
    for image in IMAGES.values():
        built_for = [platform.removeprefix("linux/") for platform in image.platforms]
        if not image.is_chart and arch(types[0]) not in built_for:
            allowed = f"of {', '.join(built_for)}: {image.name} is built for nothing else ({LIST})"
            raise refusal("[0]", types[0], allowed)
    return types


def _as_many_at_most(whose: str) -> Callable[[int, ValidationInfo], int]:
    def checked(most: int, info: ValidationInfo) -> int:
        least = info.data.get(f"{whose}_nodes_min", 0)
        if most < least:
            raise refusal("", most, f"at least {whose}NodesMin, which is {least}")
        return most

    return checked


def _each_another(field: str) -> Callable[[tuple[One, ...]], tuple[One, ...]]:
    def checked(several: tuple[One, ...]) -> tuple[One, ...]:
        told = [getattr(one, field) for one in several]
        for index, value in enumerate(told):
            if value in told[:index]:
                raise refusal(f"[{index}].{field}", value, f"another {field} than that of [{told.index(value)}]")
        return several

    return checked


def _one_meaning(providers: tuple[SignOn, ...], info: ValidationInfo) -> tuple[SignOn, ...]:
    for index, provider in enumerate(providers):
        for place, one in enumerate(provider.cidrs):
            for before, other in enumerate(provider.cidrs[:place]):
                if one.overlaps(other):
                    raise refusal(f"[{index}].cidrs[{place}]", one, f"apart from cidrs[{before}], which is {other}")
        groups = [each.group for each in provider.roles]
        for place, group in enumerate(groups):
            if group in groups[:place]:
                where = f"[{index}].roles[{place}].group"
                raise refusal(
                    where, group, f"another group than that of roles[{groups.index(group)}]: each gives one role"
                )
        # The pods read it where they are, by a policy of this account's.
        region, account = provider.client_secret_arn.split(":")[3:5]
        for name, found in (("region", region), ("allowed_account_id", account)):
            if (own := info.data.get(name)) and own != found:
                where = f"[{index}].clientSecretArn"
                raise refusal(where, provider.client_secret_arn, f"a secret of {own}, where this stack is")
    return providers


def _readable(users: tuple[Account, ...], info: ValidationInfo) -> tuple[Account, ...]:
    account = info.data.get("allowed_account_id", "")
    for index, user in enumerate(users):
        for place, arn in enumerate(user.readers):
            if account and arn.split(":")[4] != account:
                raise refusal(f"[{index}].readers[{place}]", arn, f"one of the account {account}: {FROM_ELSEWHERE}")
    readers = {reader for user in users for reader in user.readers}
    if len(readers) > MAX_READERS:
        raise refusal("", f"{len(readers)} readers", f"such that all accounts together have at most {MAX_READERS}")
    named = readers.union(*(info.data.get(name, ()) for name in ("key_administrators", "cluster_administrators")))
    if (length := sum(len(f'"{arn}",') for arn in named)) > MAX_NAMED:
        allowed = f"such that the ARNs of all readers and administrators together have at most {MAX_NAMED}"
        raise refusal("", f"{length} characters", allowed)
    return users


def _taken_here(grants: tuple[BreakGlass, ...], info: ValidationInfo) -> tuple[BreakGlass, ...]:
    account = info.data.get("allowed_account_id", "")
    for index, grant in enumerate(grants):
        for place, arn in enumerate(grant.roles):
            if account and arn.split(":")[4] != account:
                raise refusal(f"[{index}].roles[{place}]", arn, f"one of the account {account}: {FROM_ELSEWHERE}")
    return grants


def _no_administrator(roles: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for place, arn in enumerate(roles):
        if arn in info.data.get("cluster_administrators", ()):
            allowed = "none of clusterAdministrators: EKS takes one access entry for a principal"
            raise refusal(f"[{place}]", arn, allowed)
    return roles


def _of_people(workspaces: tuple[Workspace, ...], info: ValidationInfo) -> tuple[Workspace, ...]:
    account = info.data.get("allowed_account_id", "")
    apart = {
        "clusterAdministrators": "who may do everything needs none",
        "platformOperatorRoles": "who keeps the platform up starts no workloads",
        "auditorRoles": "who looks on starts none",
    }
    for index, workspace in enumerate(workspaces):
        for place, arn in enumerate(workspace.people):
            where = f"[{index}].people[{place}]"
            if account and arn.split(":")[4] != account:
                raise refusal(where, arn, f"one of the account {account}: {FROM_ELSEWHERE}")
            for setting, why in apart.items():
                if arn in info.data.get(to_snake(setting), ()):
                    raise refusal(where, arn, f"none of {setting}: {why}; let people assume another IAM role")
    return workspaces


def _within_the_groups(workspaces: tuple[Workspace, ...], info: ValidationInfo) -> tuple[Workspace, ...]:
    if "gpu_groups" not in info.data:
        return workspaces
    most = sum(group.max * group.schedulable_gpus for group in info.data["gpu_groups"])
    for index, workspace in enumerate(workspaces):
        if workspace.gpus > most:
            raise refusal(f"[{index}].gpus", workspace.gpus, f"at most {most}, to which all gpuGroups can grow")
    return workspaces


def _delivered(secrets: tuple[WorkloadSecret, ...], info: ValidationInfo) -> tuple[WorkloadSecret, ...]:
    places = [*(each.name for each in PLACES), *(each.name for each in info.data.get("workspaces", ()))]
    for index, secret in enumerate(secrets):
        before = secrets[:index]
        if "workspaces" in info.data and secret.namespace not in places:
            allowed = f"one of {', '.join(places)}: where people start workloads"
            raise refusal(f"[{index}].namespace", secret.namespace, allowed)
        for other, each in enumerate(before):
            if (each.namespace, each.file) == (secret.namespace, secret.file):
                raise refusal(f"[{index}].file", secret.file, f"another file than that of [{other}]")
        if sum(each.namespace == secret.namespace for each in before) >= MAX_A_NAMESPACE:
            allowed = f"another namespace: {secret.namespace} has {MAX_A_NAMESPACE} secrets, as many as one may have"
            raise refusal(f"[{index}].namespace", secret.namespace, allowed)
        # The pods read it where they are, by a policy of this account's.
        region, account = secret.secret_arn.split(":")[3:5]
        for name, found in (("region", region), ("allowed_account_id", account)):
            if (own := info.data.get(name)) and own != found:
                raise refusal(f"[{index}].secretArn", secret.secret_arn, f"a secret of {own}, where this stack is")
    return secrets


def _offered_version(version: str) -> str:
    if version not in VERSIONS:
        raise ValueError
    return version


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) < len(items):
        raise ValueError
    return items


def _offered_endpoint(service: str) -> str:
    if service not in IAM_PREFIXES:
        raise ValueError
    return service


def _offered_retention(days: int) -> int:
    if days not in retention.LOG_DAYS:
        raise ValueError
    return days


TagValue = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9 _.:/=+@-]{0,254}[A-Za-z0-9_.:/=+@-])?$",
        description="1 to 256 letters, digits, spaces and _ . : / = + - @, with no space at either end",
    ),
]
AdministratorArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws(-[a-z]+)*:iam::\d{12}:(role|user)/[\w+=,.@/-]+$",
        description="the ARN of an IAM role or user, such as arn:aws:iam::111122223333:role/key-administrator",
    ),
]
PublicRange = Annotated[
    IPv4Network,
    AfterValidator(_public_range),
    Field(description=f"a public IPv4 range of a /{WIDEST_PUBLIC_PREFIX} or narrower that starts on its own boundary"),
]
InstanceType = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", description="the name of an EC2 instance type, such as m7i.xlarge"),
]
DatabaseInstanceClass = Annotated[
    str,
    Field(
        pattern=r"^db\.[a-z][a-z0-9-]*\.[a-z0-9-]+$",
        description="the name of an RDS instance class, such as db.t4g.medium",
    ),
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
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
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

Administrators = Annotated[
    tuple[AdministratorArn, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    AfterValidator(_of_the_account),
    Field(description="a list of ARNs of IAM roles and users, each once"),
]
ClusterAdministrators = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    AfterValidator(_of_the_account),
    AfterValidator(_somebody),
    Field(
        description="a list of ARNs of IAM roles, each once, the deploying role among them: "
        "without one nobody, not even this program, could reach the cluster"
    ),
]
Roles = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    AfterValidator(_of_the_account),
    AfterValidator(_no_administrator),
    Field(description="a list of ARNs of IAM roles, each once"),
]
OneBreakGlass = Annotated[BreakGlass, Field(description="an object with roles and notify")]
BreakGlassGrants = Annotated[
    tuple[OneBreakGlass, ...],
    BeforeValidator(_parsed),
    AfterValidator(_taken_here),
    Field(max_length=1, description="a list of one object, or of none"),
]
PrivacyOfficers = Annotated[
    tuple[RoleArn, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    AfterValidator(_of_the_account),
    Field(max_length=MAX_PRIVACY_OFFICERS, description=f"a list of at most {MAX_PRIVACY_OFFICERS} ARNs of IAM roles"),
]
PublicRanges = Annotated[
    tuple[PublicRange, ...],
    BeforeValidator(_parsed),
    Field(description=f"a list of public IPv4 ranges, none wider than a /{WIDEST_PUBLIC_PREFIX}"),
]
ClientRange = Annotated[
    IPv4Network,
    AfterValidator(_client_range),
    Field(description=f"a range within {', '.join(map(str, PRIVATE_RANGES))} that starts on its own boundary"),
]
ClientRanges = Annotated[
    tuple[ClientRange, ...],
    BeforeValidator(_parsed),
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
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
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
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(max_length=MAX_ALLOWED_DOMAINS, description=f"a list of at most {MAX_ALLOWED_DOMAINS} host names, each once"),
]
OneAccount = Annotated[Account, Field(description="an object with name, at least")]
MlflowUsers = Annotated[
    tuple[OneAccount, ...],
    BeforeValidator(_parsed),
    AfterValidator(_each_another("name")),
    AfterValidator(_readable),
    Field(max_length=MAX_MLFLOW_USERS, description=f"a list of at most {MAX_MLFLOW_USERS} accounts, each an object"),
]
OneProvider = Annotated[
    SignOn, Field(description="an object with issuer, clientId, clientSecretArn and cidrs, at least")
]
MlflowSignOn = Annotated[
    tuple[OneProvider, ...],
    BeforeValidator(_parsed),
    AfterValidator(_one_meaning),
    Field(max_length=1, description="a list of one identity provider, an object, or of none"),
]
OneKept = Annotated[Kept, Field(description="an object with kind and days")]
MlflowDeletedDays = Annotated[
    tuple[OneKept, ...],
    BeforeValidator(_parsed),
    AfterValidator(_each_another("kind")),
    Field(description="a list of objects, one for each kind at most"),
]
SystemInstanceTypes = Annotated[
    tuple[InstanceType, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(min_length=1),
    AfterValidator(_without_gpu),
    AfterValidator(_run_by_the_images),
    Field(description="a list of EC2 instance types without GPU, each once, all of one processor"),
]
WorkloadInstanceTypes = Annotated[
    tuple[InstanceType, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(min_length=1),
    AfterValidator(_without_gpu),
    Field(description="a list of EC2 instance types without GPU, each once, all of one processor"),
]
OneGpuGroup = Annotated[GpuGroup, Field(description="an object with name, instanceTypes and max, at least")]
GpuGroups = Annotated[
    tuple[OneGpuGroup, ...],
    BeforeValidator(_parsed),
    AfterValidator(_each_another("name")),
    Field(max_length=MAX_GPU_GROUPS, description=f"a list of at most {MAX_GPU_GROUPS} GPU groups"),
]
OneWorkspace = Annotated[Workspace, Field(description="an object with name and people, at least")]
Workspaces = Annotated[
    tuple[OneWorkspace, ...],
    BeforeValidator(_parsed),
    AfterValidator(_each_another("name")),
    AfterValidator(_of_people),
    AfterValidator(_within_the_groups),
    Field(max_length=MAX_WORKSPACES, description=f"a list of at most {MAX_WORKSPACES} workspaces, each an object"),
]
OneWorkloadSecret = Annotated[WorkloadSecret, Field(description="an object with namespace, file and secretArn")]
WorkloadSecrets = Annotated[
    tuple[OneWorkloadSecret, ...],
    BeforeValidator(_parsed),
    AfterValidator(_delivered),
    Field(
        max_length=MAX_WORKLOAD_SECRETS, description=f"a list of at most {MAX_WORKLOAD_SECRETS} secrets, each an object"
    ),
]
EndpointServices = Annotated[
    tuple[EndpointService, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(description="a list of AWS services, each once"),
]

LogRetention = Annotated[
    int,
    AfterValidator(_offered_retention),
    Field(description=f"one of {', '.join(map(str, retention.LOG_DAYS))}"),
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
ClusterVersion = Annotated[str, AfterValidator(_offered_version), Field(description=f"one of {', '.join(VERSIONS)}")]
SystemNodes = Annotated[
    int,
    Field(
        ge=MIN_SYSTEM_NODES,
        le=MAX_SYSTEM_NODES,
        description=f"a whole number from {MIN_SYSTEM_NODES} to {MAX_SYSTEM_NODES}",
    ),
]
MostSystemNodes = Annotated[SystemNodes, AfterValidator(_as_many_at_most("system"))]
MostWorkloadNodes = Annotated[SystemNodes, AfterValidator(_as_many_at_most("workload"))]
