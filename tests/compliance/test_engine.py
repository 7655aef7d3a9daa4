"""A run of today's engine and pack reads like the recorded one: the recordings are still what the engine writes."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import compliance
from compliance import Review
from tests.compliance.small_pack import FIXTURES
from tests.engine import Engine
from tests.policies.harness import copy_of_pack, run

pytestmark = [pytest.mark.engine, pytest.mark.pack]

HOSPITAL = Path(__file__).parent / "recording" / "hospital"
RULES = ("kms-key-rotates", "s3-bucket-keeps-versions", "log-group-is-kept-a-year", "vpc-records-flow-logs")


def verdicts(review: Review) -> dict[str, dict[str, str]]:
    return {
        rule.name: {evaluation.name: evaluation.status.value for evaluation in rule.evaluations}
        for rule in review.rules
        if rule.name in RULES
    }


def waivers(approved: str, expires: str) -> str:
    text = (HOSPITAL / "waivers.yaml").read_text(encoding="utf-8")
    return text.replace("APPROVED", approved).replace("EXPIRES", expires)


def test_todays_engine_and_pack_read_like_the_recording(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "hospital"
    shutil.copytree(HOSPITAL, folder)
    (engine.home / "state").mkdir(parents=True)
    engine.init(folder, "dev")
    today = datetime.now(UTC).date()
    pack = copy_of_pack(tmp_path / "pack", waivers=waivers(str(today), str(today + timedelta(300))))
    done = run(engine, folder, "preview", pack=pack)
    assert done.status != 0, done.text

    review = compliance.review(folder / "events.jsonl", policy_config={})
    recorded = compliance.review(FIXTURES / "hospital-preview.jsonl", policy_config={})
    assert review.complete
    assert review.warnings == ()
    assert verdicts(review) == verdicts(recorded)
    assert review.totals.resources == recorded.totals.resources


def test_an_expired_waiver_is_told_first(engine: Engine, tmp_path: Path) -> None:
    pack = copy_of_pack(tmp_path / "pack", waivers=waivers("2019-06-01", "2020-01-01"))
    folder = engine.program(tmp_path / "program", 'import pulumi_aws as aws\naws.kms.Key("legacy")\n')
    run(engine, folder, "preview", pack=pack)
    review = compliance.review(folder / "events.jsonl", policy_config={})
    assert any("expired on 2020-01-01" in warning for warning in review.warnings)
    assert verdicts(review)["kms-key-rotates"] == {"legacy": "failed"}


def test_rules_left_out_by_configuration_are_disabled(engine: Engine, tmp_path: Path) -> None:
    levels = tmp_path / "levels.json"
    levels.write_text('{"all": "disabled", "kms-key-rotates": "advisory"}')
    folder = engine.program(tmp_path / "program", 'import pulumi_aws as aws\naws.kms.Key("weak")\n')
    done = run(engine, folder, "preview", "--policy-pack-config", str(levels))
    assert done.status == 0, done.text
    review = compliance.review(folder / "events.jsonl")
    over_resources = {rule.name: rule.status.value for rule in review.rules if rule.scope == "resource"}
    assert over_resources.pop("kms-key-rotates") == "failed"
    assert set(over_resources.values()) == {"disabled"}
