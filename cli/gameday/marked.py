"""What of a runbook a game day runs, and what it answers: as the file has it, and nowhere else."""

import re
from pathlib import Path
from typing import Final

from cli.output import Refused

_BLOCK: Final = re.compile(r"^```sh mends (?P<fault>[a-z-]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKED: Final = re.compile(r"^- `(?P<name>[a-z][a-z0-9-]*)`: ", re.MULTILINE)


def mending(text: str, fault: str) -> list[str]:
    """The blocks `sh mends FAULT`, in their order; raises Refused where there is none."""
    found = [each["body"] for each in _BLOCK.finditer(text) if each["fault"] == fault]
    if not found:
        raise Refused(f"No block of the runbook is marked `sh mends {fault}`: nothing in it would mend that.")
    return found


def asked(text: str) -> list[str]:
    """The names of what is asked before an incident is over."""
    return _ASKED.findall(text.partition("\n## When to close\n")[2].partition("\n## ")[0])


def lines(block: str) -> list[str]:
    """The commands of a block, each on one line."""
    return block.replace("\\\n", " ").strip().splitlines()


def runbook(root: Path, name: str) -> str:
    return (root / "runbooks" / f"{name}.md").read_text()
