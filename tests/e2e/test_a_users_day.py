"""What a user does in a day, in order, with the commands of the README."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.user import ROOT, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("a user's day")]

VIOLATING = """
import pulumi_aws as aws

key = aws.kms.Key("unsound", enable_key_rotation=False)
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp("home") / ".parapet")
    yield user
    user.parapet("down")


@pytest.fixture(scope="module")
def said_by_up(user: User) -> str:
    status, said = user.parapet("up")
    assert status == 0, said
    return said


def _numbers(said: str) -> tuple[int, ...]:
    found = re.search(r"(\d+) passed, (\d+) failed, (\d+) waived, (\d+) not applicable, (\d+) not yet decided", said)
    assert found, said
    return tuple(map(int, found.groups()))


def test_up_ends_with_what_a_user_needs_to_know(user: User, said_by_up: str) -> None:
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in said_by_up
    assert "./parapet down" in said_by_up
    assert "review.html" in said_by_up


def test_the_same_numbers_stand_in_the_terminal_the_json_and_the_page(user: User, said_by_up: str) -> None:
    totals = user.review()["totals"]
    numbers = tuple(totals[key] for key in ("passed", "failed", "waived", "not_applicable", "undecided"))
    assert _numbers(said_by_up) == numbers
    page = (user.home / "review" / "review.html").read_text()
    assert all(str(number) in page for number in numbers)
    assert f"Resources     {totals['resources']} " in said_by_up
    assert totals["resources"] == user.status()["resources"]


def test_our_own_stack_breaks_no_rule_and_leaves_none_undecided_after_an_update(user: User, said_by_up: str) -> None:
    totals = user.review()["totals"]
    assert totals["failed"] == 0
    assert totals["undecided"] == 0
    assert totals["passed"] > 0


def test_status_tells_programs_what_runs(user: User, said_by_up: str) -> None:
    status = user.status()
    assert set(status) >= {"aws_endpoint_url", "toolchain_bin", "stack", "resources", "review"}
    assert status["stack"] == "local"
    assert Path(status["review"]).exists()
    assert (Path(status["toolchain_bin"]) / "pulumi").exists()


def test_an_aws_client_sees_the_account(user: User, said_by_up: str) -> None:
    outputs = user.outputs()
    s3, kms, ec2 = user.client("s3"), user.client("kms"), user.client("ec2")
    for name in outputs["buckets"].values():
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    for arn in outputs["keyArns"].values():
        assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is True
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [outputs["vpcId"]]}])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [outputs["vpcId"]]}])
    assert gateways["InternetGateways"] == []


def test_a_second_up_changes_nothing_and_says_so(user: User, said_by_up: str) -> None:
    status, said = user.parapet("up")
    assert status == 0, said
    assert re.search(r"\d+ unchanged", said)
    assert not re.search(r"\d+ (created|updated|deleted|replaced)", said)


def test_plain_commands_work_in_a_shell_with_the_exports(user: User, said_by_up: str) -> None:
    status, said = user.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said
    status, said = user.shell("pulumi refresh --stack local --yes --expect-no-changes")
    assert status == 0, said


def test_a_preview_changes_nothing(user: User, said_by_up: str) -> None:
    before = user.shell("pulumi stack export --stack local")
    status, said = user.parapet("preview")
    assert status == 0, said
    assert _numbers(said)
    assert user.shell("pulumi stack export --stack local") == before


def test_a_refresh_finds_what_was_changed_behind_its_back_and_up_mends_it(user: User, said_by_up: str) -> None:
    outputs = user.outputs()
    bucket = outputs["buckets"]["phi"]
    key = outputs["keyArns"]["phi"]
    user.client("s3").delete_public_access_block(Bucket=bucket)
    user.client("kms").disable_key_rotation(KeyId=key)
    status, said = user.shell("pulumi refresh --stack local --yes --expect-no-changes")
    assert status != 0, said
    status, said = user.shell("pulumi refresh --stack local --yes")
    assert status == 0, said
    assert user.parapet("up")[0] == 0
    assert all(user.client("s3").get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert user.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def test_the_engine_refuses_a_program_that_breaks_a_rule(user: User, said_by_up: str, tmp_path: Path) -> None:
    """A foreign program, in a folder of its own, under this pack."""
    (tmp_path / "Pulumi.yaml").write_text(json.dumps({"name": "foreign", "runtime": "python"}))
    (tmp_path / "__main__.py").write_text(VIOLATING)
    status, said = user.shell("pulumi stack init dev", tmp_path)
    assert status == 0, said
    status, said = user.shell(f"pulumi preview --stack dev --policy-pack {ROOT / 'policies'}", tmp_path)
    assert status != 0
    assert "kms-key-rotates" in said
    assert "mandatory" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--stack", "nowhere"], "There is no stack 'nowhere'"),
        (["up", "--stack", "prod"], "real account"),
        (["up", "--aws-port", "80000"], "80000"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(user: User, arguments: list[str], told: str) -> None:
    status, said = user.parapet(*arguments)
    assert status != 0
    assert told in said
    assert "Traceback" not in said


def test_an_api_that_was_lost_is_noticed_and_filled_again(user: User, said_by_up: str) -> None:
    record = json.loads((user.home / "run" / "aws.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    status, said = user.parapet("up")
    assert status == 0, said
    assert "started anew and is empty" in said
    assert user.client("s3").get_bucket_versioning(Bucket=user.outputs()["buckets"]["phi"])["Status"] == "Enabled"
    assert user.review()["totals"]["failed"] == 0


def test_every_file_of_the_state_is_replaced_as_a_whole(user: User, said_by_up: str) -> None:
    """What the engine's backend writes in place (`.attrs`) is cut by a kill, and the state cannot be read any more."""
    assert list((user.home / "state").rglob("*.json"))
    assert not list((user.home / "state").rglob("*.attrs"))


def test_an_up_whose_command_is_killed_is_finished_by_the_next(user: User, said_by_up: str) -> None:
    """Only `./parapet` itself is killed: the engine ends what it has begun."""
    assert user.parapet("down")[0] == 0
    process = user.start("up")
    _wait_for(lambda: user.resources_in_state() > 20)
    process.kill()
    process.communicate()
    status, said = user.parapet("up")
    assert status == 0, said
    assert user.review()["totals"]["failed"] == 0


@pytest.mark.parametrize("resources", [0, 12, 45])
def test_an_up_that_is_killed_as_a_whole_is_finished_by_the_next(user: User, said_by_up: str, resources: int) -> None:
    """The command, the engine and every plugin are killed at once, while the engine makes something."""
    assert user.parapet("down")[0] == 0
    process = user.start("up")
    _wait_for(lambda: user.resources_in_state() > resources and user.operations_in_state() > 0)
    user.kill_all_but_the_servers()
    process.communicate()
    status, said = user.parapet("up")
    assert status == 0, said
    assert user.review()["totals"]["failed"] == 0
    status, said = user.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said


def test_a_preview_between_a_killed_up_and_the_next_changes_nothing(user: User, said_by_up: str) -> None:
    assert user.parapet("down")[0] == 0
    process = user.start("up")
    _wait_for(lambda: user.resources_in_state() > 12 and user.operations_in_state() > 0)
    user.kill_all_but_the_servers()
    process.communicate()
    before = user.shell("pulumi stack export --stack local")
    user.parapet("preview")
    assert user.shell("pulumi stack export --stack local") == before
    # And killed once more, before the engine has read what the first run made.
    process = user.start("up")
    _wait_for(lambda: user.operations_in_state() == 0)
    user.kill_all_but_the_servers()
    process.communicate()
    status, said = user.parapet("up")
    assert status == 0, said
    assert not re.search(r"\d+ replaced", said)


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.002)


def test_down_leaves_nothing_running(user: User, said_by_up: str) -> None:
    status, said = user.parapet("down")
    assert status == 0, said
    assert user.processes() == []
    assert user.status() | {"aws_endpoint_url": None, "resources": 0} == user.status()
    status, said = user.parapet("down")
    assert status == 0, said
