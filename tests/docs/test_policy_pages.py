"""The reference pages are what the rules say today."""

from pathlib import Path

import hipaa
from hipaa import reference

FOLDER = Path(__file__).parents[2] / "docs" / "policies"


def test_pages_are_what_the_rules_say() -> None:
    pages = reference.pages(hipaa.rules())
    written = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    stale = sorted(name for name in pages.keys() | written.keys() if pages.get(name) != written.get(name))
    assert not stale, "write them anew by: ./parapet policies write"


def test_a_page_is_short_and_holds_no_example_that_is_none() -> None:
    for name, text in reference.pages(hipaa.rules()).items():
        assert name == "README.md" or len(text) < 6000, name
