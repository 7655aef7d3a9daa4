"""Who asks, and which elements of a policy mean them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from local.aws.iam.document import Statement

ACCOUNT_ID: Final = re.compile(r"\d{12}")


class Named(IntEnum):
    """How a resource's policy names a principal; the higher, the less must IAM itself allow.

    Source: IAM User Guide, "Policy evaluation for requests within a single account" and "AWS JSON policy elements:
    Principal".
    """

    BY_ACCOUNT = 1
    """The account may allow it, in its identity policies."""
    BY_ROLE = 2
    """It may, within its boundary and session policies."""
    ITSELF = 3
    """It may, whatever no identity policy, boundary or session policy says: named as a session or a user, or as
    anyone."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A user, a role's session, an AWS service, somebody with a foreign token; with no field set, an anonymous one."""

    arn: str = ""
    """Of a user, the root user or a session: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`."""
    role_arn: str = ""
    """Of a session: its role."""
    service: str = ""
    """Of an AWS service: `lambda.amazonaws.com`."""
    federated: str = ""
    """Of a foreign token: the provider that issued it."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.arn.split(":")[4] if self.arn else ""

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root")

    def context(self) -> dict[str, tuple[str, ...]]:
        """The global keys that every request of it has."""
        keys = {"aws:principalisawsservice": str(bool(self.service)).lower()}
        if self.service:
            keys |= {"aws:principalservicename": self.service}
        if self.arn:
            kind = "Account" if self.is_root else "AssumedRole" if self.role_arn else "User"
            keys |= {"aws:principalaccount": self.account, "aws:principaltype": kind}
            keys["aws:principalarn"] = self.role_arn or self.arn
            if kind == "User":
                keys["aws:username"] = self.arn.rpartition("/")[2]
        keys |= {f"aws:principaltag/{name}".lower(): value for name, value in self.tags.items()}
        return {name: (value,) for name, value in keys.items()}

    def named(self, statement: Statement) -> Named | None:
        """How a statement of a resource's policy means this principal, if it does."""
        principals = statement.principals or {}
        found = [self._named(kind, who) for kind, listed in principals.items() for who in listed]
        best = max((each for each in found if each is not None), default=None)
        if not statement.not_principals:
            return best
        # Exempt is who is listed with all that it is part of (IAM User Guide, "AWS JSON policy elements:
        # NotPrincipal").
        wanted = {Named.BY_ACCOUNT, *({Named.BY_ROLE} if self.role_arn else ()), Named.ITSELF} if self.arn else {best}
        return None if best is not None and wanted <= set(found) else Named.ITSELF

    def _named(self, kind: str, who: str) -> Named | None:
        if who == "*" and kind in ("*", "AWS"):
            return Named.ITSELF
        if kind in ("Service", "Federated"):
            own = self.service if kind == "Service" else self.federated
            return Named.ITSELF if own and who == own else None
        if kind != "AWS" or not self.arn:
            return None
        if who == self.arn:
            return Named.ITSELF
        if self.role_arn and who == self.role_arn:
            return Named.BY_ROLE
        account = who if ACCOUNT_ID.fullmatch(who) else who.split(":")[4] if who.endswith(":root") else ""
        return Named.BY_ACCOUNT if account and account == self.account else None
