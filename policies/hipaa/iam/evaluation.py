"""Whether one document lets one request through.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal" and "... NotPrincipal". This is
exact for a known request; which requests to ask about is `witness`'s matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hipaa.iam.conditions import Context
from hipaa.iam.document import Document, Statement
from hipaa.iam.patterns import Lookup, expanded, like, like_resource, matches

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"^(arn:aws[a-z-]*:iam::)?\d{12}(:root)?$")


def is_account(principal: str) -> bool:
    """The principal is an account as a whole (its root): IAM policies in it decide who may act."""
    return bool(_ROOT.match(principal))


@dataclass(frozen=True)
class Caller:
    """Who asks: a user or a role by its ARN, an AWS service, somebody with a foreign token, or nobody that is known."""

    kind: str
    """In words: "an unsigned caller"."""
    arn: str = ""
    service: str = ""
    provider: str = ""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4] if self.arn.count(":") >= 5 else ""

    def is_named(self, statement: Statement) -> bool:
        """Whether a statement's principals mean the caller, by name, as one of an account, or as anyone."""
        names = [name for kind, name in statement.principals or () if self._is(kind, name)]
        if not statement.not_principals:
            return bool(names)
        # Exempt is who is listed with all that it is part of: a role that is listed without its account is not.
        itself = [name for name in names if not is_account(name) or name == self.arn]
        whole = any(map(is_account, names)) or "*" in names
        return not (itself and (whole or not self.arn))

    def _is(self, kind: str, name: str) -> bool:
        if name == "*" and kind in ("*", "AWS"):
            return True
        if kind == "Service":
            return bool(self.service) and like(name.lower(), self.service)
        if kind == "Federated":
            return bool(self.provider) and like(name, self.provider)
        if kind != "AWS" or not self.arn:
            return False
        if _ACCOUNT.fullmatch(name):
            return name == self.account
        # The account of an ARN may be any: AWS takes no such principal, and whoever writes it means everyone.
        if name.endswith(":root") and name.count(":") >= 5:
            return like(name.split(":")[4], self.account)
        return like(name, self.arn)


@dataclass(frozen=True)
class Request:
    """What is asked, by whom, with which context keys (in lower case; what has no value is left out)."""

    caller: Caller
    action: str
    resource: str
    context: Context = field(default_factory=dict)

    def variable(self, name: str) -> str | None:
        values = self.context.get(name.lower(), ())
        return values[0] if len(values) == 1 else None


def verdict(document: Document, request: Request) -> tuple[Statement | None, Statement | None]:
    """The statement that denies a request, if one surely does, and one that allows it, if one may."""
    lookup = request.variable if document.has_variables else None
    allows = None
    for statement in document.statements:
        if statement.allows and allows is not None:
            continue
        if not speaks_of(statement, request, lookup):
            continue
        holds = [condition.holds(request.context, lookup) for condition in statement.conditions]
        if statement.allows:
            allows = statement if False not in holds else None
        elif all(holds):
            return statement, allows
    return None, allows


def speaks_of(statement: Statement, request: Request, lookup: Lookup | None) -> bool:
    """Whether caller, action and resource are a statement's, whatever its conditions say.

    An identity policy names nobody: it is asked about whoever has it.
    """
    if statement.principals is not None and not request.caller.is_named(statement):
        return False
    if covers(statement, request.action) is False:
        return False
    if statement.resources is None:
        return True
    found = any(
        (pattern := expanded(text, lookup)) is not None and like_resource(pattern, request.resource)
        for text in statement.resources
    )
    return found is not statement.not_resources


def covers(statement: Statement, action: str) -> bool:
    """Whether the statement speaks of an action."""
    return any(matches(pattern, action) for pattern in statement.actions) is not statement.not_actions
