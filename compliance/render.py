"""Renders a review: `review.html` for the officer, `review.md` for the pull request, `review.json` for programs.

All three take their numbers from the same `Review`. Whatever a resource or a message is called, it stays text: HTML
is autoescaped, and every value in the Markdown is escaped as it is inserted.
"""

import html
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from compliance.model import Enforcement, Evaluation, Review, RuleReview, Status

SECTIONS = {
    "164.308": "Administrative safeguards",
    "164.310": "Physical safeguards",
    "164.312": "Technical safeguards",
    "164.314": "Organizational requirements",
    "164.316": "Policies and procedures and documentation requirements",
}
"""The sections of 45 CFR part 164, subpart C, that the review is arranged by, with their headings."""

# Besides Markdown's own marks: what GitHub makes links, mentions and formulas of.
_MARKDOWN = re.compile(r"[\\`*_\[\]#!|~$]|(?<=www)\.|:(?=//)", re.IGNORECASE)


@dataclass(frozen=True)
class ReviewFiles:
    """Where a review was written."""

    html: Path
    json: Path
    markdown: Path


def write(review: Review, folder: Path) -> ReviewFiles:
    """Write the three files into `folder`, made if need be. Each is replaced whole or not at all.

    Raises:
        OSError: the folder cannot be written; no file is left half written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = ReviewFiles(folder / "review.html", folder / "review.json", folder / "review.md")
    texts = {files.html: as_html(review), files.json: as_json(review), files.markdown: as_markdown(review)}
    written: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
            written.append((Path(name), path))
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        for temporary, path in written:
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)
    return files


def as_json(review: Review) -> str:
    """The model itself; keys in the order of `compliance.model`."""
    return review.model_dump_json(by_alias=True, indent=2) + "\n"


def as_html(review: Review) -> str:
    """One page without any outside part."""
    return _render("review.html.j2", review)


def as_markdown(review: Review) -> str:
    """GitHub's Markdown: the outcome first, the law folded."""
    return _render("review.md.j2", review, escape_markdown)


def escape_markdown(text: object) -> Markup:
    """Text on one line that no Markdown or HTML reader takes for anything but text."""
    if isinstance(text, Markup):
        return text
    flat = " ".join(str(text).split())
    marked = _MARKDOWN.sub(r"\\\g<0>", html.escape(flat, quote=False))
    return Markup(marked.replace("@", "@<!-- -->"))  # noqa: S704  escaped in the line above


@cache
def _template(name: str, escape: Callable[[object], Markup] | None) -> Template:
    """Compiled once by a process."""
    environment = Environment(
        loader=PackageLoader("compliance"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape,
    )
    return environment.get_template(name)


def _render(template: str, review: Review, escape: Callable[[object], Markup] | None = None) -> str:
    rules = {rule.name: rule for rule in review.rules}
    by_section = groupby(review.specifications, key=lambda specification: specification.section)
    return _template(template, escape).render(
        review=review,
        totals=review.totals,
        rules=rules,
        sections=[(section, SECTIONS.get(section, ""), list(members)) for section, members in by_section],
        tally=[(status, getattr(review.totals.specifications, status.key)) for status in Status],
        found={status: _found(review, status) for status in Status},
        Status=Status,
        Enforcement=Enforcement,
    )


def _found(review: Review, status: Status) -> list[tuple[RuleReview, list[Evaluation]]]:
    """The rules that have evaluations of this status, with these."""
    by_rule = ((rule, [found for found in rule.evaluations if found.status is status]) for rule in review.rules)
    return [(rule, evaluations) for rule, evaluations in by_rule if evaluations]
