"""Whether the roles are there that AWS services act through."""

from collections.abc import Iterator
from typing import Final

from operations.account.preflight.finding import Account, Finding, ok, to_do
from operations.account.service_linked_roles import ServiceLinkedRoles, needed

ABOUT: Final = "service-linked roles"


def check(account: Account) -> Iterator[Finding]:
    spot = account.settings.spot
    absent = ServiceLinkedRoles(account.access, spot).absent()
    for role in absent:
        yield to_do(ABOUT, f"{role.name} is missing: ./parapet account bootstrap --stack {account.file.name}")
    if not absent:
        yield ok(ABOUT, ", ".join(role.name.removeprefix("AWSServiceRoleFor") for role in needed(spot=spot)))
