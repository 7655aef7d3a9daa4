"""IAM policy documents: when two of them say the same."""

from __future__ import annotations

import json
import re
from typing import Any

_ACCOUNT = re.compile(r"^(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?$")


def same_json(one: str, other: str) -> bool:
    """Whether two texts are equal, as JSON and as IAM reads a policy where they are that."""
    if one == other:
        return True
    left, right = _object(one), _object(other)
    if left is None or right is None:
        return False
    if isinstance(left, dict) and isinstance(right, dict) and "Statement" in left and "Statement" in right:
        return normalize(left) == normalize(right)
    return bool(left == right)


def _object(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def normalize(document: dict[str, Any]) -> dict[str, Any]:
    """A policy in one form: lists where IAM takes one or many, in no order; accounts by their number."""
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    return {
        "Version": document.get("Version", "2008-10-17"),
        "Id": document.get("Id") or "",
        "Statement": sorted((_statement(one) for one in statements if isinstance(one, dict)), key=_key),
    }


def _statement(statement: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in statement.items():
        if key in {"Action", "NotAction"}:
            # IAM does not tell the case of actions apart.
            result[key] = sorted({str(one).lower() for one in _many(value)})
        elif key in {"Resource", "NotResource"}:
            result[key] = sorted({str(one) for one in _many(value)})
        elif key in {"Principal", "NotPrincipal"}:
            result[key] = _principal(value)
        elif key == "Condition" and isinstance(value, dict):
            conditions = {
                str(operator).lower(): {
                    str(name).lower(): sorted(_text(one) for one in _many(wanted)) for name, wanted in test.items()
                }
                for operator, test in value.items()
                if isinstance(test, dict)
            }
            if conditions:
                result[key] = conditions
        elif key != "Sid" or value:
            result[key] = value
    return result


def _principal(value: Any) -> Any:
    if not isinstance(value, dict):
        return {"AWS": ["*"]} if value == "*" else value
    return {kind: sorted({_account(str(one)) for one in _many(who)}) for kind, who in value.items()}


def _account(principal: str) -> str:
    found = _ACCOUNT.match(principal)
    return found[1] if found else principal


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _key(statement: dict[str, Any]) -> str:
    return json.dumps(statement, sort_keys=True)
