"""The identity provider with which people sign on to MLflow, as a stack's settings declare it."""

import json
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from mlops.identity_provider import HOST, STRICT, Addresses, Authorities, Claim, Issuer, Resolvers, Text

MAX_HOSTS: Final = 100
"""The list of names that the VPC's resolver answers has room for these."""
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


def _besides_openid(scope: str) -> str:
    if scope == "openid":
        raise ValueError
    return scope


def _lasting(claim: str) -> str:
    if claim in REASSIGNED:
        raise ValueError
    return claim


Group = Annotated[str, Field(min_length=1, max_length=255, description="a group as the provider's tokens name it")]
Host = Annotated[str, Field(pattern=f"^{HOST}$", description="a host name, such as keys.example.org")]
Scope = Annotated[
    str,
    AfterValidator(_besides_openid),
    Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,64}$", description="a scope besides openid, such as groups"),
]


class GroupRole(BaseModel):
    """Who is in the group has the role of MLflow while he is in it."""

    model_config = STRICT

    group: Group
    role: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="1 to 64 letters, digits, dots, hyphens and underscores, from a letter or digit",
    )


class SignOn(BaseModel):
    """A provider that speaks OpenID Connect. A field's description is what is allowed, as an error message says it.

    Whether people show a second factor is the provider's to ask (45 CFR 164.312(d)).
    """

    model_config = STRICT

    issuer: Issuer
    client_id: Text
    client_secret_arn: str = Field(
        pattern=r"^arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w+=,.@/-]+$",
        description="the ARN of the secret in AWS Secrets Manager that holds the client's secret",
    )
    cidrs: tuple[Addresses, ...] = Field(min_length=1, description="a list of one IPv4 range or more")
    hosts: tuple[Host, ...] = Field(
        default=(), max_length=MAX_HOSTS, description=f"a list of at most {MAX_HOSTS} host names"
    )
    resolvers: Resolvers = ()
    authorities: Authorities = ""
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
