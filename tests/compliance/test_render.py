"""The three renderings: the same numbers, whole files, and text that stays text."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import compliance
from compliance import Review
from compliance.render import as_html, as_json, as_markdown, escape_markdown
from tests.compliance.small_pack import CATALOGUE, FIXTURES, NOON, RULES
from tests.strict_html import Page


@pytest.mark.parametrize("name", ["preview", "preview-lowered", "up-clean", "up-killed", "up-refused"])
def test_the_page_shows_the_numbers_of_the_json(recorded: Callable[..., Review], name: str) -> None:
    review = recorded(name)
    page, data = Page(as_html(review)), json.loads(as_json(review))
    totals = data["totals"]
    for key in totals.keys() - {"rules", "specifications"}:
        assert page.numbers[f"total.{key}"] == totals[key]
    for key, count in totals["specifications"].items():
        assert page.numbers[f"specifications.{key}"] == count
    row = re.search(
        r"^\| (\d+) \| \*\*(\d+)\*\* \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", as_markdown(review), re.M
    )
    assert row is not None
    shown = ("evaluations", "failed", "undecided", "waived", "advised", "passed", "not_applicable")
    assert [int(count) for count in row.groups()] == [totals[key] for key in shown]


def test_the_page_stands_alone_and_its_links_lead_somewhere(recorded: Callable[..., Review]) -> None:
    page = Page(as_html(recorded("preview")))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert {"header", "nav", "main", "footer", "caption", "details"} <= set(page.tags)


def test_every_specification_and_rule_is_on_the_page(recorded: Callable[..., Review]) -> None:
    review = recorded("preview")
    page = Page(as_html(review))
    for citation in (item.citation for item in review.specifications):
        assert citation in page.text
        assert citation in as_markdown(review)
    assert {f"rule-{rule.name}" for rule in review.rules} <= set(page.ids)


def test_the_schema_is_named_first_and_the_key_order_is_stable(recorded: Callable[..., Review]) -> None:
    data = json.loads(as_json(recorded("preview")))
    assert list(data) == [
        "schema",
        "generated_at",
        "project",
        "stack",
        "operation",
        "outcome",
        "complete",
        "warnings",
        "engine_version",
        "pack",
        "other_packs",
        "choice",
        "unruled",
        "totals",
        "specifications",
        "rules",
    ]
    assert data["schema"] == compliance.SCHEMA == "parapet.review/1"
    assert data["generated_at"] == "2026-11-24T12:00:00Z"
    assert as_json(recorded("preview")) == as_json(recorded("preview"))


HOSTILE = (
    "</details><script>alert(1)</script> | **bold** [a](javascript:x) `x` <img src=x onerror=y> @all http://evil.test"
)


def test_hostile_names_and_messages_stay_text(tmp_path: Path) -> None:
    text = (FIXTURES / "preview.jsonl").read_text(encoding="utf-8")
    name = json.dumps(HOSTILE)[1:-1]
    text = text.replace("aws:kms/key:Key::logs", f"aws:kms/key:Key::{name}")
    text = text.replace("`enableKeyRotation` is false; it must be true", name + "\\n\\n# Heading\\n| a | b |")
    log = tmp_path / "log.jsonl"
    log.write_text(text, encoding="utf-8")
    review = compliance.review(log, rules=RULES, catalogue=CATALOGUE, generated_at=NOON)
    assert review.totals.failed == 1

    page = Page(as_html(review))
    assert not {"script", "img"} & set(page.tags)
    assert HOSTILE in page.text

    markdown = as_markdown(review)
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "\n# Heading" not in markdown
    for raw in ("**bold**", "[a](", "`x`", "@all", "http://evil"):
        assert raw not in markdown.replace(f"`{review.pack.name}`", "")


def test_markdown_escapes_keep_one_line() -> None:
    assert escape_markdown("a\n# b | c") == r"a \# b \| c"
    assert escape_markdown("<b>&") == "&lt;b&gt;&amp;"
    assert escape_markdown("www.evil.test") == r"www\.evil.test"


def test_writing_replaces_the_files_and_leaves_nothing_else(tmp_path: Path, recorded: Callable[..., Review]) -> None:
    folder = tmp_path / "made" / "here"
    compliance.write(recorded("preview"), folder)
    files = compliance.write(recorded("up-clean"), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["review.html", "review.json", "review.md"]
    assert json.loads(files.json.read_text(encoding="utf-8"))["operation"] == "update"
    assert "update" in files.markdown.read_text(encoding="utf-8")
    assert files.html.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_files(
    tmp_path: Path, recorded: Callable[..., Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = compliance.write(recorded("preview"), tmp_path)
    before = files.json.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("compliance.render.os.fdopen", full)
    with pytest.raises(OSError, match="No space"):
        compliance.write(recorded("up-clean"), tmp_path)
    assert files.json.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["review.html", "review.json", "review.md"]
