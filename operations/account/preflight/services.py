"""Whether the Region has the AWS services that the stack is made of: not every Region has every one.

Where one is missing an `up` would end in its middle, at the first resource of that service. Which of them have an
endpoint in the VPC is another question (`zones.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from operations.account.preflight.finding import Account, Finding, State, ok, to_do

ABOUT: Final = "services"
TOLD_IN: Final = {"aws": "us-east-1"}
"""A Region in which Systems Manager tells of all Regions of a partition; not each does (AWS Systems Manager
User Guide, "Calling public parameters for AWS services, Regions, endpoints ...")."""
AT_ONCE: Final = 10
"""Names that GetParameters takes."""
OF_TYPES: Final[Mapping[str, Sequence[str]]] = {
    "acm": ("acm",),
    "acmpca": ("acm-pca",),
    "autoscaling": ("autoscaling",),
    "cloudwatch": ("cloudwatch", "events", "logs"),
    "ec2": ("ec2", "privatelink", "vpc"),
    "ecr": ("ecr",),
    "eks": ("eks", "elb"),
    "iam": ("iam",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "rds": ("rds",),
    "route53": ("route53", "route53resolver"),
    "s3": ("s3",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm",),
    "vpc": ("vpc",),
    "sns": ("sns",),
    # Where a setting asks for them.
    "ec2transitgateway": (),
    "sqs": (),
}
"""By the module of the provider whose resources the stack has: what must be there for them, by the names that Systems
Manager has for them."""


def check(account: Account) -> Iterator[Finding]:
    wanted = dict(_wanted(account))
    there = _there(account, list(wanted))
    region = account.access.region
    if not there:
        text = f"AWS tells no services of {region}: compare its list of Regional services with {', '.join(wanted)}"
        yield Finding(ABOUT, State.UNKNOWN, text)
        return
    missing = [each for each in wanted if each not in there]
    for service in missing:
        yield to_do(ABOUT, f"{region} does not have the service {service}: {wanted[service]}")
    if not missing:
        yield ok(ABOUT, f"{len(wanted)} in {region}")


def _wanted(account: Account) -> Iterator[tuple[str, str]]:
    """The services, and what to do where one is missing."""
    settings, elsewhere = account.settings, "choose another parapet:region"
    for service in dict.fromkeys(each for services in OF_TYPES.values() for each in services):
        yield service, elsewhere
    if settings.transit_gateway_id:
        yield "transitgateway", f"empty parapet:transitGatewayId, or {elsewhere}"
    if settings.vpn_gateway:
        yield "vpn", f"set parapet:vpnGateway to false, or {elsewhere}"
    if any(group.growth for group in settings.gpu_groups):
        yield "sqs", f"let no group of parapet:gpuGroups grow (min and max alike), or {elsewhere}"


def _there(account: Account, services: Sequence[str]) -> set[str]:
    access = account.access
    ssm = access.elsewhere("ssm", TOLD_IN.get(access.partition, access.region))
    prefix = f"/aws/service/global-infrastructure/regions/{access.region}/services/"
    found = set[str]()
    for first in range(0, len(services), AT_ONCE):
        names = [f"{prefix}{each}" for each in services[first : first + AT_ONCE]]
        found |= {each["Name"].removeprefix(prefix) for each in ssm.get_parameters(Names=names)["Parameters"]}
    return found
