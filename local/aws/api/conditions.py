"""Conditions of a bucket policy's statements, told for the request that is being answered.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators"; Service Authorization Reference, "Condition
keys for Amazon S3". The local endpoint speaks plain HTTP on a loopback address: it counts as TLS 1.2 here, so that a
policy that demands TLS does not refuse everybody.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

TRANSPORT = {"aws:securetransport": "true", "s3:tlsversion": "1.2"}
HEADERS = {
    f"s3:{name}": name
    for name in (
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-customer-algorithm",
    )
}
"""Keys, in lower case as they count in any, whose value is that of a request's header."""


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))  # `*` and `?` alone are wild


COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
}
NEGATED = {
    name.replace("Equals", "NotEquals", 1).replace("Like", "NotLike", 1): name
    for name in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "NumericEquals")
}


def holds(condition: Mapping[str, Mapping[str, Any]], headers: Mapping[str, str]) -> bool | None:
    """Whether every operator of a condition holds for a request; None where an operator or a key is not known here.

    `headers`: the request's, by their names in lower case.
    """
    told = [
        _holds(operator, key.lower(), wanted, headers)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    ]
    return None if None in told else all(told)


def _holds(operator: str, key: str, wanted: Any, headers: Mapping[str, str]) -> bool | None:
    if key not in HEADERS and key not in TRANSPORT:
        return None
    value = TRANSPORT.get(key) or headers.get(HEADERS.get(key, ""))
    texts = [_text(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
    if operator == "Null":
        return _text(value is None) in texts
    name = operator.removesuffix("IfExists")
    compare = COMPARISONS.get(NEGATED.get(name, name))
    if compare is None:
        return None
    if value is None:  # an absent key matches nothing, so that only a negation, or an `IfExists`, holds
        return name in NEGATED or name != operator
    try:
        return any(compare(value, text) for text in texts) is not (name in NEGATED)
    except ValueError:  # a number is wanted, and there is none
        return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
