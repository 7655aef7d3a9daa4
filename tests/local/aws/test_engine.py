"""What a user of the provider does, through the real engine, looked at with boto3."""

from __future__ import annotations

import json

import pytest

from local.plugin import journal

from .conftest import LocalAws, Stack
from .programs import BUCKET, NETWORK

pytestmark = pytest.mark.engine


def test_a_second_update_changes_nothing_and_destroy_leaves_nothing(stack: Stack, local_aws: LocalAws) -> None:
    stack.program(BUCKET + NETWORK)
    stack.run("preview")
    assert local_aws.client("s3").list_buckets()["Buckets"] == []
    stack.up()
    stack.unchanged()
    s3 = local_aws.client("s3")
    bucket = stack.resources()["data"]["outputs"]["bucket"]
    assert bucket.startswith("data-")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "class", "Value": "phi"}]
    group = next(
        one
        for one in local_aws.client("ec2").describe_security_groups()["SecurityGroups"]
        if one["GroupName"].startswith("web-")
    )
    assert group["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "10.0.0.0/16", "Description": "tls"}]
    assert group["IpPermissionsEgress"] == []
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.run("destroy", "--yes", "--skip-preview")
    assert s3.list_buckets()["Buckets"] == []
    key = local_aws.client("kms").list_keys()["Keys"][0]["KeyId"]
    assert local_aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_every_input_is_told_back_as_it_was_given(stack: Stack, tmp_path: object) -> None:
    stack.program(BUCKET + NETWORK)
    trace = stack.folder / "trace"
    journalled = stack.folder / "journal"
    stack.run("up", "--yes", "--skip-preview", PARAPET_AWS_TRACE=str(trace), PARAPET_CREATED=str(journalled))
    assert not trace.exists(), trace.read_text()
    made = {urn: left.id for urn, left in journal.read(journalled).items()}
    resources = stack.resources()
    assert {one["urn"]: one["id"] for one in resources.values()}.items() <= made.items()


def test_what_a_run_made_that_was_killed_before_its_state_was_written_is_taken_over(
    stack: Stack, local_aws: LocalAws
) -> None:
    """Under the names that were made up for it then, and as the program wants it now."""
    made = stack.folder / "journal"
    stack.program(BUCKET + NETWORK)
    stack.up(PARAPET_CREATED=str(made))
    before = {one["urn"]: one["id"] for one in stack.written()}
    stack.engine.forget(stack.folder)
    stack.program((BUCKET + NETWORK).replace('"class": "phi"', '"class": "none"'))
    stack.up(PARAPET_UNFINISHED=str(made))
    assert {one["urn"]: one["id"] for one in stack.written()} == before
    tags = local_aws.client("s3").get_bucket_tagging(Bucket=stack.resources()["data"]["id"])["TagSet"]
    assert {"Key": "class", "Value": "none"} in tags
    stack.unchanged()


def test_what_the_api_refused_is_not_taken_for_ones_own_later(stack: Stack, local_aws: LocalAws) -> None:
    """Somebody else's has the name."""
    made = stack.folder / "journal"
    local_aws.client("iam").create_role(RoleName="taken", AssumeRolePolicyDocument="{}")
    stack.program('aws.iam.Role("role", name="taken", assume_role_policy=json.dumps({"Version": "2012-10-17"}))')
    for _ in range(2):
        said = stack.run("up", "--yes", "--skip-preview", ok=False, PARAPET_CREATED=str(made))
        assert "EntityAlreadyExists" in said
        assert journal.read(made) == {}


def test_a_fifth_of_all_answers_being_503_does_no_harm(stack: Stack, faulty_aws: LocalAws, local_aws: LocalAws) -> None:
    stack.program(BUCKET + NETWORK)
    stack.endpoint = faulty_aws.url
    stack.up()
    stack.endpoint = local_aws.url
    stack.unchanged()
    assert len(local_aws.client("s3").list_buckets()["Buckets"]) == 2
    assert len(local_aws.client("kms").list_keys()["Keys"]) == 1


def test_a_session_that_expires_in_the_middle_is_told_in_a_line_and_the_next_one_goes_on(
    stack: Stack, expiring_aws: LocalAws, local_aws: LocalAws
) -> None:
    stack.program(BUCKET + NETWORK)
    stack.endpoint = expiring_aws.url
    said = stack.run("up", "--yes", "--skip-preview", ok=False)
    assert "ExpiredToken" in said
    assert "Traceback" not in said
    stack.endpoint = local_aws.url
    assert stack.resources(), "what was made is known"
    stack.up()
    stack.unchanged()
    assert len(local_aws.client("s3").list_buckets()["Buckets"]) == 2
    assert len(local_aws.client("kms").list_keys()["Keys"]) == 1


def test_refresh_reports_what_was_done_behind_its_back_and_up_repairs_it(stack: Stack, local_aws: LocalAws) -> None:
    stack.program(BUCKET + NETWORK)
    stack.up()
    before = stack.resources()
    s3, kms, ec2 = (local_aws.client(one) for one in ("s3", "kms", "ec2"))
    bucket = before["data"]["outputs"]["bucket"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "class", "Value": "public"}]})
    kms.disable_key_rotation(KeyId=before["phi"]["outputs"]["targetKeyId"])
    group = before["web"]["id"]
    ec2.authorize_security_group_ingress(GroupId=group, CidrIp="0.0.0.0/0", IpProtocol="tcp", FromPort=22, ToPort=22)
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    for sign in ("blockPublicAcls", "BucketPolicy", "enableKeyRotation", '"public"', '"0.0.0.0/0"'):
        assert sign in said
    stack.up()
    stack.unchanged()
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert len(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]) == 1


def test_import_and_get_take_what_is_there(stack: Stack, local_aws: LocalAws) -> None:
    kms = local_aws.client("kms")
    key = kms.create_key(Description="ours")["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key)
    stack.program(
        f"""
key = aws.kms.Key("k", description="ours", enable_key_rotation=True, opts=pulumi.ResourceOptions(import_="{key}"))
pulumi.export("described", aws.kms.Key.get("same", "{key}").description)
"""
    )
    stack.up()
    stack.unchanged()
    assert json.loads(stack.run("stack", "output", "--json")) == {"described": "ours"}
    stack.run("import", "aws:kms/key:Key", "other", key, "--yes", "--protect=false", "--generate-code=false")
    assert stack.resources()["other"]["inputs"]["enableKeyRotation"] is True


def test_changes_replace_only_what_they_must(stack: Stack, local_aws: LocalAws) -> None:
    stack.program('aws.kms.Key("k", description="one")\naws.ec2.Vpc("v", cidr_block="10.0.0.0/16")')
    stack.up()
    before = stack.resources()
    stack.program('aws.kms.Key("k", description="two", tags={"a": "b"})\naws.ec2.Vpc("v", cidr_block="10.1.0.0/16")')
    said = stack.run("preview", "--diff")
    assert "replace" in said
    stack.up()
    after = stack.resources()
    assert after["k"]["id"] == before["k"]["id"]
    assert after["v"]["id"] != before["v"]["id"]
    metadata = local_aws.client("kms").describe_key(KeyId=after["k"]["id"])["KeyMetadata"]
    assert metadata["Description"] == "two"
    # An input that its provider fills may be left out again: nothing changes.
    stack.program('aws.kms.Key("k", tags={"a": "b"})\naws.ec2.Vpc("v", cidr_block="10.1.0.0/16")')
    stack.unchanged()


def test_default_tags_regions_and_ignored_changes(stack: Stack, local_aws: LocalAws) -> None:
    code = """
west = aws.Provider("west", region="us-west-2", default_tags={{"tags": {{"owner": "team", "class": "none"}}}})
group = aws.cloudwatch.LogGroup("g", name="/g", retention_in_days={days}, tags={{"class": "phi"}},
    opts=pulumi.ResourceOptions(provider=west, ignore_changes=["retentionInDays"]))
aws.cloudwatch.LogGroup("h", name="/h", region="eu-west-1")
pulumi.export("all", group.tags_all)
"""
    stack.program(code.format(days=7))
    stack.up()
    assert json.loads(stack.run("stack", "output", "--json"))["all"] == {"owner": "team", "class": "phi"}
    west = local_aws.client("logs", "us-west-2").describe_log_groups()["logGroups"]
    assert [(one["logGroupName"], one["retentionInDays"]) for one in west] == [("/g", 7)]
    assert local_aws.client("logs", "eu-west-1").describe_log_groups()["logGroups"][0]["logGroupName"] == "/h"
    stack.program(code.format(days=30))
    stack.unchanged()


def test_a_bucket_with_objects_is_only_deleted_by_force(stack: Stack, local_aws: LocalAws) -> None:
    stack.program('aws.s3.Bucket("b", bucket="full")')
    stack.up()
    s3 = local_aws.client("s3")
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket="full", Key="k", Body=body)
    assert "forceDestroy" in stack.run("destroy", "--yes", "--skip-preview", ok=False)
    stack.program('aws.s3.Bucket("b", bucket="full", force_destroy=True)')
    stack.up()
    stack.run("destroy", "--yes", "--skip-preview")
    assert s3.list_buckets()["Buckets"] == []


def test_a_half_made_resource_stays_in_the_state_and_the_next_update_goes_on(stack: Stack, local_aws: LocalAws) -> None:
    code = """
vpc = aws.ec2.Vpc("v", cidr_block="10.0.0.0/16")
aws.ec2.SecurityGroup("web", vpc_id=vpc.id,
    ingress=[{{"protocol": "tcp", "from_port": 1, "to_port": 1, "cidr_blocks": ["{cidr}"]}}])
"""
    stack.program(code.format(cidr="no-network"))
    assert "no-network" in stack.up(ok=False)
    made = stack.resources()["web"]["id"]
    stack.program(code.format(cidr="10.0.0.0/24"))
    stack.up()
    stack.unchanged()
    assert stack.resources()["web"]["id"] == made
    found = local_aws.client("ec2").describe_security_groups(GroupIds=[made])["SecurityGroups"][0]
    assert found["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "10.0.0.0/24"


def test_all_that_is_wrong_with_a_resource_is_said_at_once(stack: Stack) -> None:
    stack.program(
        """
aws.s3.BucketObjectLockConfiguration("lock", bucket="b", object_lock_enabled="Perhaps",
    rule={"default_retention": {"mode": "STRICT", "days": 0, "hours": 5}})
"""
    )
    said = stack.run("preview", ok=False)
    for complaint in (
        'objectLockEnabled is "Perhaps", but must be one of Enabled',
        'rule.defaultRetention.mode is "STRICT", but must be one of COMPLIANCE, GOVERNANCE',
        "rule.defaultRetention.days is 0, but must be 1 or more",
        "rule.defaultRetention has no property 'hours'",
    ):
        assert complaint in said


def test_a_secret_is_secret_in_state_and_messages(stack: Stack) -> None:
    code = """
name, days = pulumi.Output.secret("/hidden-name"), pulumi.Output.secret({days})
aws.cloudwatch.LogGroup("l", name=name, retention_in_days=days, tags={{"why": pulumi.Output.secret("hidden-why")}})
"""
    stack.program(code.format(days=8191))
    said = stack.run("preview", ok=False)
    assert "retentionInDays is a secret value, but must be one of 0, 1, 3" in said
    assert "8191" not in said
    stack.program(code.format(days=30))
    assert "hidden" not in stack.up()
    state = stack.run("stack", "export")
    assert "hidden" not in state.replace(stack.resources()["l"]["id"], "")
    stack.unchanged()


def test_a_type_that_is_not_declared_is_refused(stack: Stack) -> None:
    stack.program('aws.gamelift.Alias("a", routing_strategy={"type": "TERMINAL", "message": "m"})')
    assert "is not declared in the stand-in" in stack.run("preview", ok=False)


@pytest.mark.parametrize(
    ("code", "endpoint"),
    [
        ('aws.kms.Key("k")', "https://kms.us-east-1.amazonaws.com"),
        ('aws.kms.Key("k")', "http://127.0.0.1.example.com:80"),
        ('aws.kms.Key("k")', ""),
        (
            'p = aws.Provider("p", endpoints=[{"kms": "http://10.0.0.1:1"}])\n'
            'aws.kms.Key("k", opts=pulumi.ResourceOptions(provider=p))',
            "http://127.0.0.1:1",
        ),
    ],
)
def test_nothing_but_this_machine_is_spoken_to(stack: Stack, code: str, endpoint: str) -> None:
    stack.program(code)
    said = stack.run("preview", ok=False, AWS_ENDPOINT_URL=endpoint)
    assert "stand-in for the aws provider" in said
