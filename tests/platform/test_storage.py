"""The buckets under mocks: every bucket that any component makes has all of its protection."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, run_program
from tests.platform.stacks import stack as a_stack
from tests.platform.variants import run_with

COMPANIONS = [
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "s3/bucketOwnershipControls:BucketOwnershipControls",
    "s3/bucketVersioning:BucketVersioning",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "s3/bucketPolicy:BucketPolicy",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
]
ACCESS_LOGS = "parapet-test-access-logs"
WITH_KEYS = {"parapet-test-phi": "phi", "parapet-test-artifacts": "artifacts", "parapet-test-audit": "logs"}


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def companion(stack: Recorder, kind: str, bucket: Made) -> Made:
    (only,) = [each for each in stack.of(kind) if each.inputs["bucket"] == bucket.id]
    return only


def denials(stack: Recorder, bucket: Made) -> dict[str, dict[str, Any]]:
    policy = companion(stack, "s3/bucketPolicy:BucketPolicy", bucket).policy()
    return {statement["Sid"]: statement for statement in policy if statement["Effect"] == "Deny"}


def refuses(statement: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether a Deny statement holds for a PutObject with these condition keys, as IAM evaluates its operators.

    Source: IAM User Guide, "IAM JSON policy elements: Condition operators". A negated comparison holds for an absent
    key.
    """
    return all(
        _holds(operator, headers.get(key), wanted)
        for operator, keys in statement["Condition"].items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, present: str | None, wanted: str) -> bool:
    match operator:
        case "Null":
            return (present is None) == (wanted == "true")
        case "StringNotEquals":
            return present != wanted
        case "BoolIfExists" if present is None:
            return True
        case "Bool" | "BoolIfExists":
            return present == wanted
        case "NumericLessThan":
            return present is not None and float(present) < float(wanted)
    raise AssertionError(f"no test knows the operator {operator}")


def is_refused(stack: Recorder, bucket: Made, **headers: str) -> bool:
    vpc = stack.one("ec2/vpc:Vpc", "parapet-test").id
    request = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "aws:SourceVpc": vpc}
    request |= {f"s3:x-amz-server-side-encryption{name}": value for name, value in headers.items()}
    elsewhere = ("NoVersionBeforeItsTime", "OutcomesByWhoDeliversThem")
    of_uploads = [each for sid, each in denials(stack, bucket).items() if sid not in elsewhere]
    return any(refuses(statement, request) for statement in of_uploads)


def test_the_platform_has_these_four_buckets(stack: Recorder) -> None:
    assert {bucket.name for bucket in stack.of("s3/bucket:Bucket")} == {*WITH_KEYS, ACCESS_LOGS}


@pytest.mark.parametrize("kind", COMPANIONS)
def test_every_bucket_has_its_companion(stack: Recorder, kind: str) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        assert companion(stack, kind, bucket)


def test_no_bucket_can_be_made_public(stack: Recorder) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        block = companion(stack, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket).inputs
        for each in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
            assert block[each] is True, (bucket.name, each)


def test_access_lists_are_off_and_versions_on(stack: Recorder) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        owner = companion(stack, "s3/bucketOwnershipControls:BucketOwnershipControls", bucket).inputs
        assert owner["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
        versioning = companion(stack, "s3/bucketVersioning:BucketVersioning", bucket).inputs
        assert versioning["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize(("name", "holds"), WITH_KEYS.items())
def test_a_bucket_encrypts_with_the_key_of_its_class(stack: Recorder, name: str, holds: str) -> None:
    bucket = stack.one("s3/bucket:Bucket", name)
    assert bucket.inputs["tags"]["DataClass"] == holds
    (rule,) = companion(stack, COMPANIONS[3], bucket).inputs["rules"]
    default = rule["applyServerSideEncryptionByDefault"]
    assert default["sseAlgorithm"] == "aws:kms"
    assert default["kmsMasterKeyId"].endswith(f"key/parapet-test-{holds}")
    assert rule["bucketKeyEnabled"] is True


def test_the_target_of_access_logs_encrypts_with_sse_s3_which_alone_s3_delivers_to(stack: Recorder) -> None:
    bucket = stack.one("s3/bucket:Bucket", ACCESS_LOGS)
    assert companion(stack, COMPANIONS[3], bucket).inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    ]


def test_every_bucket_but_their_target_logs_its_accesses(stack: Recorder) -> None:
    target = stack.one("s3/bucket:Bucket", ACCESS_LOGS)
    logging = {each.inputs["bucket"]: each.inputs for each in stack.of("s3/bucketLogging:BucketLogging")}
    assert set(logging) == {bucket.id for bucket in stack.of("s3/bucket:Bucket")} - {target.id}
    assert {each["targetBucket"] for each in logging.values()} == {target.id}
    assert len({each["targetPrefix"] for each in logging.values()}) == len(logging)


def test_no_bucket_answers_without_tls_or_with_an_old_one(stack: Recorder) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        denied = denials(stack, bucket)
        for sid in ("DenyInsecureTransport", "DenyOldTls"):
            assert (denied[sid]["Principal"], denied[sid]["Action"]) == ("*", "s3:*")
            assert len(denied[sid]["Resource"]) == 2
        assert refuses(denied["DenyInsecureTransport"], {"aws:SecureTransport": "false"})
        assert refuses(denied["DenyOldTls"], {"s3:TlsVersion": "1.1"})
        assert not refuses(denied["DenyOldTls"], {"s3:TlsVersion": "1.2"})


@pytest.mark.parametrize(("name", "holds"), WITH_KEYS.items())
def test_an_upload_lands_under_the_right_key_or_not_at_all(stack: Recorder, name: str, holds: str) -> None:
    bucket = stack.one("s3/bucket:Bucket", name)
    (rule,) = companion(stack, COMPANIONS[3], bucket).inputs["rules"]
    right = rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"]
    assert holds in right
    key_id = "-aws-kms-key-id"
    assert not is_refused(stack, bucket), "no header: the bucket's default key catches it"
    assert not is_refused(stack, bucket, **{"": "aws:kms", key_id: right})
    assert is_refused(stack, bucket, **{"": "aws:kms", key_id: right.replace(holds, "cluster")})
    assert is_refused(stack, bucket, **{"": "aws:kms"}), "S3 would take the AWS managed key"
    assert is_refused(stack, bucket, **{"": "AES256"})
    assert is_refused(stack, bucket, **{"-customer-algorithm": "AES256"})


def test_only_s3_delivers_logs_and_only_for_this_accounts_buckets(stack: Recorder) -> None:
    target = stack.one("s3/bucket:Bucket", ACCESS_LOGS)
    policy = companion(stack, "s3/bucketPolicy:BucketPolicy", target).policy()
    (allowed,) = [statement for statement in policy if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    for bucket in stack.of("s3/bucket:Bucket"):
        assert fnmatchcase(f"arn:aws:s3:::{bucket.name}-1a2b3c4", allowed["Condition"]["ArnLike"]["aws:SourceArn"])


def test_no_other_bucket_policy_allows_anything(stack: Recorder) -> None:
    for name in WITH_KEYS:
        policy = stack.one("s3/bucketPolicy:BucketPolicy", name).policy()
        assert {statement["Effect"] for statement in policy} == {"Deny"}


def test_unfinished_uploads_are_aborted_in_every_bucket(stack: Recorder) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        (rule,) = companion(stack, COMPANIONS[5], bucket).inputs["rules"]
        assert rule["status"] == "Enabled"
        assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}


def test_no_current_object_expires_but_an_access_log(stack: Recorder) -> None:
    for bucket in stack.of("s3/bucket:Bucket"):
        (rule,) = companion(stack, COMPANIONS[5], bucket).inputs["rules"]
        assert rule.get("expiration") == ({"days": 400} if bucket.name == ACCESS_LOGS else None)


@pytest.mark.parametrize("years", [6, 10])
def test_audit_records_are_locked_in_compliance_mode_for_the_years_asked_for(years: int) -> None:
    stack = run_with(auditRetentionYears=years)
    bucket = stack.one("s3/bucket:Bucket", "parapet-test-audit")
    assert bucket.inputs["objectLockEnabled"] is True
    (lock,) = stack.of("s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    assert lock.inputs["bucket"] == bucket.id
    assert lock.inputs["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "years": years}}


@pytest.mark.parametrize("years", [5, 0, -6])
def test_less_than_six_years_for_audit_records_cannot_be_said(years: int) -> None:
    with pytest.raises(ValueError, match=rf"^audit_retention_years is {years}; .* 6 years \(45 CFR 164\.316\(b\)\(2\)"):
        a_stack(audit_retention_years=years)


@pytest.mark.parametrize("days", [0, 30, 366])
def test_a_retention_that_no_log_group_can_have_cannot_be_said(days: int) -> None:
    with pytest.raises(ValueError, match=rf"^log_retention_days is {days}; CloudWatch Logs offers"):
        a_stack(log_retention_days=days)


@pytest.mark.parametrize("protect", [True, False])
def test_a_bucket_with_objects_is_emptied_only_in_a_stack_without_protection(protect: bool) -> None:
    for bucket in run_with(protect=protect).of("s3/bucket:Bucket"):
        assert bucket.inputs["forceDestroy"] is not protect


def test_no_bucket_is_named_by_hand(stack: Recorder) -> None:
    assert not [bucket for bucket in stack.of("s3/bucket:Bucket") if {"bucket", "bucketPrefix"} & set(bucket.inputs)]
    assert "bucket" not in json.dumps([bucket.inputs for bucket in stack.of("s3/bucket:Bucket")])
