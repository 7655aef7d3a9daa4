"""A guide's shell blocks and tables, as its Markdown has them.

A block's info string says what the tests do with it: `sh local` is run as it stands in the shell of the local stack,
`sh as-local` with the stack `local` in the place of `dev`, `sh account` on a new account of the local AWS API,
`sh engine` there too, by the real engine with a program of a few lines in the platform's place; and of a mere `sh` it
is checked that what it names exists. A block `text` right after one that is run says what that prints, `...` standing
for anything.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "first-account.md"
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)")


@dataclass(frozen=True)
class Block:
    """A shell block, and the block of text that follows it."""

    info: str
    body: str
    printed: str

    @property
    def is_run(self) -> bool:
        """Whether the local stack serves it."""
        return self.info in ("sh local", "sh as-local")

    @property
    def script(self) -> str:
        """What is run."""
        return self.body.replace("--stack dev", "--stack local") if self.info == "sh as-local" else self.body


def blocks(text: str) -> list[Block]:
    """The shell blocks in their order."""
    found = list(_BLOCK.finditer(text))
    shells = []
    for index, each in enumerate(found):
        if not each["info"].startswith("sh"):
            continue
        following = found[index + 1] if index + 1 < len(found) else None
        printed = following["body"] if following and following["info"] == "text" else ""
        shells.append(Block(each["info"], each["body"], printed))
    return shells


def settings(text: str) -> str:
    """The stack's file that the guide shows."""
    (shown,) = [each["body"] for each in _BLOCK.finditer(text) if each["info"] == "yaml"]
    return shown


def commands(body: str) -> Iterator[list[str]]:
    """The words of each simple command of a shell block: those in `$(...)` too, comments and redirections left out."""
    joined = re.sub(r"\\\n\s*", " ", body)
    for line in joined.splitlines():
        for inner in _PLACEHOLDER.findall(line):
            yield from commands(inner[2:-1])
        flat = _PLACEHOLDER.sub("SUBSTITUTED", line)
        lexer = shlex.shlex(flat, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in (";", "&&", "||", "|", "&", "(", ")"):
                if words:
                    yield _without_variables(words)
                words = []
            else:
                words.append(word)


def _without_variables(words: list[str]) -> list[str]:
    """The command itself, without assignments before it and redirections after it."""
    while words and (words[0] == "export" or re.match(r"[A-Z_]+=", words[0])):
        words = words[1:]
    end = next((index for index, word in enumerate(words) if word.startswith((">", "<"))), len(words))
    return words[:end]


def says(output: str, printed: str) -> str | None:
    """The first line of `printed` that `output` does not have after those before it; None where it has all."""
    position = 0
    for line in filter(None, map(str.strip, printed.splitlines())):
        parts = [re.escape(part) for part in re.split(r"\s*\.\.\.\s*", line)]
        words = re.sub(r"(\\ )+", r"\\s+", ".*".join(parts))
        found = re.compile(words).search(output, position)
        if not found:
            return line
        position = found.end()
    return None
