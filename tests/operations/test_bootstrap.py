"""An account made ready for its first `pulumi up`, on a local AWS API."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations.account.access import Access
from operations.account.bootstrap import bootstrap
from operations.account.state_bucket import StateBucket
from operations.account.state_key import KIND, TAG, policy
from operations.refused import Refused
from operations.stack_settings import StackFile
from tests.engine import Engine
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import ACCOUNT, STACK

ACCESS = Access(boto3.Session(), ACCOUNT, "aws", "us-east-1", f"arn:aws:iam::{ACCOUNT}:user/me")
LEFT: dict[str, Any] = {"Tags": [TAG], "Policy": json.dumps(policy(ACCESS)), **KIND}
"""A key that a stopped run left without its alias."""
BUCKET = f"parapet-state-{ACCOUNT}-us-east-1"
Write = Callable[..., StackFile]

pytestmark = pytest.mark.xdist_group("account")


def run(stack: StackFile, **options: Any) -> list[str]:
    """What a bootstrap tells that it does."""
    told: list[str] = []
    assert bootstrap(stack, told.append, **options).changes == len(told)
    return told


def test_an_empty_account_gets_all_of_it_and_a_second_run_finds_nothing_to_do(aws: LocalAws, write: Write) -> None:
    stack = write()
    assert run(stack)
    roles = {each["RoleName"] for each in aws.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]}
    assert {"AWSServiceRoleForAutoScaling", "AWSServiceRoleForAmazonEKS", "AWSServiceRoleForRDS"} <= roles
    assert "AWSServiceRoleForEC2Spot" not in roles  # nothing here runs on Spot Instances
    s3, kms = aws.client("s3"), aws.client("kms")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    (owner,) = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    denied = {each["Sid"] for each in json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]}
    assert denied == {"DenyInsecureTransport", "DenyOldTls", "DenyOtherAccounts"}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 365
    key = kms.describe_key(KeyId="alias/parapet-state")["KeyMetadata"]["Arn"]
    (encryption,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert run(stack) == []


def test_the_stacks_file_keeps_every_other_line(aws: LocalAws, write: Write) -> None:
    stack = write()
    run(stack)
    text = stack.path.read_text()
    added = [line for line in text.splitlines() if line not in STACK.splitlines()]
    assert added == [
        f"# State: pulumi login 's3://{BUCKET}?region=us-east-1&awssdk=v2'",
        "secretsprovider: awskms://alias/parapet-state?region=us-east-1",
    ]
    assert [line for line in text.splitlines() if line not in added] == STACK.splitlines()


def test_spot_groups_bring_the_role_that_launches_them(aws: LocalAws, write: Write) -> None:
    group = "{name: g, instanceTypes: [g6.xlarge], max: 1, capacity: spot}"
    run(write(f"{STACK}  parapet:gpuGroups: [{group}]\n"))
    assert aws.client("iam").get_role(RoleName="AWSServiceRoleForEC2Spot")


def test_a_plan_tells_the_same_and_changes_nothing(aws: LocalAws, write: Write) -> None:
    stack = write()
    planned = run(stack, plan=True)
    assert stack.path.read_text() == STACK
    assert not aws.client("s3").list_buckets()["Buckets"]
    assert not aws.client("kms").list_keys()["Keys"]
    assert not aws.client("iam").list_roles()["Roles"]
    done = run(stack)
    # A bucket and a key that are made new have some of it from the start.
    assert set(done) <= set(planned)
    assert run(stack, plan=True) == []


def test_wherever_it_was_stopped_the_next_run_goes_on(aws: LocalAws, write: Write) -> None:
    stack = write()
    whole = run(stack, plan=True)
    done: list[str] = []
    stops = range(3, len(whole), 3)

    def tell(text: str) -> None:
        if len(done) in stops and done[-1] != "stopped":
            done.append("stopped")
            raise KeyboardInterrupt
        done.append(text)

    for _ in range(len(stops) + 1):
        with contextlib.suppress(KeyboardInterrupt):
            bootstrap(stack, tell)
    assert done.count("stopped") > 2
    assert run(stack) == []
    assert len(aws.client("kms").list_keys()["Keys"]) == 1


def test_a_key_that_a_stopped_run_left_without_its_alias_is_taken_up(aws: LocalAws, write: Write) -> None:
    kms = aws.client("kms")
    left = kms.create_key(**LEFT)["KeyMetadata"]["KeyId"]
    stack = write()
    told = run(stack)
    assert f"give the key {left} the alias alias/parapet-state" in told
    assert kms.get_key_rotation_status(KeyId=left)["KeyRotationEnabled"]
    assert run(stack) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"Policy": json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})},
        {"Origin": "EXTERNAL"},
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        {"MultiRegion": True},
    ],
    ids=lambda planted: next(iter(planted)),
)
def test_a_key_that_somebody_planted_under_the_tag_is_not_taken_up(
    aws: LocalAws, write: Write, planted: dict[str, Any]
) -> None:
    kms = aws.client("kms")
    theirs = kms.create_key(**(LEFT | planted))["KeyMetadata"]["Arn"]
    run(write())
    assert kms.describe_key(KeyId="alias/parapet-state")["KeyMetadata"]["Arn"] != theirs


def test_a_key_whose_use_somebody_was_granted_is_not_taken_up(aws: LocalAws, write: Write) -> None:
    kms = aws.client("kms")
    theirs = kms.create_key(**LEFT)["KeyMetadata"]["Arn"]
    kms.create_grant(KeyId=theirs, GranteePrincipal="arn:aws:iam::999988887777:role/other", Operations=["Decrypt"])
    run(write())
    assert kms.describe_key(KeyId="alias/parapet-state")["KeyMetadata"]["Arn"] != theirs


def test_a_key_under_the_alias_whose_material_is_somebodys_is_refused(aws: LocalAws, write: Write) -> None:
    kms = aws.client("kms")
    theirs = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/parapet-state", TargetKeyId=theirs)
    with pytest.raises(
        Refused, match=f"alias/parapet-state leads to the key {theirs}.*KeySpec is RSA_2048.*update-alias"
    ):
        run(write())


def test_a_bucket_that_holds_what_the_states_key_does_not_encrypt_is_refused(aws: LocalAws, write: Write) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=".pulumi/stacks/parapet/real.json", Body=b"{}")
    with pytest.raises(Refused, match=rf"The bucket {BUCKET} holds objects and .*--bucket NAME"):
        run(write())


def test_a_bucket_that_is_copied_elsewhere_is_refused(aws: LocalAws, write: Write) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="elsewhere")
    s3.put_bucket_versioning(Bucket="elsewhere", VersioningConfiguration={"Status": "Enabled"})
    copy = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::elsewhere"}}
    role = f"arn:aws:iam::{ACCOUNT}:role/replication"
    s3.put_bucket_replication(Bucket=BUCKET, ReplicationConfiguration={"Role": role, "Rules": [copy]})
    with pytest.raises(Refused, match=rf"The bucket {BUCKET} is replicated to arn:aws:s3:::elsewhere"):
        run(write())


def test_a_bucket_of_another_region_is_refused(aws: LocalAws, write: Write) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(Refused, match=rf"The bucket {BUCKET} is in eu-west-1, not in us-east-1"):
        run(write())


def test_what_somebody_opened_is_closed_again(aws: LocalAws, write: Write) -> None:
    stack = write()
    run(stack)
    s3 = aws.client("s3")
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.delete_bucket_policy(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    assert run(stack) == [
        f"{BUCKET}: block all public access",
        f"{BUCKET}: keep versions",
        f"{BUCKET}: TLS 1.2 or newer alone, and nobody of another account",
    ]
    assert run(stack) == []


def test_a_bucket_that_is_gone_with_a_state_is_not_made_anew(aws: LocalAws, write: Write) -> None:
    stack = write()
    run(stack)
    aws.client("s3").delete_bucket(Bucket=BUCKET)
    kept = stack.path.read_text()
    with pytest.raises(
        Refused, match=rf"Pulumi\.real\.yaml says that the state is in s3://{BUCKET}, and .* is gone"
    ) as told:
        run(stack)
    assert "\n" not in str(told.value)
    assert not aws.client("s3").list_buckets()["Buckets"]
    stack.path.write_text(
        "".join(line for line in kept.splitlines(True) if not line.startswith(("# State:", "secrets")))
    )
    assert f"make the bucket {BUCKET} in us-east-1" in run(stack)


def test_a_bucket_of_somebody_elses_is_refused_before_anything_is_made(
    aws: LocalAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = aws.client("sts").assume_role(RoleArn="arn:aws:iam::999988887777:role/other", RoleSessionName="other")
    session = boto3.Session(
        other["Credentials"]["AccessKeyId"],
        other["Credentials"]["SecretAccessKey"],
        other["Credentials"]["SessionToken"],
        region_name="us-east-1",
    )
    session.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(Refused, match=f"The bucket {BUCKET} belongs to another account.*--bucket NAME"):
        run(write())
    assert not aws.client("kms").list_keys()["Keys"]
    assert not aws.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    assert run(write(), bucket="another-one-of-ours")


def test_credentials_of_another_account_are_refused_by_both_numbers(aws: LocalAws, write: Write) -> None:
    with pytest.raises(Refused, match=rf"those of the account {ACCOUNT} .*parapet:allowedAccountId is 998877665544"):
        run(write(STACK.replace(ACCOUNT, "998877665544")))
    assert not aws.client("kms").list_keys()["Keys"]


def test_a_token_that_expires_on_the_way_is_told_and_the_next_run_goes_on(
    aws: LocalAws, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expire(self: StateBucket) -> None:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "The token has expired"}}, "CreateBucket")

    with monkeypatch.context() as patched:
        patched.setattr(StateBucket, "_make", expire)
        with pytest.raises(Refused, match=r"session has expired \(CreateBucket\).*goes on where it stopped"):
            run(write())
    assert f"make the bucket {BUCKET} in us-east-1" in run(write())


def test_a_key_about_to_be_deleted_is_refused_with_the_way_back(aws: LocalAws, write: Write) -> None:
    stack = write()
    run(stack)
    kms = aws.client("kms")
    key = kms.describe_key(KeyId="alias/parapet-state")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(Refused, match=f"is PendingDeletion.*aws kms cancel-key-deletion --key-id {key}"):
        run(stack)


@pytest.mark.parametrize(
    "line",
    ["secretsprovider: awskms://alias/another?region=us-east-1", "encryptionsalt: v1:HR1D6XKaQbw=:v1:x"],
)
def test_secrets_under_another_provider_are_not_lost(aws: LocalAws, write: Write, line: str) -> None:
    with pytest.raises(Refused, match="pulumi stack change-secrets-provider --stack real"):
        run(write(f"{STACK}{line}\n"))
    assert not aws.client("kms").list_keys()["Keys"]


def test_bad_settings_are_refused_one_line_each(aws: LocalAws, write: Write) -> None:
    with pytest.raises(Refused) as refused:
        run(write(STACK.replace("real  #", "Real  #").replace('"7"', '""')))
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "parapet:environment",
        "parapet:costCenter",
    ]


def test_a_local_stack_is_refused(aws: LocalAws, write: Write) -> None:
    with pytest.raises(Refused, match="runs against a local AWS API"):
        run(write(f'{STACK}  parapet:localAws: "true"\n'))


def test_no_credentials_are_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Refused, match=r"no AWS credentials.*AWS_PROFILE"):
        run(write())


@pytest.mark.engine
def test_the_real_engine_keeps_its_state_and_its_secrets_there(aws: LocalAws, write: Write, engine: Engine) -> None:
    stack = write()
    outcome = bootstrap(stack, lambda _: None)
    folder = stack.path.parent
    # A host name a bucket is what a local API alone has not.
    here = {"AWS_ENDPOINT_URL": aws.url, "PULUMI_BACKEND_URL": f"{outcome.backend}&use_path_style=true"}
    made = engine(folder, "stack", "init", "real", "--secrets-provider", outcome.provider, **here)
    assert made.returncode == 0, made.stderr
    kept = engine(folder, "config", "set", "--secret", "token", "a-secret", "--stack", "real", **here)
    assert kept.returncode == 0, kept.stderr
    text = stack.path.read_text()
    assert "a-secret" not in text
    assert "# State: pulumi login" in text
    shown = engine(folder, "config", "get", "token", "--stack", "real", **here)
    assert shown.stdout.strip() == "a-secret"
    states = aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert any(each["Key"].endswith("real.json") for each in states)
    assert run(stack) == []
