"""The data source `aws:iam/getPolicyDocument`: a policy document out of typed statements, without a call.

The shape of its JSON is the official one's: version 2012-10-17, a list of one becomes its element, statements with
the same sid override one another.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from local.plugin.checks import Failure

_VERSION = "2012-10-17"


def policy_document(arguments: dict[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """The result of the data source, or what is wrong with its arguments."""
    failures: list[Failure] = []
    merged: dict[str, Any] = {"Version": arguments.get("version", _VERSION)}
    statements: list[dict[str, Any]] = []
    sources = [("sourceJson", arguments.get("sourceJson"))]
    sources += [("sourcePolicyDocuments", one) for one in arguments.get("sourcePolicyDocuments", [])]
    for name, text in sources:
        document = _parse(name, text, failures)
        if document:
            merged |= {key: value for key, value in document.items() if key in {"Id"}}
            statements += _listed(document.get("Statement"))
    _refuse_twice(statements, failures)
    statements = _override(
        statements, [_statement(one, arguments, failures) for one in arguments.get("statements", [])]
    )
    overrides = [("overrideJson", arguments.get("overrideJson"))]
    overrides += [("overridePolicyDocuments", one) for one in arguments.get("overridePolicyDocuments", [])]
    for name, text in overrides:
        document = _parse(name, text, failures)
        if document:
            merged |= {key: value for key, value in document.items() if key in {"Id", "Version"}}
            statements = _override(statements, _listed(document.get("Statement")))
    if arguments.get("policyId"):
        merged["Id"] = arguments["policyId"]
    ordered = {"Version": merged["Version"]} | ({"Id": merged["Id"]} if "Id" in merged else {})
    if statements:
        ordered["Statement"] = statements
    result = dict(arguments)
    result["json"] = json.dumps(ordered, indent=2)
    result["minifiedJson"] = json.dumps(ordered, separators=(",", ":"))
    result["id"] = str(zlib.crc32(result["json"].encode()))
    return result, failures


def _listed(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value] if value else []


def _parse(name: str, text: str | None, failures: list[Failure]) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        document = json.loads(text)
    except ValueError as error:
        failures.append(Failure(name, f"is no JSON: {error}"))
        return None
    if not isinstance(document, dict):
        failures.append(Failure(name, "is no policy document: an object is wanted"))
        return None
    return document


def _refuse_twice(statements: list[dict[str, Any]], failures: list[Failure]) -> None:
    seen: set[str] = set()
    for statement in statements:
        sid = statement.get("Sid")
        if sid and sid in seen:
            failures.append(Failure("sourcePolicyDocuments", f"more than one statement has the sid {sid!r}"))
        seen.add(sid or "")


def _override(base: list[dict[str, Any]], over: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`over` in place of the statements of the same sid, and after the others."""
    result = list(base)
    for statement in over:
        sid = statement.get("Sid")
        at = next((n for n, one in enumerate(result) if sid and one.get("Sid") == sid), None)
        if at is None:
            result.append(statement)
        else:
            result[at] = statement
    return result


def _statement(given: dict[str, Any], arguments: dict[str, Any], failures: list[Failure]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if given.get("sid"):
        result["Sid"] = given["sid"]
    result["Effect"] = given.get("effect", "Allow")
    if result["Effect"] not in {"Allow", "Deny"}:
        failures.append(Failure("statements", f"effect is {result['Effect']!r}, but must be Allow or Deny"))
    for name, key in [("actions", "Action"), ("notActions", "NotAction"), ("resources", "Resource")]:
        if given.get(name):
            result[key] = _one_or_many(given[name], reverse=True)
    if given.get("notResources"):
        result["NotResource"] = _one_or_many(given["notResources"], reverse=True)
    for name, key in [("principals", "Principal"), ("notPrincipals", "NotPrincipal")]:
        if given.get(name):
            result[key] = _principals(given[name])
    if given.get("conditions"):
        result["Condition"] = _conditions(given["conditions"])
    return result


def _one_or_many(values: list[Any], *, reverse: bool = False) -> Any:
    # The official data source puts a set in descending order.
    ordered = sorted({str(one) for one in values}, reverse=reverse)
    return ordered[0] if len(ordered) == 1 else ordered


def _principals(given: list[dict[str, Any]]) -> Any:
    found: dict[str, set[str]] = {}
    for one in given:
        found.setdefault(one["type"], set()).update(one["identifiers"])
    if found == {"*": {"*"}}:
        return "*"
    return {kind: _one_or_many(list(who), reverse=True) for kind, who in sorted(found.items())}


def _conditions(given: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, dict[str, list[str]]] = {}
    for one in given:
        found.setdefault(one["test"], {}).setdefault(one["variable"], []).extend(str(v) for v in one["values"])
    return {
        test: {variable: values[0] if len(values) == 1 else values for variable, values in sorted(tests.items())}
        for test, tests in sorted(found.items())
    }
