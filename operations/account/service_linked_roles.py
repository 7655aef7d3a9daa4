"""The roles that AWS services act through in the account."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from foundation.service_linked_roles import MADE_ON_FIRST_USE, PATH, ServiceLinkedRole, launchers
from operations.account.access import Access, code
from operations.account.step import Action


def needed(*, spot: bool) -> tuple[ServiceLinkedRole, ...]:
    """Those that the stack's policies name or its services act through.

    A service makes its own on first use only for someone who may create service-linked roles: here they are all made
    by whoever bootstraps, so that the deploying role need not be allowed it.
    """
    return (*launchers(spot=spot), *MADE_ON_FIRST_USE)


@dataclass(frozen=True)
class ServiceLinkedRoles:
    access: Access
    spot: bool

    def absent(self) -> list[ServiceLinkedRole]:
        pages = self.access.client("iam").get_paginator("list_roles").paginate(PathPrefix=PATH)
        there = {each["RoleName"] for page in pages for each in page["Roles"]}
        return [role for role in needed(spot=self.spot) if role.name not in there]

    def missing(self) -> Iterator[Action]:
        for role in self.absent():
            yield Action(
                f"make the service-linked role {role.name} ({role.service})", lambda role=role: self._make(role)
            )

    def _make(self, role: ServiceLinkedRole) -> None:
        try:
            self.access.client("iam").create_service_linked_role(AWSServiceName=role.service)
        except ClientError as error:
            # Made meanwhile by the service itself, or by somebody else's bootstrap.
            if code(error) != "InvalidInput" or "has been taken" not in str(error):
                raise
