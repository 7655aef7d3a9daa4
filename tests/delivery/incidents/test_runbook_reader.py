"""A runbook is refused by what is wrong with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.incidents import runbooks
from delivery.registry.refused import Refused
from tests.delivery.incidents.world import NAME, runbook


def test_a_runbook_is_read_with_what_it_asks(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.md").write_text(runbook(When_to_close="- `serves`: Which version\n  serves now?\n"))
    (tmp_path / "README.md").write_text("# None of them\n")
    found = runbooks.runbook(tmp_path, NAME)
    assert (found.title, found.front.severity, found.front.boundary) == ("A model is worse", "page", "model")
    assert dict(found.closes) == {"serves": "Which version serves now?"}
    assert found.review == ["Did the rollback take long?"]
    assert runbooks.names(tmp_path) == [NAME]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("severity: page", "severity: loud"), "Invalid enum value"),
        (lambda text: text.replace("boundary: model", "owner: me"), "is not as it must be"),
        (lambda text: text.replace(f"name: {NAME}", "name: other"), "calls itself other"),
        (lambda text: text.replace("## Rollback", "## Going back"), "each has Trigger, Severity"),
        (lambda text: text.replace("## Rollback\n\nSaid here.\n", "## Rollback\n\n"), "says nothing under Rollback"),
        (lambda text: text.replace("- `", "- "), "asks nothing under When to close"),
        (lambda text: text.replace("alerts: [", "alerts: [["), "it is no YAML"),
    ],
)
def test_what_is_wrong_with_one_is_said(tmp_path: Path, change: Callable[[str], str], says: str) -> None:
    (tmp_path / f"{NAME}.md").write_text(change(runbook()))
    with pytest.raises(Refused) as refused:
        runbooks.runbook(tmp_path, NAME)
    assert says in str(refused.value)
