"""Fields that are a text with JSON in it are read like a body, and go on as they were read."""

import json

import pytest

from parapet_mlflow.gate import texts
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.values import DEPTH
from tests.delivery.test_reading import of

EACH = [(route, name, kind.startswith("[")) for route, kinds in texts.TEXTS.items() for name, kind in kinds.items()]

NONE = [
    *("", "text", '"{}"', '["text"]', "null", "1", "{} {}", "[" * 50_000),
    *('{"a":1,"a":2}', '[{"a":1,"a":2}]', '{"a":NaN}', '[{"a":NaN}]', '{"b":"\\u0000"}', '[{"b":"\\u0000"}]'),
    '[{"c":' + "[" * (DEPTH + 1) + "]" * (DEPTH + 1) + "}]",
]
"""Of neither kind: no JSON, another type, read in two ways, too deep, or with what the database does not take."""


@pytest.mark.parametrize(("route", "name", "several"), EACH)
def test_a_text_goes_on_as_it_was_read(route: str, name: str, several: bool) -> None:
    told = '{ "a" : {"b": [1, null, "c"]},\n"d": "\\u00e9" }'
    asked = of(route, **{name: f"[{told}]" if several else told}).read()
    assert asked.fields[name] == json.dumps([json.loads(told)] if several else json.loads(told), separators=(",", ":"))


@pytest.mark.parametrize(("route", "name", "several"), EACH)
@pytest.mark.parametrize("text", NONE, ids=lambda text: ascii(text[:20]))
def test_a_text_that_is_something_else_is_refused(route: str, name: str, several: bool, text: str) -> None:
    with pytest.raises(Refusal) as why:
        of(route, **{name: text}).read()
    assert why.value.status == 400
    whole = [{}] if several else {}
    of(route, **{name: json.dumps(whole)}).read()
