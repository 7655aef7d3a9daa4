"""A secret of people's own workloads, as a stack's settings declare it."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cluster import namespaces as ns
from mlops.data_path import WORKLOADS
from mlops.secret_delivery import SECRETS_A_POLICY, DeliveredSecret

PLACES: Final = tuple(each.namespace for each in WORKLOADS if each.namespace is not ns.MONITORING)
"""Where people start workloads, besides their workspaces."""
MAX_A_NAMESPACE: Final = SECRETS_A_POLICY
CLASS: Final = "secrets"
"""What a pod's volume names as `secretProviderClass`, in each namespace that has some."""


class WorkloadSecret(BaseModel):
    """A secret of AWS Secrets Manager that the pods of one namespace may have as a file, and no other's. A field's
    description is what is allowed, as an error message says it.

    Who made it gives it its value, and says who reads it besides.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)

    namespace: Annotated[str, Field(description="the name of a namespace")]
    file: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$",
        description="1 to 63 lower-case letters, digits, dots, hyphens and underscores, a letter or digit at both ends",
    )
    secret_arn: str = Field(
        pattern=r"^arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$",
        description="the ARN of a secret of AWS Secrets Manager, with the six characters at its end",
    )

    @property
    def delivered(self) -> DeliveredSecret:
        return DeliveredSecret(self.file, self.secret_arn, given=True)


def by_namespace(secrets: Sequence[WorkloadSecret]) -> dict[str, list[DeliveredSecret]]:
    """Those of each namespace that has some."""
    found: dict[str, list[DeliveredSecret]] = {}
    for each in secrets:
        found.setdefault(each.namespace, []).append(each.delivered)
    return found
