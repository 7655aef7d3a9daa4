"""What a user does in a day, in order, with the commands of the README."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.user import ONE_STACK, ROOT, User

pytestmark = ONE_STACK

VIOLATING = """
import pulumi_aws as aws

key = aws.kms.Key("unsound", enable_key_rotation=False)
"""


def _numbers(said: str) -> tuple[int, ...]:
    words = ("passed", "failed", "waived", "advised", "not applicable", "not yet decided")
    found = re.search(", ".join(rf"(\d+) {word}" for word in words), said)
    assert found, said
    return tuple(map(int, found.groups()))


def test_up_ends_with_what_a_user_needs_to_know(user: User, said_by_up: str) -> None:
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in said_by_up
    assert "./parapet down" in said_by_up
    assert "review.html" in said_by_up


def test_the_same_numbers_stand_in_the_terminal_the_json_and_the_page(user: User, said_by_up: str) -> None:
    totals = user.review()["totals"]
    numbers = tuple(totals[key] for key in ("passed", "failed", "waived", "advised", "not_applicable", "undecided"))
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
    status, said = user.shell("pulumi preview --stack local --refresh --expect-no-changes")
    assert status == 0, said


def test_a_preview_changes_nothing(user: User, said_by_up: str) -> None:
    before = user.shell("pulumi stack export --stack local")
    status, said = user.parapet("preview")
    assert status == 0, said
    assert _numbers(said)
    assert user.shell("pulumi stack export --stack local") == before


def test_a_refresh_finds_what_was_changed_behind_its_back_and_up_mends_it(user: User, said_by_up: str) -> None:
    """In the account and in the cluster."""
    outputs = user.outputs()
    bucket, key = outputs["buckets"]["phi"], outputs["keyArns"]["phi"]
    user.client("s3").delete_public_access_block(Bucket=bucket)
    user.client("kms").disable_key_rotation(KeyId=key)
    replicas = user.get("deployment", "karpenter", "--namespace=karpenter")["spec"]["replicas"]
    scale = ("scale", "deployment", "karpenter", "--namespace=karpenter", f"--replicas={replicas + 3}")
    assert user.kubectl(*scale)[0] == 0
    status, said = user.shell("pulumi refresh --stack local --preview-only --diff --expect-no-changes")
    assert status != 0, said
    assert f"replicas: {replicas} => {replicas + 3}" in said
    assert "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock" in said
    assert "aws:kms/key:Key" in said
    status, said = user.shell("pulumi up --stack local --refresh --yes --skip-preview")
    assert status == 0, said
    assert all(user.client("s3").get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert user.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    assert user.get("deployment", "karpenter", "--namespace=karpenter")["spec"]["replicas"] == replicas
    status, said = user.shell("pulumi refresh --stack local --yes --expect-no-changes")
    assert status == 0, said


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
