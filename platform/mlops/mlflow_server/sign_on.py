"""The identity provider with which people sign on to MLflow, as a stack's settings declare it."""

import json
from ipaddress import IPv4Network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

WIDEST_PREFIX: Final = 16
_HOST: Final = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_STRICT: Final = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < WIDEST_PREFIX:
        raise ValueError
    return network


Text = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$", description="1 to 255 characters of ASCII without spaces")]
Claim = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$", description="the name of a claim, such as groups")]
Group = Annotated[str, Field(min_length=1, max_length=255, description="a group as the provider's tokens name it")]
Host = Annotated[str, Field(pattern=f"^{_HOST}$", description="a host name, such as keys.example.org")]
Addresses = Annotated[
    IPv4Network,
    AfterValidator(_narrow),
    Field(description=f"an IPv4 range of a /{WIDEST_PREFIX} or narrower that starts on its own boundary"),
]


class GroupRole(BaseModel):
    """Who is in the group has the role of MLflow while he is in it."""

    model_config = _STRICT

    group: Group
    role: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="1 to 64 letters, digits, dots, hyphens and underscores, from a letter or digit",
    )


class SignOn(BaseModel):
    """A provider that speaks OpenID Connect. A field's description is what is allowed, as an error message says it.

    Whether people show a second factor is the provider's to ask (45 CFR 164.312(d)).
    """

    model_config = _STRICT

    issuer: str = Field(
        pattern=f"^https://{_HOST}(:443)?(/[A-Za-z0-9._~/-]*)?$",
        description="an address that begins with https://, such as https://login.example.org/tenant",
    )
    client_id: Text
    client_secret_arn: str = Field(
        pattern=r"^arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w+=,.@/-]+$",
        description="the ARN of the secret in AWS Secrets Manager that holds the client's secret",
    )
    cidrs: tuple[Addresses, ...] = Field(min_length=1, description="a list of one IPv4 range or more")
    hosts: tuple[Host, ...] = Field(default=(), description="a list of host names")
    audiences: tuple[Text, ...] = Field(default=(), description="a list of audiences")
    name_claim: Claim = "preferred_username"
    groups_claim: Claim = "groups"
    roles: tuple[GroupRole, ...] = Field(default=(), description="a list of objects with group and role")
    administrators: str = Field(default="", max_length=255, description="a group, or empty for none")

    @property
    def all_hosts(self) -> list[str]:
        """What the server asks: the issuer itself, and where else its metadata lead."""
        return sorted({str(urlsplit(self.issuer).hostname), *self.hosts})

    def declared(self, url: str) -> str:
        """As the server reads it (`PARAPET_SIGN_ON` in delivery/mlflow_server); no secret is in it."""
        told: dict[str, Any] = {
            "issuer": self.issuer,
            "clientId": self.client_id,
            "url": url,
            "audiences": list(self.audiences),
            "nameClaim": self.name_claim,
            "groupsClaim": self.groups_claim,
            "roles": {each.group: each.role for each in self.roles},
            "administrators": self.administrators,
        }
        return json.dumps(told)
