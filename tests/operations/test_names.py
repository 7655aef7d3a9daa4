"""The names that a stack gives by itself, held against the plan, and an account in which somebody else has them."""

import boto3
import pytest

from operations.account.access import Access
from operations.account.preflight import State, names
from operations.account.preflight.finding import Account
from settings import Settings
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import ACCOUNT, STACK
from tests.operations.test_preflight import Write
from tests.platform.mocked import Made, run_program, stack_settings
from tests.platform.variants import OUTWARDS

pytestmark = pytest.mark.xdist_group("account")

NAMED = ("name", "identifier", "policyName")
FREE = {
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "a second of the name takes the place of the first",
    "aws:route53/zone:Zone": "an account may have private zones of one name, each for another VPC",
    "aws:route53/record:Record": "it is in the stack's own zone",
    "aws:route53/resolverEndpoint:ResolverEndpoint": "its name is no key: Route 53 knows it by its id",
}
"""What is named, and why AWS takes a second of the name."""


def given() -> list[tuple[Made, str]]:
    asked = run_program(**OUTWARDS).managed()
    return [(made, made.inputs[key]) for made in asked for key in NAMED if key in made.inputs and made.type not in FREE]


@pytest.mark.plan
def test_every_name_that_the_stack_gives_is_looked_for() -> None:
    settings = Settings.parse(stack_settings(**OUTWARDS))
    assert len(given()) >= 25
    assert [name for made, name in given() if not names.is_given(settings, made.type, name)] == []
    assert {made.type for made, _ in given()} == {kind.type for kind in names.KINDS}


def test_no_name_is_looked_for_that_the_stack_does_not_give() -> None:
    settings = Settings.parse(stack_settings(**OUTWARDS))
    planned = {name for _, name in given()}
    assert {name for listed in names.exact(settings).values() for name in listed} <= planned


@pytest.fixture
def account(aws: LocalAws, write: Write) -> Account:
    file = write(STACK)
    access = Access(boto3.Session(region_name="us-east-1"), ACCOUNT, "aws", "us-east-1", "me")
    return Account(file, file.settings(), file.path.parent, access, "bucket")


def test_in_an_empty_account_every_name_is_free(account: Account) -> None:
    assert [(each.state, each.text) for each in names.check(account)] == [
        (State.OK, "nobody else has one of those that parapet-real gives")
    ]


def test_what_a_destroyed_stack_left_is_told_with_what_to_do(account: Account, aws: LocalAws) -> None:
    left = "/aws/eks/parapet-real/cluster"  # EKS makes it anew, without a tag
    aws.client("logs").create_log_group(logGroupName=left)
    aws.client("ssm").create_document(
        Name="SSM-SessionManagerRunShell", DocumentType="Session", Content='{"schemaVersion": "1.0"}'
    )
    aws.client("ecr").create_repository(repositoryName="parapet-real/mlflow")
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("kms").create_alias(AliasName="alias/parapet-real-phi", TargetKeyId=key)
    found = {each.text for each in names.check(account)}
    assert found == {
        f"the log group {left} is there and not this stack's: keep what you need of it, then aws logs "
        f"delete-log-group --log-group-name {left}",
        "the session document SSM-SessionManagerRunShell is there and not this stack's: aws ssm delete-document --name "
        "SSM-SessionManagerRunShell, or, where it is the account's SSM-SessionManagerRunShell, set "
        "parapet:sessionPreferences to false",
        "the repository parapet-real/mlflow is there and not this stack's: aws ecr delete-repository --repository-name "
        "parapet-real/mlflow",
        "the key's alias alias/parapet-real-phi is there and not this stack's: aws kms delete-alias --alias-name "
        "alias/parapet-real-phi, which leaves the key",
    }


def test_what_the_stack_itself_has_made_is_its_own(account: Account, aws: LocalAws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/parapet-real/sessions", tags={"Environment": "real"})
    logs.create_log_group(
        logGroupName="/aws/rds/instance/parapet-real-2-mlflow/upgrade", tags={"Environment": "real-2"}
    )
    key = aws.client("kms").create_key(Tags=[{"TagKey": "Environment", "TagValue": "real"}])["KeyMetadata"]["KeyId"]
    aws.client("kms").create_alias(AliasName="alias/parapet-real-phi", TargetKeyId=key)
    assert [each.state for each in names.check(account)] == [State.OK]
