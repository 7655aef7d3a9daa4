"""Condition operators: whether one holds for a request.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context
keys".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from hipaa.iam.patterns import Lookup, expanded, like, like_arn, plain

Context: TypeAlias = Mapping[str, "tuple[str, ...]"]
"""The keys of a request, in lower case, with their values; a key that is absent is not there."""
_Compare: TypeAlias = Callable[[str, str], bool]  # what is wanted, with its variables filled in, and a value

ALL, ANY = "forallvalues", "foranyvalue"


def _ordered(read: Callable[[str], Decimal | datetime], holds: Callable[[int], bool]) -> _Compare:
    def compare(wanted: str, value: str) -> bool:
        try:
            left, right = read(value), read(plain(wanted))
            return holds((left > right) - (left < right))  # pyrefly: ignore # both are of one kind
        except (ValueError, InvalidOperation, OverflowError, OSError, TypeError):
            return False

    return compare


def moment(text: str) -> datetime:
    """A date of a policy: ISO 8601, or seconds since 1970. Raises ValueError."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        read = datetime.fromisoformat(text)
        return read if read.tzinfo else read.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def network(text: str) -> IPv4Network | IPv6Network | None:
    """A range of addresses, or None where it is none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _address(wanted: str, value: str) -> bool:
    block = network(plain(wanted))
    try:
        return block is not None and ip_address(value) in block
    except ValueError:
        return False


_ORDERS: Mapping[str, Callable[[int], bool]] = {
    "equals": lambda order: order == 0,
    "lessthan": lambda order: order < 0,
    "lessthanequals": lambda order: order <= 0,
    "greaterthan": lambda order: order > 0,
    "greaterthanequals": lambda order: order >= 0,
}
_POSITIVE: Mapping[str, _Compare] = {
    "stringequals": lambda wanted, value: plain(wanted) == value,
    "stringequalsignorecase": lambda wanted, value: plain(wanted).casefold() == value.casefold(),
    "stringlike": like,
    "arnequals": like_arn,
    "arnlike": like_arn,
    "binaryequals": lambda wanted, value: plain(wanted) == value,
    "bool": lambda wanted, value: plain(wanted).casefold() == value.casefold(),
    "ipaddress": _address,
    **{f"numeric{name}": _ordered(Decimal, holds) for name, holds in _ORDERS.items()},
    **{f"date{name}": _ordered(moment, holds) for name, holds in _ORDERS.items()},
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}
NULL = "null"


@dataclass(frozen=True)
class Condition:
    """One operator over one key, whose name is in lower case. `operator` is empty where IAM has none of that name."""

    operator: str
    negated: bool
    if_exists: bool
    over: str
    """`ALL` or `ANY` of the key's values; empty for a key that has one."""
    key: str
    wanted: tuple[str, ...]

    @classmethod
    def of(cls, written: str, key: str, wanted: tuple[str, ...]) -> Condition:
        over, _, name = written.strip().lower().rpartition(":")
        name, if_exists = name.removesuffix("ifexists"), name.endswith("ifexists")
        operator = _NEGATED.get(name, name)
        known = over in ("", ALL, ANY) and (operator in _POSITIVE or operator == NULL)
        return cls(operator if known else "", name in _NEGATED, if_exists, over, key.strip().lower(), wanted)

    def holds(self, context: Context, lookup: Lookup | None) -> bool | None:
        """Whether it holds; None where nobody can say.

        So it is of an operator that IAM does not have, and of a negation about a variable that has no value: evaluators
        differ on it, and AWS says no more than that it "might" not match.
        """
        if not self.operator:
            return None
        values = context.get(self.key)
        if self.operator == NULL:
            return str(values is None).lower() in (each.lower() for each in self.wanted)
        if self.over == ALL and not (self.negated and values and self._lacks(lookup)):
            return all(self._of(value, lookup) for value in values or ())
        if self.negated and values and self._lacks(lookup):
            return None
        if values is None:
            # An absent key matches nothing, so that only a negation, or `IfExists`, holds.
            return self.if_exists or (self.negated and self.over != ANY)
        if self.over == ANY or not self.negated:
            return any(self._of(value, lookup) for value in values)
        return all(self._of(value, lookup) for value in values)

    def _lacks(self, lookup: Lookup | None) -> bool:
        return lookup is not None and any(expanded(text, lookup) is None for text in self.wanted)

    def _of(self, value: str, lookup: Lookup | None) -> bool:
        compare = _POSITIVE[self.operator]
        wanted = [filled for text in self.wanted if (filled := expanded(text, lookup)) is not None]
        return any(compare(text, value) for text in wanted) is not self.negated
