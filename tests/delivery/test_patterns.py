"""Each pattern that a document's text is held to ends where the text ends, and knows no other digits than ours.

msgspec looks with Python's `re`: before a newline that ends a text there is a `$` too, and `\\d` is of each script.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as words
from re import _parser as parser
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"delivery": ROOT, "delivery/serving/parapet_serving": ROOT / "delivery/serving"}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    files = {file: root for room, root in ROOMS.items() for file in sorted((ROOT / room).rglob("*.py"))}
    for file, root in files.items():
        text = file.read_text()
        if "Meta(" in text and "pattern=" in text and "msgspec" in text:
            yield ".".join(file.relative_to(root).with_suffix("").parts), ast.parse(text)


def _patterns() -> Iterator[tuple[str, str]]:
    """Where each stands, and what it is, by the module's own names."""
    for name, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Meta", "msgspec.Meta"):
                for told in (each.value for each in node.keywords if each.arg == "pattern"):
                    known = vars(importlib.import_module(name))
                    yield f"{name}:{told.lineno}", eval(ast.unparse(told), known)  # noqa: S307 (our own source)


PATTERNS = dict(_patterns())


def _parts(parsed: Any) -> Iterator[Any]:
    """All that a pattern is made of."""
    for part in parsed:
        if isinstance(part, parser.SubPattern):
            yield from _parts(part)
        elif isinstance(part, tuple | list):
            yield part
            yield from _parts(part)


@pytest.mark.parametrize("where", PATTERNS)
def test_a_text_that_goes_on_after_its_end_is_refused(where: str) -> None:
    parts = list(_parts(parser.parse(PATTERNS[where])))
    assert (words.AT, words.AT_END) not in parts, f"{PATTERNS[where]}: write \\Z for $"
    assert (words.AT, words.AT_BEGINNING) in parts or (words.AT, words.AT_BEGINNING_STRING) in parts, "no ^"


@pytest.mark.parametrize("where", PATTERNS)
def test_a_digit_is_one_of_ten(where: str) -> None:
    assert not (found := re.findall(r"\\[dws]", PATTERNS[where])), f"{PATTERNS[where]}: {found} are of each script"


def test_all_of_them_are_looked_at() -> None:
    rooms = {where.partition(".")[0] for where in PATTERNS}
    assert rooms == {"delivery", "parapet_serving"}
    assert len(PATTERNS) > 30
