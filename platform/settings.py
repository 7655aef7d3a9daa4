"""The settings of a stack, read once and checked all at once.

Names, types, defaults and meanings are declared in Pulumi.yaml, which the engine reads too; here is what the values
must be.
"""

import difflib
import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Any, Final

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from foundation import retention
from foundation.network.endpoint_policies import IAM_PREFIXES
from foundation.network.subnets import MAX_ZONES

NAMESPACE: Final = "parapet"
MIN_ZONES: Final = 3
PRIVATE_RANGES: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
VPC_PREFIXES: Final = range(16, 21)
"""AWS's largest VPC is a /16; below a /20 an isolated subnet would be smaller than a /25."""


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
EndpointService = Annotated[
    str, AfterValidator(_offered_endpoint), Field(description=f"one of {', '.join(IAM_PREFIXES)}")
]

Administrators = Annotated[
    tuple[AdministratorArn, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(description="a list of ARNs of IAM roles and users, each once"),
]
EndpointServices = Annotated[
    tuple[EndpointService, ...],
    BeforeValidator(_parsed),
    AfterValidator(_distinct),
    Field(description="a list of AWS services, each once"),
]


class Settings(BaseModel):
    """What a stack's configuration says. A field's description is what is allowed, as an error message says it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    environment: str = Field(
        pattern=r"^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$",
        description="1 to 16 lower-case letters, digits and hyphens, from a letter to a letter or digit",
    )
    owner: TagValue
    cost_center: TagValue
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="the code of an AWS Region, such as us-east-1")
    allowed_account_id: str = Field(
        pattern=r"^(\d{12})?$", description="the twelve digits of an AWS account, or empty for any account"
    )
    local_aws: bool = Field(description="true or false")
    protect: bool = Field(description="true or false")
    key_administrators: Administrators
    audit_retention_years: int = Field(
        ge=retention.AUDIT_YEARS,
        le=100,
        description=f"a whole number of years from {retention.AUDIT_YEARS} (45 CFR 164.316(b)(2)(i)) to 100",
    )
    log_retention_days: Annotated[int, AfterValidator(_offered_retention)] = Field(
        description=f"one of {', '.join(map(str, retention.LOG_DAYS))}"
    )
    vpc_cidr: Annotated[IPv4Network, AfterValidator(_private_range)] = Field(
        description=f"a range within {', '.join(map(str, PRIVATE_RANGES))} that starts on its own boundary, "
        f"from /{VPC_PREFIXES[0]} to /{VPC_PREFIXES[-1]}"
    )
    zones: int = Field(ge=MIN_ZONES, le=MAX_ZONES, description=f"a whole number from {MIN_ZONES} to {MAX_ZONES}")
    egress: bool = Field(description="true or false")
    interface_endpoints: EndpointServices

    @property
    def name(self) -> str:
        """What every resource's name begins with."""
        return f"{NAMESPACE}-{self.environment}"

    @classmethod
    def load(cls) -> "Settings":
        """The settings of the stack that is running. Raises `pulumi.RunError` with one line a bad setting."""
        values, secrets = _configuration()
        return cls.parse(values, secrets)

    @classmethod
    def parse(cls, values: Mapping[str, Any], secrets: frozenset[str] = frozenset()) -> "Settings":
        """The settings from their names (without namespace) and values; the values of `secrets` are never shown."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [_line(problem, secrets) for problem in error.errors(include_url=False)]
            raise pulumi.RunError("\n".join(lines)) from None


def _configuration() -> tuple[dict[str, Any], frozenset[str]]:
    """All of the namespace's settings, known or not, which `pulumi.Config` cannot list, and the names of secrets."""
    prefix = f"{NAMESPACE}:"
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    values = {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}
    hidden = set(runtime_config.get_config_secret_keys_env())
    secrets = {name for name in values if prefix + name in hidden or runtime_config.is_config_secret(prefix + name)}
    return values, frozenset(secrets)


def _line(problem: ErrorDetails, secrets: frozenset[str]) -> str:
    name, *indices = problem["loc"]
    setting = f"{NAMESPACE}:{name}"
    fields = Settings.model_json_schema()["properties"]
    if problem["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(name), fields, n=1)
        known = f"the settings are {', '.join(sorted(fields))}."
        return f"{setting} is not a setting; {f'did you mean {NAMESPACE}:{nearest[0]}?' if nearest else known}"
    allowed = (fields[name]["items"] if indices else fields[name])["description"]
    if problem["type"] == "missing" or (problem["input"] == "" and not indices):
        return f"{setting} is not set; it must be {allowed}. Set it: pulumi config set {setting} VALUE"
    where = "".join(f"[{index}]" for index in indices)
    value = "a secret" if name in secrets else json.dumps(problem["input"], default=str)
    return f"{setting}{where} is {value}; it must be {allowed}."
