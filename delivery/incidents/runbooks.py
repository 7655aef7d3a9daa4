"""The runbooks, as far as programs read them: what each is of, what it asks before an incident is over, and after."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml
from msgspec import Meta, Struct

from delivery.incidents.entry import Severity
from delivery.incidents.owners import Boundary
from delivery.registry.documents import Word, digest, told
from delivery.registry.refused import Refused

SECTIONS: Final = (
    *("Trigger", "Severity", "Owner and boundary", "First ten minutes", "Decision tree", "Rollback"),
    *("In the audit log", "Evidence", "Communication", "When to close", "Review"),
)
"""Of each runbook, in this order."""
REVIEW: Final = "review.md"
"""What every review asks."""
BEGINS: Final = "---\n"
_ASKED: Final = re.compile(r"^- `(?P<name>[a-z][a-z0-9-]{0,40})`: (?P<asks>.+(?:\n  .+)*)", re.MULTILINE)
_QUESTION: Final = re.compile(r"^- (?P<asks>.+\?)$", re.MULTILINE)
_SECTION: Final = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!## ).*\n?)*)", re.MULTILINE)


class Front(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands before the text, as YAML."""

    name: Word
    severity: Severity
    """What it begins as."""
    boundary: Boundary
    alerts: list[Annotated[str, Meta(pattern=r"^[A-Z][A-Za-z]{2,60}\Z")]]
    """Those that lead here, by Alertmanager's names."""


@dataclass(frozen=True)
class Runbook:
    """What to do about one kind of incident."""

    front: Front
    title: str
    digest: str
    sections: Mapping[str, str]
    closes: Mapping[str, str]
    """What is asked before an incident is over, by the name of its answer."""
    review: Sequence[str]
    """What its review asks, besides what every review does."""

    @property
    def name(self) -> str:
        return self.front.name


def names(folder: Path) -> list[str]:
    """Of the files that are runbooks: they begin with what programs read."""
    return sorted(each.stem for each in folder.glob("*.md") if each.read_text().startswith(BEGINS))


def runbook(folder: Path, name: str) -> Runbook:
    """Raises Refused where there is none of this name, or it is not as it must be."""
    if name not in (known := names(folder)):
        raise Refused(f"There is no runbook {name!r} in {folder}; there are {', '.join(known) or 'none'}.")
    return read(folder / f"{name}.md")


def read(file: Path) -> Runbook:
    text = file.read_text()
    head, _, body = text.removeprefix(BEGINS).partition(f"\n{BEGINS}")
    try:
        front = msgspec.convert(yaml.safe_load(head), Front)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        detail = told(error) if isinstance(error, msgspec.ValidationError) else "it is no YAML"
        raise Refused(f"What stands before the text of {file} is not as it must be: {detail}.") from None
    if front.name != file.stem:
        raise Refused(f"The runbook {file} calls itself {front.name}; its file has the same name.")
    sections = {each["title"]: each["body"].strip() for each in _SECTION.finditer(body)}
    if tuple(sections) != SECTIONS:
        raise Refused(f"The runbook {file} has the sections {', '.join(sections)}; each has {', '.join(SECTIONS)}.")
    if empty := [title for title, said in sections.items() if not said]:
        raise Refused(f"The runbook {file} says nothing under {', '.join(empty)}.")
    closes = {each["name"]: " ".join(each["asks"].split()) for each in _ASKED.finditer(sections["When to close"])}
    if not closes:
        raise Refused(f"The runbook {file} asks nothing under When to close: write items like - `serves`: ...")
    title = body.lstrip().partition("\n")[0].removeprefix("# ")
    return Runbook(front, title, digest(text.encode()), sections, closes, _questions(sections["Review"]))


def every_review(folder: Path) -> Sequence[str]:
    """What is asked after each incident."""
    return _questions((folder / REVIEW).read_text())


def _questions(text: str) -> Sequence[str]:
    return [each["asks"] for each in _QUESTION.finditer(text)]
