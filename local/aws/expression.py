"""JMESPath over a call's context, with the few functions that declarations need."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import textwrap
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import jmespath
from jmespath import functions

from local.aws import certificates, security_group_rules, ses

_TEMPLATE = re.compile(r"^f'((?:[^'{}]|\{[^{}]*\})*)'$")
_NOT = re.compile(r"!\s*([A-Za-z_]\w*(?:\.\w+|\[\d+\])+)(?![\w(.\[])")
_EMBEDDED = re.compile(r"(?<!\w)f'([^']*)'")
_HOLE = re.compile(r"\{([^{}]+)\}")


_ANY: Any = {"types": []}


class _Functions(functions.Functions):  # type: ignore[misc]
    @functions.signature({"types": ["string", "null"]})
    def _func_parse(self, text: str | None) -> Any:
        return json.loads(text) if text else None

    @functions.signature(_ANY)  # type: ignore[untyped-decorator]
    def _func_dump(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    @functions.signature({"types": ["string"]}, {"types": ["string", "null"]})
    def _func_split(self, separator: str, text: str | None) -> list[str]:
        return text.split(separator) if text else []

    @functions.signature({"types": ["object", "null"]})
    def _func_query(self, value: dict[str, Any] | None) -> str | None:
        return urlencode(value) if value else None

    @functions.signature({"types": ["string", "null"]})
    def _func_serial(self, pem: str | None) -> str | None:
        return certificates.serial(pem) if pem else None

    @functions.signature(_ANY)
    def _func_base64(self, data: Any) -> str | None:
        data = data.encode() if isinstance(data, str) else data
        return base64.b64encode(data).decode() if isinstance(data, bytes) else None

    @functions.signature({"types": ["string", "null"]})
    def _func_text(self, data: str | None) -> str | None:
        return base64.b64decode(data).decode() if data else None

    @functions.signature({"types": ["string", "null"]})
    def _func_pem(self, text: str | None) -> str | None:
        return "\n".join(textwrap.wrap(text, 64)) if text else None

    @functions.signature({"types": ["array", "null"]}, {"types": ["array", "null"]})
    def _func_zip(self, keys: list[str] | None, values: list[Any] | None) -> dict[str, Any]:
        return dict(zip(keys or [], values or [], strict=False))

    @functions.signature()
    def _func_unique(self) -> str:
        return uuid.uuid4().hex

    @functions.signature({"types": ["array"]})
    def _func_glue(self, parts: list[Any]) -> str | None:
        return None if any(part is None for part in parts) else "".join(map(str, parts))

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_capture(self, text: str | None, pattern: str) -> str | None:
        found = re.search(pattern, text) if text else None
        return (found[1] if found.re.groups else found[0]) if found else None

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]}, {"types": ["string"]})
    def _func_replace(self, text: str | None, old: str, new: str) -> str | None:
        return text.replace(old, new) if text is not None else None

    @functions.signature({"types": ["string"]}, {"types": ["string", "null"]})
    def _func_matches(self, text: str, pattern: str | None) -> bool:
        return not pattern or re.search(pattern, text) is not None

    @functions.signature({"types": ["string", "null"]})
    def _func_trim(self, text: str | None) -> str | None:
        return text.strip() if text else text

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_smtp_password(self, secret: str, region: str) -> str:
        return ses.smtp_password(secret, region)

    @functions.signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        return text.lower() if text else text

    @functions.signature({"types": ["string", "null"]})
    def _func_upper(self, text: str | None) -> str | None:
        return text.upper() if text else text

    @functions.signature(_ANY, _ANY, _ANY)
    def _func_if(self, condition: Any, yes: Any, no: Any) -> Any:
        return yes if condition not in (None, False, "", [], {}) else no

    @functions.signature({"types": ["object", "null"]})
    def _func_names(self, value: dict[str, Any] | None) -> list[str]:
        return list(value or {})

    @functions.signature({"types": ["array", "null"]}, {"types": ["number"]})
    def _func_chunks(self, value: list[Any] | None, size: int) -> list[list[Any]]:
        return [(value or [])[start : start + int(size)] for start in range(0, len(value or []), int(size))]

    @functions.signature({"types": ["array", "null"]}, {"types": ["array", "null"]})
    def _func_minus(self, left: list[Any] | None, right: list[Any] | None) -> list[Any]:
        return [item for item in left or [] if item not in (right or [])]

    @functions.signature({"types": ["array", "object", "null"]})
    def _func_count(self, value: list[Any] | dict[str, Any] | None) -> int:
        return len(value or [])

    @functions.signature(_ANY)
    def _func_known(self, value: Any) -> bool:
        return value is not None

    @functions.signature(_ANY, {"types": ["number"]})
    def _func_digest(self, value: Any, length: int) -> str:
        return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[: int(length)]

    @functions.signature(_ANY, {"types": ["string"]})
    def _func_date(self, value: Any, form: str) -> str | None:
        return value.astimezone(UTC).strftime(form) if isinstance(value, datetime) else value

    @functions.signature({"types": ["string", "null"]})
    def _func_milliseconds(self, text: str | None) -> int | None:
        if not text or re.fullmatch(r"-?\d+", text):
            return int(text) if text else None
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)

    @functions.signature(_ANY, _ANY, _ANY)
    def _func_attributes(self, values: Any, names: Any, changed: Any) -> dict[str, str]:
        """Properties as an API's map of texts; if `changed` is given, of those alone, empty where they are gone."""
        wanted = {name: member for name, member in names.items() if changed is None or name in changed}
        found = {member: values.get(name) for name, member in wanted.items()}
        return {member: _as_text(value) for member, value in found.items() if changed is not None or value is not None}

    @functions.signature(_ANY)
    def _func_given(self, value: Any) -> Any:
        """The same without members that are null, at any depth."""
        if isinstance(value, dict):
            return {key: self._func_given(item) for key, item in value.items() if item not in (None, False)}
        return [self._func_given(item) for item in value] if isinstance(value, list) else value

    @functions.signature({"types": ["object", "null"]})
    def _func_pairs(self, value: dict[str, Any] | None) -> list[dict[str, Any]]:
        return [{"key": key, "value": item} for key, item in (value or {}).items()]

    @functions.signature({"types": ["array", "null"]}, {"types": ["object", "null"]})
    def _func_filters(self, filters: list[Any] | None, tags: dict[str, str] | None) -> list[dict[str, Any]]:
        """The `filters` and `tags` arguments that EC2's data sources share, as the API takes them."""
        own = [{"Name": one["name"], "Values": one["values"]} for one in filters or []]
        return own + [{"Name": f"tag:{key}", "Values": [value]} for key, value in (tags or {}).items()]

    @functions.signature({"types": ["array", "null"]}, {"types": ["string"]})
    def _func_permissions(self, rules: list[Any] | None, group: str) -> list[Any]:
        return security_group_rules.permissions(rules or [], group)

    @functions.signature({"types": ["array", "null"]}, {"types": ["string"]})
    def _func_rules(self, allowed: list[Any] | None, group: str) -> list[Any]:
        return security_group_rules.rules(allowed, group)

    @functions.signature({"types": ["array", "null"]}, {"types": ["object"]})
    def _func_held_rule(self, allowed: list[Any] | None, rule: dict[str, Any]) -> dict[str, Any] | None:
        return security_group_rules.held(allowed, rule)

    @functions.signature({"types": ["string"]}, {"types": ["number"]}, {"types": ["number"]})
    def _func_is_network(self, text: str, shortest: int, longest: int) -> bool:
        return security_group_rules.is_network(text, int(shortest), int(longest))

    @functions.signature(_ANY)
    def _func_text(self, value: Any) -> Any:
        return value.decode() if isinstance(value, bytes | bytearray) else value

    @functions.signature({"types": ["array", "null"]}, {"types": ["string"]})
    def _func_value_of(self, attributes: list[dict[str, Any]] | None, key: str) -> Any:
        return next((one.get("Value") for one in attributes or [] if one.get("Key") == key), None)

    @functions.signature({"types": ["object", "null"]}, {"types": ["array"]})
    def _func_pick(self, value: dict[str, Any] | None, names: list[str]) -> dict[str, Any]:
        return {name: (value or {})[name] for name in names if name in (value or {})}

    @functions.signature({"types": ["string", "null"]})
    def _func_decoded(self, text: str | None) -> Any:
        return base64.b64decode(text) if text else None


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class ExpressionError(Exception):
    """An expression of a declaration that does not evaluate."""


@cache
def _compile(text: str) -> Any:
    try:
        # To JMESPath `!a.b` is the b of what a is not; here it is what anyone would read.
        return jmespath.compile(_NOT.sub(r"!(\1)", text))
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(f"{text!r}: {error}") from error


def parsed(text: str) -> dict[str, Any]:
    """The syntax tree of an expression."""
    return dict(_compile(_rooted(_EMBEDDED.sub(_glued, text), lambda _: "`null`")).parsed)


def evaluate(expression: Any, context: Mapping[str, Any]) -> Any:
    """The value of a declaration's expression.

    `$(path)` inside a filter is the value at `path` from the top, which JMESPath itself cannot name there. A text of
    the form `f'...{expression}...'` is a template, None when one of its holes is; any other text is JMESPath; what is
    no text stands for itself.
    """
    if isinstance(expression, list):
        return [evaluate(item, context) for item in expression]
    if not isinstance(expression, str):
        return expression
    template = _TEMPLATE.match(expression)
    if template:
        holes = {hole: evaluate(hole, context) for hole in re.findall(r"\{([^{}]+)\}", template[1])}
        if any(value is None for value in holes.values()):
            return None
        return re.sub(r"\{([^{}]+)\}", lambda match: str(holes[match[1]]), template[1])
    expression = _EMBEDDED.sub(_glued, expression)
    expression = _rooted(expression, lambda inner: f"`{json.dumps(evaluate(inner, context))}`")
    try:
        return _compile(expression).search(context, _OPTIONS)
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(f"{expression!r}: {error}") from error


def _rooted(text: str, replacement: Callable[[str], str]) -> str:
    """A text with every `$(...)` replaced."""
    done, rest = "", text
    while "$(" in rest:
        before, rest = rest.split("$(", 1)
        depth, end = 1, 0
        while depth and end < len(rest):
            depth += (rest[end] == "(") - (rest[end] == ")")
            end += 1
        done += before + replacement(rest[: end - 1])
        rest = rest[end:]
    return done + rest


def _glued(template: re.Match[str]) -> str:
    """A template inside of an expression, as a call that JMESPath can read."""
    parts = [part if at % 2 else f"'{part}'" for at, part in enumerate(_HOLE.split(template[1]))]
    return f"glue([{', '.join(parts)}])"


def holds(expression: Any, context: Mapping[str, Any]) -> bool:
    """Whether an expression is true in JMESPath's sense, where 0 is true and emptiness is not."""
    value = evaluate(expression, context)
    return value not in (None, False, "") and value != [] and value != {}
