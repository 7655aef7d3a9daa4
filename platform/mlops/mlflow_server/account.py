"""An account of MLflow, as a stack's settings declare it."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from role_arn import RoleArn

ADMINISTRATORS: Final = ("admin", "parapet-admin")
"""What no account may be called: what older versions of MLflow gave a well-known password, and the image's own."""


def _not_the_administrators(name: str) -> str:
    if name in ADMINISTRATORS:
        raise ValueError
    return name


Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="1 to 40 lower-case letters, digits and hyphens, from a letter to a letter or digit, and not "
        f"{' or '.join(ADMINISTRATORS)}",
    ),
    AfterValidator(_not_the_administrators),
]


class Account(BaseModel):
    """Who signs in to MLflow. A field's description is what is allowed, as an error message says it.

    One for each person or job: what is done in its name is in the audit log (45 CFR 164.312(a)(2)(i), unique user
    identification).
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    readers: tuple[RoleArn, ...] = Field(
        default=(), description="a list of ARNs of the IAM roles that may read the account's password"
    )
    promotes: bool = Field(default=False, description="true or false")
    """Whether it may make the registered models that promotions fill, NAME-staging and NAME-prod."""
