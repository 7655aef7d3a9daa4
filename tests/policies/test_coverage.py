"""Each check of the lists of others is answered to, by a rule that there is or by a reason; and the README's number."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import hipaa
from hipaa import coverage
from hipaa.coverage import Row, UnusableCoverage
from hipaa.resource import Resource
from hipaa.stack import Stack
from hipaa.verdict import Outcome
from tests.policies.harness import PACK

# Counted where the lists were read.
COUNTS = {"aws-config-hipaa": 130, "aws-config-ai-ml": 121, "cdk-nag-hipaa": 90, "prowler-hipaa": 95}


def test_the_lists_are_these() -> None:
    assert set(coverage.load()) == set(COUNTS)
    assert {path.stem for path in (PACK / "hipaa" / "checklists").glob("*.txt")} == set(COUNTS)


@pytest.mark.parametrize("key", COUNTS)
def test_list_is_complete(key: str) -> None:
    names = list(coverage.names(key))
    assert len(names) == len(set(names)) == COUNTS[key]
    assert list(coverage.load()[key].rows) == names


def test_most_are_answered_to_by_rules() -> None:
    rows = [row for checklist in coverage.load().values() for row in checklist.rows.values()]
    assert sum(1 for row in rows if row.rules) > 0.8 * len(rows)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"live": "too short"},
        {"rules": ["kms-key-rotates"], "live": "what happens there is in no program"},
        {"live": "what happens there is in no program", "not_applicable": "nobody has such a thing"},
        {"rules": ["key-is-blue"]},
        {"live": "what happens there is in no program", "also_live": "and more of it on the account"},
        {"rules": []},
        {"live": "what happens there is in no program", "leaves_out": "and this is nobody's to answer to"},
    ],
)
def test_row_without_one_answer_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Row.model_validate(entry)


def test_name_that_is_left_out_or_made_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    true = coverage.names
    monkeypatch.setattr(
        coverage, "names", lambda key: [*true(key), "one-more"] if key == "cdk-nag-hipaa" else true(key)
    )
    with pytest.raises(UnusableCoverage, match="cdk-nag-hipaa lacks one-more"):
        coverage.load.__wrapped__()
    monkeypatch.setattr(coverage, "names", lambda key: list(true(key))[1:] if key == "cdk-nag-hipaa" else true(key))
    with pytest.raises(UnusableCoverage, match="cdk-nag-hipaa has ALBHttpDropInvalidHeaderEnabled, which its list"):
        coverage.load.__wrapped__()


_ARN = "arn:aws:ec2:us-east-1:111122223333"
_USED = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/enclave"}, "Action": "kms:Decrypt"}
_ATTESTED = {"Condition": {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": "1a2b"}}}


def _enclave(*statements: dict[str, object]) -> Resource:
    policy = {"Version": "2012-10-17", "Statement": [each | {"Resource": "*"} for each in statements]}
    return Resource("aws:kms/key:Key", {"description": "of the enclave", "policy": json.dumps(policy)})


# What the check of another list finds, and a rule of its row must. A row whose claim was found false has one here.
VIOLATING: list[tuple[str, Resource]] = [
    (
        "elbv2-acm-certificate-required",
        Resource(
            "aws:lb/listener:Listener",
            {"protocol": "HTTPS", "certificateArn": "arn:aws:iam::111122223333:server-certificate/a"},
        ),
    ),
    ("elbv2-acm-certificate-required", Resource("aws:lb/listener:Listener", {"protocol": "TLS", "port": 443})),
    ("IAMNoInlinePolicy", Resource("aws:iam/userPolicy:UserPolicy", {"user": "ann", "policy": "{}"})),
    ("rds-snapshot-encrypted", Resource("aws:rds/instance:Instance", {"engine": "postgres"})),
    ("rds-snapshot-encrypted", Resource("aws:rds/snapshotCopy:SnapshotCopy", {"sourceDbSnapshotIdentifier": "s"})),
    (
        "rds-snapshot-encrypted",
        Resource("aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy", {"sourceDbClusterSnapshotIdentifier": "s"}),
    ),
    (
        "EC2_ENIS_SOURCE_DESTINATION_CHECK_ENABLED",
        Resource("aws:ec2/networkInterface:NetworkInterface", {"sourceDestCheck": False}),
    ),
    (
        "EKS_CLUSTER_SUPPORTED_VERSION",
        Resource("aws:eks/cluster:Cluster", {"version": "1.24", "upgradePolicy": {"supportType": "STANDARD"}}),
    ),
    (
        "EKS_CLUSTER_SUPPORTED_VERSION",
        Resource("aws:eks/cluster:Cluster", {"version": "1.9", "upgradePolicy": {"supportType": "STANDARD"}}),
    ),
    ("ec2-resources-protected-by-backup-plan", Resource("aws:ec2/instance:Instance", {"arn": f"{_ARN}:instance/i-1"})),
    ("ec2-resources-protected-by-backup-plan", Resource("aws:ebs/volume:Volume", {"arn": f"{_ARN}:volume/vol-1"})),
    ("rds-in-backup-plan", Resource("aws:rds/instance:Instance", {"backupRetentionPeriod": 0})),
    ("dynamodb-in-backup-plan", Resource("aws:dynamodb/table:Table", {"name": "records"})),
    ("aurora-resources-protected-by-backup-plan", Resource("aws:rds/cluster:Cluster", {"engine": "aurora-mysql"})),
    (
        "internet-gateway-authorized-vpc-only",
        Resource("aws:ec2/route:Route", {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1a2b3c4d"}),
    ),
    (
        "ec2_networkacl_allow_ingress_any_port",
        Resource(
            "aws:ec2/networkAcl:NetworkAcl",
            {"ingress": [{"ruleNo": 1, "protocol": "-1", "action": "allow", "cidrBlock": "0.0.0.0/0"}]},
        ),
    ),
    ("kms_key_enclave_attestation_not_enforced", _enclave(_USED)),
    ("kms_key_enclave_attestation_bypassable_path", _enclave(_USED | _ATTESTED, _USED)),
]
RULES = {rule.name: rule for rule in hipaa.rules()}


def _same(name: str) -> str:
    """A check's name as several lists have it: `ELBv2ACMCertificateRequired`, `elbv2-acm-certificate-required`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _rows() -> list[tuple[str, Row]]:
    return [(name, row) for checklist in coverage.load().values() for name, row in checklist.rows.items()]


@pytest.mark.parametrize(("check", "resource"), VIOLATING)
def test_what_a_check_finds_a_rule_of_its_row_finds(check: str, resource: Resource) -> None:
    rows = [row for name, row in _rows() if _same(name) == _same(check)]
    assert rows
    for row in rows:
        asked = [rule for name in row.rules if (rule := RULES[name]).is_about(resource.type)]
        found = [rule.name for rule in asked if rule.judge(resource, Stack([resource])).outcome is Outcome.FAILED]
        assert found, f"none of {row.rules} finds it"


def test_each_rule_of_a_row_finds_something() -> None:
    """By an example of its own; so a row names no rule that only ever passes."""
    for name in {name for _, row in _rows() for name in row.rules}:
        rule = RULES[name]
        assert any(one.violations for each in rule.unsound for one in rule.judge_example(each)), name


def test_a_check_that_several_lists_have_is_answered_alike() -> None:
    answers: dict[str, set[Row]] = {}
    for name, row in _rows():
        answers.setdefault(_same(name), set()).add(row)
    assert {name: found for name, found in answers.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("kms-cmk-not-scheduled-for-deletion", "live"),
        ("s3-bucket-default-lock-enabled", "not_applicable"),
        ("kms_key_enclave_debug_attestation_detected", "live"),
        ("kms_key_enclave_attestation_unknown_image", "live"),
        ("iam-no-inline-policy-check", "leaves_out"),
        ("IAMNoInlinePolicy", "leaves_out"),
        ("rds-in-backup-plan", "leaves_out"),
        ("dynamodb-in-backup-plan", "leaves_out"),
        ("aurora-resources-protected-by-backup-plan", "leaves_out"),
        ("internet-gateway-authorized-vpc-only", "leaves_out"),
        ("ec2_networkacl_allow_ingress_any_port", "leaves_out"),
    ],
)
def test_what_no_rule_answers_to_is_said(check: str, why: str) -> None:
    rows = [row for name, row in _rows() if _same(name) == _same(check)]
    assert rows
    assert all(getattr(row, why, None) for row in rows)


@pytest.mark.parametrize("readme", [PACK / "README.md"], ids=str)
def test_readme_says_how_many_rules_there_are(readme: Path) -> None:
    count = len(hipaa.rules())
    assert count >= 200
    said = re.search(r"more than (\d+) rules", readme.read_text())
    assert said, "the README tells how many rules there are"
    assert int(said[1]) == count // 50 * 50, f"there are {count}: it tells the last whole fifty"
