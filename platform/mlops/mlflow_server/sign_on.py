"""The identity provider with which people sign on to MLflow, as a stack's settings declare it."""

import json
import ssl
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from setting_errors import refusal

WIDEST_PREFIX: Final = 16
MAX_RESOLVERS: Final = 6
"""Of a rule of Route 53 Resolver (Amazon Route 53 API Reference, ResolverRule, TargetIps)."""
MAX_HOSTS: Final = 100
"""The list of names that the VPC's resolver answers has room for these."""
NO_HOSTS: Final = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""Nobody's, this machine's, its link's (where EC2 answers for the node's role), and what is of many (RFC 6890)."""
REASSIGNED: Final = (
    "email",
    "family_name",
    "given_name",
    "name",
    "nickname",
    "preferred_username",
    "unique_name",
    "upn",
)
"""Claims that may be another person's some day (OpenID Connect Core 1.0, 5.7)."""
_HOST: Final = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_STRICT: Final = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)


def _narrow(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < WIDEST_PREFIX or not _of_a_host(network):
        raise ValueError
    return network


def _of_a_host(where: IPv4Network | IPv4Address) -> bool:
    return not any(IPv4Network(where).overlaps(each) for each in NO_HOSTS)


def _host_address(address: IPv4Address) -> IPv4Address:
    if not _of_a_host(address):
        raise ValueError
    return address


def _besides_openid(scope: str) -> str:
    if scope == "openid":
        raise ValueError
    return scope


def _lasting(claim: str) -> str:
    if claim in REASSIGNED:
        raise ValueError
    return claim


def _certificates(text: str) -> str:
    if text:
        try:
            if "PRIVATE KEY" in text:
                raise ValueError
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError):
            # The text itself is not shown: it may have a key in it.
            raise refusal("", "something else", "certificates in PEM, and nothing that is secret") from None
    return text


Text = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$", description="1 to 255 characters of ASCII without spaces")]
Claim = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$", description="the name of a claim, such as groups")]
Group = Annotated[str, Field(min_length=1, max_length=255, description="a group as the provider's tokens name it")]
Host = Annotated[str, Field(pattern=f"^{_HOST}$", description="a host name, such as keys.example.org")]
Addresses = Annotated[
    IPv4Network,
    AfterValidator(_narrow),
    Field(description=f"an IPv4 range of hosts, of a /{WIDEST_PREFIX} or narrower, that starts on its own boundary"),
]
Resolver = Annotated[
    IPv4Address, AfterValidator(_host_address), Field(description="the IPv4 address of a DNS server, such as 10.1.0.53")
]
Scope = Annotated[
    str,
    AfterValidator(_besides_openid),
    Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,64}$", description="a scope besides openid, such as groups"),
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
    hosts: tuple[Host, ...] = Field(
        default=(), max_length=MAX_HOSTS, description=f"a list of at most {MAX_HOSTS} host names"
    )
    resolvers: tuple[Resolver, ...] = Field(
        default=(), max_length=MAX_RESOLVERS, description=f"a list of at most {MAX_RESOLVERS} addresses of DNS servers"
    )
    authorities: Annotated[str, AfterValidator(_certificates)] = Field(
        default="",
        max_length=32_768,
        description="certificates in PEM, or empty for the authorities that everybody knows",
    )
    audiences: tuple[Text, ...] = Field(default=(), description="a list of audiences")
    scopes: tuple[Scope, ...] = Field(default=("profile", "email"), description="a list of scopes besides openid")
    subject_claim: Annotated[Claim, AfterValidator(_lasting)] = Field(
        default="sub", description=f"a claim that is never another's, and so none of {', '.join(REASSIGNED)}"
    )
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
            "scopes": list(self.scopes),
            "authorities": self.authorities,
            "subjectClaim": self.subject_claim,
            "nameClaim": self.name_claim,
            "groupsClaim": self.groups_claim,
            "roles": {each.group: each.role for each in self.roles},
            "administrators": self.administrators,
        }
        return json.dumps(told)
