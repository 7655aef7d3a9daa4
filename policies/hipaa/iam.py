"""Reading AWS policy documents: who may do what, under which conditions.

Only what rules ask is here. Matching follows "IAM JSON policy elements" of the IAM User Guide: actions are compared
without regard to case, `*` and `?` are the only wildcards, a single value may stand for a list of one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from typing import Any

from hipaa.resource import Properties
from hipaa.rule import Unreadable

# Keys that pin down the caller or the way in, so that `Principal: *` is not the public: "The meaning of public" in the
# Amazon S3 User Guide, with the principal and organization keys that IAM sets for every signed request.
_CALLER_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
_RESOURCE_KEYS = frozenset({"aws:resourceaccount", "aws:resourceorgid", "s3:resourceaccount"})
_PINNING_OPERATORS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
_ROOT = re.compile(r"^(arn:aws[a-z-]*:iam::)?\d{12}(:root)?$")


@dataclass(frozen=True)
class Statement:
    """One statement; every element is a tuple, whatever form it had."""

    sid: str
    allows: bool
    principals: tuple[str, ...]
    everyone_but: tuple[str, ...]
    actions: tuple[str, ...]
    all_actions_but: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"statement {self.sid!r}"

    @property
    def is_for_everyone(self) -> bool:
        """The principal is anyone, signed or not; conditions may still narrow it."""
        return "*" in self.principals or bool(self.everyone_but)

    @property
    def pins_caller(self) -> bool:
        """A condition names the account, organization, principal, network or source that may call."""
        return self._pins(_CALLER_KEYS) or any(
            operator.lower() == "ipaddress"
            and key.lower() == "aws:sourceip"
            and values
            and all(map(_is_narrow, values))
            for operator, key, values in self.conditions
        )

    @property
    def pins_resource(self) -> bool:
        """A condition names the account or organization whose resources may be used."""
        return self._pins(_RESOURCE_KEYS)

    def _pins(self, keys: frozenset[str]) -> bool:
        return any(
            operator.lower().rpartition(":")[2] in _PINNING_OPERATORS
            and key.lower() in keys
            and values
            and not any(set(value) <= {"*", "?"} for value in values)
            for operator, key, values in self.conditions
        )

    @property
    def is_public(self) -> bool:
        """Anyone may act, from any account, without being named by a condition."""
        return self.allows and self.is_for_everyone and not self.pins_caller

    def covers(self, action: str) -> bool:
        """Whether the statement speaks of this action."""
        if self.all_actions_but:
            return not any(matches(pattern, action) for pattern in self.all_actions_but)
        return any(matches(pattern, action) for pattern in self.actions)

    def when(self, operator: str, key: str, value: str) -> bool:
        """Whether this very condition is the statement's only one."""
        return [(o.lower(), k.lower(), [v.lower() for v in vs]) for o, k, vs in self.conditions] == [
            (operator.lower(), key.lower(), [value.lower()])
        ]


def statements(resource: Properties, path: str = "policy") -> tuple[Statement, ...]:
    """The statements of the policy at `path`; none when no policy is set.

    Raises:
        UnknownValue: when the policy is not known before the update.
        Unreadable: when it is no JSON policy document.
    """
    document = resource.at(path)
    if document is None or document == "":
        return ()
    text = json.dumps(_plain(document)) if isinstance(document, Properties) else str(document)
    try:
        return _parse(text)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unreadable(f"`{path}` is not a JSON policy document; it must have a list named Statement") from None


def matches(pattern: str, action: str) -> bool:
    """Whether an action matches a pattern with IAM's wildcards."""
    return bool(_compiled(pattern).fullmatch(action))


def is_account(principal: str) -> bool:
    """The principal is an account as a whole (its root): IAM policies in it decide who may act."""
    return bool(_ROOT.match(principal))


def _is_narrow(block: str) -> bool:
    """Not so broad that S3 calls it public: "The meaning of public" draws the line at /8 and, for IPv6, at /32."""
    try:
        network = ip_network(block, strict=False)
    except ValueError:
        return False
    return network.is_private or network.prefixlen >= (8 if network.version == 4 else 32)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.IGNORECASE | re.DOTALL)


@cache
def _parse(text: str) -> tuple[Statement, ...]:
    found = json.loads(text)["Statement"]
    return tuple(_statement(item, number) for number, item in enumerate([found] if isinstance(found, dict) else found))


def _statement(item: Mapping[str, Any], number: int) -> Statement:
    effect = item["Effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError(effect)
    return Statement(
        sid=str(item.get("Sid") or number + 1),
        allows=effect == "Allow",
        principals=_principals(item.get("Principal")),
        everyone_but=_principals(item.get("NotPrincipal")),
        actions=_strings(item.get("Action")),
        all_actions_but=_strings(item.get("NotAction")),
        resources=_strings(item.get("Resource")),
        conditions=tuple(
            (operator, key, _strings(values))
            for operator, keys in (item.get("Condition") or {}).items()
            for key, values in keys.items()
        ),
    )


def _principals(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return tuple(name for names in value.values() for name in _strings(names))
    return _strings(value)


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
