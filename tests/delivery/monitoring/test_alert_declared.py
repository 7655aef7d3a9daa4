"""alerting.yaml knows each feature, and what it may not say is refused by its name."""

from pathlib import Path

import pytest

from delivery.data.safe_harbor import safe_harbor
from delivery.monitoring.alerting.declared import ALERTING, declared
from delivery.registry.refused import Refused


def test_each_feature_has_a_source_and_a_weight() -> None:
    told = {name for columns in declared().sources.values() for name in columns}
    features = {each.name for each in safe_harbor().features if not each.kind}
    assert told == features - {"readmitted_30d"}


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        pytest.param("confirm: 2", "confirm: 0", "confirm", id="no window at all"),
        pytest.param("confirm: 2", "confirms: 2", "confirms", id="an unknown field"),
        pytest.param("confirm: 2", "confirm: 2\nconfirm: 1", "twice", id="a field twice"),
        pytest.param("gathers_of: {}", "gathers_of: {icu: 32}", "gathers_of.icu", id="for longer than a month"),
        pytest.param("empty_of: {}", "empty_of: {icu: 169}", "empty_of.icu", id="idle for longer than a week"),
        pytest.param("late_after: {}", "late_after: {icu: 8785}", "late_after.icu", id="late after more than a year"),
        pytest.param("late_after: {}", "", "late_after", id="nothing of when a model is late"),
        pytest.param("fewest_rows: 30", "fewest_rows: 5", "fewest_rows", id="a few people"),
        pytest.param("readmission: advises", "readmission: guesses", "guesses.*acts, advises", id="an unknown use"),
        pytest.param("critical: page, usual: ticket", "critical: ticket, usual: page", "graver", id="out of order"),
        pytest.param("    age: usual", "    age: usual\n    sodium: usual", "two sources: sodium", id="of two sources"),
        pytest.param("{readmission: 45}", "{readmission: -1}", "outcomes.readmission", id="days that are none"),
        pytest.param("format: parapet-alerting/1", "format: other", "format", id="another form"),
    ],
)
def test_what_may_not_be_said_is_refused(tmp_path: Path, line: str, instead: str, says: str) -> None:
    text = ALERTING.read_text()
    assert line in text
    (file := tmp_path / "alerting.yaml").write_text(text.replace(line, instead))
    with pytest.raises(Refused, match=f"(?s)alerting.yaml.*{says}"):
        declared(file)
