"""Reads the little of PCL, the engine's own program notation, in which `pulumi import` describes what it imported.

Blocks with attributes; texts, numbers, lists, objects, references and calls of functions. Anything else of the notation
(operators, conditions, loops) is refused.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][\w-]*)
      | (?P<sign>[{}\[\]().,=:])""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class NotRead(Exception):
    """A text that is more than the engine writes for an import: where it stops, and at what."""


@dataclass
class Reference:
    """A resource, or a property of it: `bucket.arn`, as `["bucket", "arn"]`."""

    path: list[Any]


@dataclass
class Call:
    """A call of a function, such as `stringAsset("...")`."""

    name: str
    arguments: list[Any]


@dataclass
class Block:
    """`kind "label" ... { attribute = value ... }`."""

    kind: str
    labels: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


def read(source: str) -> list[Block]:
    """The blocks of a program; NotRead where it holds anything else."""
    return _Reader(source).blocks(end="")


class _Reader:
    def __init__(self, source: str) -> None:
        self._tokens = list(_tokens(source))
        self._at = 0

    @property
    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, kind: str = "", text: str | None = None) -> str:
        found = self._next
        if (kind and found[0] != kind) or (text is not None and found[1] != text):
            raise NotRead(f"{text or kind} is expected at {found[1]!r}")
        self._at += 1
        return found[1]

    def _taken(self, text: str) -> bool:
        if self._next == ("sign", text):
            self._at += 1
            return True
        return False

    def blocks(self, end: str) -> list[Block]:
        found: list[Block] = []
        while self._next[1] != end:
            found.append(self._block(self._take("word")))
        return found

    def _block(self, kind: str) -> Block:
        block = Block(kind)
        while self._next[0] in {"text", "word"}:
            block.labels.append(_text(self._take()) if self._next[0] == "text" else self._take())
        self._take("sign", "{")
        while not self._taken("}"):
            name = self._take("word")
            if self._taken("="):
                block.attributes[name] = self._value()
            else:
                block.blocks.append(self._block(name))
        return block

    def _value(self) -> Any:
        kind, text = self._next
        self._at += 1
        if kind == "text":
            return _text(text)
        if kind == "number":
            return json.loads(text)
        if text == "[":
            return self._list("]")
        if text == "{":
            return self._object()
        if kind != "word":
            raise NotRead(f"a value is expected at {text!r}")
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if self._taken("("):
            return Call(text, self._list(")"))
        return Reference([text, *self._path()])

    def _path(self) -> Iterator[Any]:
        while True:
            if self._taken("."):
                yield self._take("word")
            elif self._taken("["):
                yield self._value()
                self._take("sign", "]")
            else:
                return

    def _list(self, end: str) -> list[Any]:
        found: list[Any] = []
        while not self._taken(end):
            found.append(self._value())
            self._taken(",")
        return found

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._taken("}"):
            kind, text = self._next
            self._at += 1
            if not (self._taken("=") or self._taken(":")):
                raise NotRead(f"= is expected after {text!r}")
            found[_text(text) if kind == "text" else text] = self._value()
            self._taken(",")
        return found


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None or found.lastgroup is None:
            raise NotRead(f"{source[at : at + 20]!r} is not understood")
        if found.lastgroup != "space":
            yield found.lastgroup, found[0]
        at = found.end()


def _text(token: str) -> str:
    if re.search(r"(?<!\$)\$\{", token):
        raise NotRead(f"a template is not understood: {token[:40]}")
    return str(json.loads(token.replace("\n", "\\n"))).replace("$${", "${").replace("%%{", "%{")
