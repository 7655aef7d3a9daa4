"""Condition operators.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context
keys".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address, ip_network
from typing import Final, TypeAlias

from local.aws.iam.patterns import Lookup, literal, matches, matches_arn

Context: TypeAlias = Mapping[str, tuple[str, ...]]
"""The keys of a request, in lower case, with their values; a key that is absent is not there."""
Compare: TypeAlias = Callable[[str, str, Lookup | None], bool]


def _string(fold: bool) -> Compare:
    def compare(value: str, wanted: str, lookup: Lookup | None) -> bool:
        filled = literal(wanted, lookup)
        if filled is None:
            return False
        return value.casefold() == filled.casefold() if fold else value == filled

    return compare


def _ordered(read: Callable[[str], Decimal | datetime], holds: Callable[[int], bool]) -> Compare:
    def compare(value: str, wanted: str, lookup: Lookup | None) -> bool:
        try:
            left, right = read(value), read(literal(wanted, lookup) or "")
        except (ValueError, InvalidOperation):
            return False
        return holds((left > right) - (left < right))  # pyrefly: ignore # both are of one kind

    return compare


def _date(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        read = datetime.fromisoformat(text)
        return read if read.tzinfo else read.replace(tzinfo=UTC)


def _address(value: str, wanted: str, lookup: Lookup | None) -> bool:
    try:
        return ip_address(value) in ip_network(literal(wanted, lookup) or "", strict=False)
    except ValueError:
        return False


ORDERS: Final[Mapping[str, Callable[[int], bool]]] = {
    "Equals": lambda order: order == 0,
    "LessThan": lambda order: order < 0,
    "LessThanEquals": lambda order: order <= 0,
    "GreaterThan": lambda order: order > 0,
    "GreaterThanEquals": lambda order: order >= 0,
}
POSITIVE: Final[Mapping[str, Compare]] = {
    "StringEquals": _string(fold=False),
    "StringEqualsIgnoreCase": _string(fold=True),
    "StringLike": matches,
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "BinaryEquals": _string(fold=False),
    "Bool": _string(fold=True),
    "IpAddress": _address,
    **{f"Numeric{name}": _ordered(Decimal, holds) for name, holds in ORDERS.items()},
    **{f"Date{name}": _ordered(_date, holds) for name, holds in ORDERS.items()},
}
NEGATED: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
SPELLED: Final = {name.lower(): name for name in (*POSITIVE, *NEGATED, "Null")}
ALL, ANY = "forallvalues", "foranyvalue"


@dataclass(frozen=True)
class Condition:
    """One operator over one key."""

    written: str
    """The operator as the policy has it."""
    operator: str
    negated: bool
    if_exists: bool
    over: str
    """`ALL` or `ANY` of the key's values; empty for a key that has one."""
    key: str
    wanted: tuple[str, ...]

    @classmethod
    def of(cls, written: str, key: str, wanted: tuple[str, ...]) -> "Condition":
        """Raises ValueError for an operator that IAM does not have."""
        over, _, plain = written.lower().rpartition(":")
        name = SPELLED.get(plain.removesuffix("ifexists"))
        if name is None or over not in ("", ALL, ANY):
            raise ValueError(f"IAM has no condition operator {written!r}")
        negated = name in NEGATED
        return cls(written, NEGATED.get(name, name), negated, plain.endswith("ifexists"), over, key, wanted)

    def holds(self, context: Context, lookup: Lookup | None) -> bool:
        values = context.get(self.key.lower())
        if self.operator == "Null":
            return str(values is None).lower() in (each.lower() for each in self.wanted)
        if self.over == ALL:
            return all(self._of(value, lookup) for value in values or ())
        if values is None:
            # An absent key matches nothing, so that only a negation, or `IfExists`, holds.
            return self.if_exists or (self.negated and self.over != ANY)
        if self.over == ANY or not self.negated:
            return any(self._of(value, lookup) for value in values)
        return all(self._of(value, lookup) for value in values)

    def _of(self, value: str, lookup: Lookup | None) -> bool:
        compare = POSITIVE[self.operator]
        return any(compare(value, text, lookup) for text in self.wanted) is not self.negated

    def told(self, context: Context) -> str:
        """For a verdict: what it wants, and what the request has."""
        values = context.get(self.key.lower())
        has = "is absent" if values is None else f"is {', '.join(values)!r}"
        return f"{self.written} {self.key} wants {', '.join(self.wanted)!r} and it {has}"
