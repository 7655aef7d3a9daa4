"""The pack on somebody else's program, in a folder of its own, under the real engine."""

import json
from pathlib import Path

import pytest

from hipaa import signals
from tests.engine import Engine
from tests.policies.harness import copy_of_pack, run, waivers

pytestmark = [pytest.mark.engine, pytest.mark.pack]

SOUND_KEY = 'aws.kms.Key("key", enable_key_rotation=True)'
CLOSED_TRANSPORT = """
import json
import pulumi_aws as aws

def policy(arn):
    return json.dumps({"Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, arn + "/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }]})

bucket = aws.s3.Bucket("data")
aws.s3.BucketPolicy("data", bucket=bucket.id, policy=bucket.arn.apply(policy))
"""
ONLY = ("s3-bucket-denies-insecure-transport", "s3-bucket-policy-is-not-public", "kms-key-rotates")


def program(engine: Engine, folder: Path, code: str) -> Path:
    text = code if "import pulumi_aws" in code else f"import pulumi_aws as aws\n{code}\n"
    return engine.program(folder / "foreign", text)


def only(folder: Path) -> list[str]:
    """The arguments that leave a few policies on: a test is about one thing."""
    levels = {"all": "disabled"} | signals.OWN_LEVELS | dict.fromkeys(ONLY, "mandatory")
    file = folder / "levels.json"
    file.write_text(json.dumps(levels))
    return ["--policy-pack-config", str(file)]


def test_sound_program_is_let_through(engine: Engine, tmp_path: Path) -> None:
    done = run(engine, program(engine, tmp_path, SOUND_KEY), "preview")
    assert done.status == 0, done.text
    assert done.passed("kms-key-rotates")


def test_violating_program_is_refused(engine: Engine, tmp_path: Path) -> None:
    done = run(engine, program(engine, tmp_path, 'aws.kms.Key("key")'), "preview")
    assert done.status != 0
    (violation,) = done.violations("kms-key-rotates")
    assert violation["resourceUrn"].endswith("aws:kms/key:Key::key")
    assert violation["enforcementLevel"] == "mandatory"
    assert not done.passed("kms-key-rotates")


def test_level_can_be_lowered_by_configuration(engine: Engine, tmp_path: Path) -> None:
    folder = program(engine, tmp_path, 'aws.kms.Key("key")')
    levels = tmp_path / "levels.json"
    levels.write_text(json.dumps({"kms-key-rotates": "advisory"}))
    done = run(engine, folder, "preview", "--policy-pack-config", str(levels))
    assert done.status == 0, done.text
    assert [event["enforcementLevel"] for event in done.violations("kms-key-rotates")] == ["advisory"]


def test_unknown_is_undecided_at_preview_and_decided_at_update(engine: Engine, tmp_path: Path) -> None:
    folder = program(engine, tmp_path, CLOSED_TRANSPORT)
    preview = run(engine, folder, "preview", *only(tmp_path))
    assert preview.status == 0, preview.text
    for rule, on in (
        ("s3-bucket-policy-is-not-public", "aws:s3/bucketPolicy:BucketPolicy::data"),
        ("s3-bucket-denies-insecure-transport", "aws:s3/bucket:Bucket::data"),
    ):
        (undecided,) = preview.violations(rule)
        assert undecided["enforcementLevel"] == "advisory"
        (urn,) = signals.undecided_urns(undecided["message"])
        assert urn.endswith(on)
        assert not preview.passed(rule)

    update = run(engine, folder, "up", "--yes", "--skip-preview", *only(tmp_path))
    assert update.status == 0, update.text
    for rule in ("s3-bucket-policy-is-not-public", "s3-bucket-denies-insecure-transport"):
        assert update.violations(rule) == []
        assert update.passed(rule)


def test_unknown_that_turns_out_bad_fails_the_update(engine: Engine, tmp_path: Path) -> None:
    folder = program(engine, tmp_path, CLOSED_TRANSPORT.replace('"Effect": "Deny"', '"Effect": "Allow"'))
    assert run(engine, folder, "preview", *only(tmp_path)).status == 0
    update = run(engine, folder, "up", "--yes", "--skip-preview", *only(tmp_path))
    assert update.status != 0
    assert update.violations("s3-bucket-policy-is-not-public")[0]["enforcementLevel"] == "mandatory"


BROKEN = """
from hipaa.resource import Resource
from hipaa.rule import LOW, rule
from hipaa.verdict import Verdict


@rule("broken-on-purpose", on="aws:kms/key:Key", severity=LOW, fix="Mend the rule.", sound=[{}], unsound=[{}])
def broken(key: Resource) -> Verdict:
    \"\"\"A rule that cannot run.\"\"\"
    raise KeyError("hunter2")
"""


def test_rule_that_throws_is_named_and_fails_the_preview(tools: Path, tmp_path: Path) -> None:
    engine = Engine(tools, tmp_path / "home")  # of a user's own processes alone: it is told what nobody may say
    pack = copy_of_pack(tmp_path / "pack", module=BROKEN)
    cited = (pack / "hipaa" / "catalogue.yaml").read_text()
    assert cited.count("    - kms-key-rotates\n") == 1
    (pack / "hipaa" / "catalogue.yaml").write_text(
        cited.replace("    - kms-key-rotates\n", "    - kms-key-rotates\n    - broken-on-purpose\n")
    )
    done = run(engine, program(engine, tmp_path, SOUND_KEY), "preview", pack=pack)
    assert done.status != 0
    (violation,) = done.violations("broken-on-purpose")
    assert violation["enforcementLevel"] == "mandatory"
    assert signals.is_broken(violation["message"])
    assert "extra.py:10" in done.text
    assert "hunter2" not in done.text
    assert "Traceback" not in done.text
    assert done.passed("kms-key-rotates"), "the other rules are still decided"


def test_malformed_waivers_fail_the_preview(engine: Engine, tmp_path: Path) -> None:
    pack = copy_of_pack(tmp_path / "pack", waivers="- rule: kms-key-rotates\n")
    done = run(engine, program(engine, tmp_path, SOUND_KEY), "preview", pack=pack)
    assert done.status != 0
    assert "waivers.yaml, waiver 1: owner" in done.text
    assert "Traceback" not in done.text


def test_stack_with_a_waived_violation_does_not_pass(engine: Engine, tmp_path: Path) -> None:
    text = waivers({"rule": "s3-bucket-denies-insecure-transport", "urn": "*::waived"})
    pack = copy_of_pack(tmp_path / "pack", waivers=text)
    folder = program(engine, tmp_path, f'{CLOSED_TRANSPORT}\naws.s3.Bucket("waived")\n')
    done = run(engine, folder, "up", "--yes", "--skip-preview", *only(tmp_path), pack=pack)
    assert done.status == 0, done.text
    assert done.violations("s3-bucket-denies-insecure-transport") == []
    assert not done.passed("s3-bucket-denies-insecure-transport")


OLD_KEY = {"rule": "kms-key-rotates", "urn": "*::aws:kms/key:Key::key"}


def test_waiver_lets_through_and_is_told(engine: Engine, tmp_path: Path) -> None:
    pack = copy_of_pack(tmp_path / "pack", waivers=waivers(OLD_KEY))
    done = run(engine, program(engine, tmp_path, 'aws.kms.Key("key")'), "preview", pack=pack)
    assert done.status == 0, done.text
    assert done.violations("kms-key-rotates") == []
    assert not done.passed("kms-key-rotates")
    (told,) = done.violations(signals.ACCEPTED_RISK)
    assert "by you@x: An old one." in told["message"]


def test_expired_waiver_fails(engine: Engine, tmp_path: Path) -> None:
    pack = copy_of_pack(
        tmp_path / "pack", waivers=waivers(OLD_KEY | {"approved": "2020-01-01", "expires": "2020-02-01"})
    )
    done = run(engine, program(engine, tmp_path, 'aws.kms.Key("key")'), "preview", pack=pack)
    assert done.status != 0
    assert done.violations("kms-key-rotates")
    (expired,) = done.violations(signals.WAIVERS_ARE_CURRENT)
    assert expired["enforcementLevel"] == "mandatory"
    assert "by me@x expired on 2020-02-01" in expired["message"]


def test_waiver_of_a_rule_over_the_stack(engine: Engine, tmp_path: Path) -> None:
    text = waivers({"rule": "s3-bucket-denies-insecure-transport", "urn": "*::scratch"})
    pack = copy_of_pack(tmp_path / "pack", waivers=text)
    folder = program(engine, tmp_path, 'aws.s3.Bucket("scratch")\naws.s3.Bucket("kept")')
    done = run(engine, folder, "preview", pack=pack)
    assert done.status != 0
    failed = [event["resourceUrn"] for event in done.violations("s3-bucket-denies-insecure-transport")]
    assert [urn.rpartition("::")[2] for urn in failed] == ["kept"]
    assert not done.passed("s3-bucket-denies-insecure-transport")
    (told,) = done.violations(signals.ACCEPTED_RISK_IN_STACK)
    assert told["resourceUrn"].endswith("::scratch")
    assert "s3-bucket-denies-insecure-transport: waived until " in told["message"]


def test_a_value_that_a_parameter_cannot_be_is_refused_with_what_is_allowed(engine: Engine, tmp_path: Path) -> None:
    folder = program(engine, tmp_path, SOUND_KEY)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"log-group-is-kept-a-year": {"days": 0}}))
    done = run(engine, folder, "preview", "--policy-pack-config", str(config))
    assert done.status != 0
    assert "log-group-is-kept-a-year: days is 0; it must be a whole number from 1 to 3653" in done.text
    assert "Traceback" not in done.text


GUARDED = """
import pulumi_aws as aws

for name in ("made", "left-out"):
    bucket = aws.s3.Bucket(name)
    aws.s3.BucketVersioning(name, bucket=bucket.id, versioning_configuration={"status": "Enabled"})
"""


def test_what_a_run_leaves_out_is_not_yet_decided(engine: Engine, tmp_path: Path) -> None:
    """Neither is what it completes: the engine tells of it without its properties."""
    done = run(engine, program(engine, tmp_path, GUARDED), "preview", "--target", "**Bucket::made")
    told = done.violations("s3-bucket-keeps-versions")
    assert {event["enforcementLevel"] for event in told} == {"advisory"}
    assert all(signals.undecided_urns(event["message"]) for event in told)
