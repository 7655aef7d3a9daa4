"""Logs that are no logs, and logs that the engine did not finish."""

from collections.abc import Callable
from pathlib import Path

import pytest

import compliance
from compliance import PackNotRun, Review, Status, UnreadableLog
from compliance.events import Urn, last_operation
from tests.compliance.small_pack import CATALOGUE, FIXTURES, RULES


def log(folder: Path, text: str) -> Path:
    path = folder / "events.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no operation"),
        ('{"sequence":0,"policyLoadEvent":{}}\n', "holds no operation"),
        ("Updating (dev)\n", "line 1: not JSON"),
        ('{"preludeEvent":{}}\nnonsense\n{"cancelEvent":{}}\n', "line 2: not JSON"),
        ("[1, 2]\n", "line 1"),
        ('{"preludeEvent":{}}\n{"policyEvent":{"policyName":"x"}}\n', "line 2: policyEvent.policyPackName"),
        ('{"preludeEvent":{}}\n{"summaryEvent":{"isPreview":"perhaps"}}\n', "line 2: summaryEvent.isPreview"),
    ],
)
def test_what_is_no_event_log_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnreadableLog, match=said):
        compliance.review(log(tmp_path, text))


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match=r"nowhere\.jsonl: No such file"):
        compliance.review(tmp_path / "nowhere.jsonl")


def test_unknown_kinds_of_event_and_unknown_keys_are_skipped(tmp_path: Path) -> None:
    text = '{"preludeEvent":{},"new":1}\n{"tomorrowsEvent":{"x":1}}\n{"summaryEvent":{"isPreview":true,"y":2}}\n'
    assert last_operation(log(tmp_path, text)).is_preview is True


def test_half_a_last_line_is_a_killed_engine_even_after_its_closing_words(tmp_path: Path) -> None:
    whole = (FIXTURES / "up-clean.jsonl").read_text(encoding="utf-8")
    review = compliance.review(log(tmp_path, whole + '{"sequence":99,"cancel'), rules=RULES, catalogue=CATALOGUE)
    assert review.outcome == "cut short"
    assert review.totals.passed == 0


def test_a_killed_engine_leaves_no_pass(recorded: Callable[..., Review]) -> None:
    review = recorded("up-killed", policy_config={})
    assert review.outcome == "cut short"
    assert not review.complete
    assert review.totals.passed == 0
    assert review.totals.undecided > 0
    assert {rule.status for rule in review.rules} == {Status.UNDECIDED}
    assert "cut short" in review.warnings[0]


@pytest.mark.parametrize("name", ["up-clean", "preview", "hospital-up"])
def test_no_prefix_of_a_log_shows_a_pass(tmp_path: Path, name: str) -> None:
    lines = (FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if '"summaryEvent"' in line)
    reviewed = 0
    for length in range(end + 1):
        path = log(tmp_path, "".join(lines[:length]) + lines[length][: len(lines[length]) // 2])
        try:
            review = compliance.review(path, policy_config={})
        except (UnreadableLog, PackNotRun):
            continue
        reviewed += 1
        shown = {item.status for item in (*review.rules, *review.specifications)}
        assert review.totals.passed == 0
        assert not shown & {Status.PASSED, Status.PASSED_IN_PART, Status.NOT_APPLICABLE}
    assert reviewed > 10


def test_a_log_without_summaries_shows_no_pass(tmp_path: Path) -> None:
    lines = (FIXTURES / "up-clean.jsonl").read_text(encoding="utf-8").splitlines()
    path = log(tmp_path, "\n".join(line for line in lines if "policyAnalyze" not in line))
    review = compliance.review(path, rules=RULES, catalogue=CATALOGUE)
    assert not review.complete
    assert review.totals.passed == 0
    assert {rule.status for rule in review.rules} == {Status.UNDECIDED}


@pytest.mark.parametrize(
    ("name", "ran"), [("preview-foreign", "house-rules"), ("preview-none", "none"), ("destroy", "none")]
)
def test_a_run_without_this_pack_is_refused(recorded: Callable[..., Review], name: str, ran: str) -> None:
    with pytest.raises(PackNotRun, match=rf"packs that ran: {ran}.*--policy-pack"):
        recorded(name)


def test_an_update_after_a_preview_replaces_it(tmp_path: Path, recorded: Callable[..., Review]) -> None:
    both = "".join((FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("preview", "up-clean"))
    review = compliance.review(log(tmp_path, both), rules=RULES, catalogue=CATALOGUE)
    assert review.operation == "update"
    assert review.totals == recorded("up-clean").totals


def test_an_update_cut_short_replaces_its_preview_too(tmp_path: Path) -> None:
    both = "".join((FIXTURES / f"{name}.jsonl").read_text(encoding="utf-8") for name in ("up-clean", "up-killed"))
    review = compliance.review(log(tmp_path, both), rules=RULES, catalogue=CATALOGUE)
    assert (review.outcome, review.totals.passed) == ("cut short", 0)


def test_a_urn_with_colons_in_its_name_keeps_them() -> None:
    urn = Urn.parse("urn:pulumi:dev::clinic::parapet:foundation:Keys$aws:kms/key:Key::a::b")
    assert urn == Urn(stack="dev", project="clinic", type="aws:kms/key:Key", name="a::b")
    assert Urn.parse("") is None
    assert Urn.parse("urn:pulumi:dev") is None
