"""Kubeflow Pipelines' database, before it is there and after it should be gone."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from foundation.pipelines_database import PIPELINES
from operations.account.access import Access
from operations.account.preflight import State, pipelines
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import STACK
from tests.operations.test_preflight import Write, account
from tests.platform.mocked import run_program
from tests.platform.variants import MANY

pytestmark = pytest.mark.xdist_group("account")

ASKED = f"{STACK}  parapet:pipelines: true\n"
POLICY: dict[str, Any] = {"AllowedValues": "*:caching_sha2_password, *:mysql_native_password", "ApplyType": "static"}
SWITCH: dict[str, Any] = {"AllowedValues": "0,1", "ApplyType": "static", "IsModifiable": False}


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """With prepared answers, held against AWS's own service model."""
    client = boto3.client("rds", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(Access, "client", lambda self, service: {"rds": client}[service])
    with Stubber(client) as stubber:
        yield stubber


def offer(rds: Stubber, **changed: dict[str, Any] | None) -> None:
    """What the database is told, as RDS may have it, but for these; None: RDS has none."""
    told: dict[str, dict[str, Any] | None] = {name: {} for name in (*PIPELINES.at_reboot, *PIPELINES.at_once)}
    told |= {"authentication_policy": POLICY, "tls_version": {"AllowedValues": "TLSv1.2,TLSv1.3"}, **changed}
    usual = {"AllowedValues": "0,1", "ApplyType": "dynamic", "IsModifiable": True}
    listed = [{"ParameterName": name, **usual, **each} for name, each in told.items() if each is not None]
    for first, page in enumerate((listed[:3], listed[3:])):
        asked = {"DBParameterGroupFamily": "mysql8.4", **({"Marker": "more"} if first else {})}
        answer = {"DBParameterGroupFamily": "mysql8.4", "Parameters": page, **({} if first else {"Marker": "more"})}
        rds.add_response("describe_engine_default_parameters", {"EngineDefaults": answer}, asked)


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        (None, "does not say whether mysql_native_password is on: `up` will tell"),
        (SWITCH, "does not say whether mysql_native_password is on: `up` will tell"),
        (SWITCH | {"ParameterValue": "ON"}, "has mysql_native_password on"),
    ],
)
def test_what_rds_takes_is_ok_and_what_it_does_not_say_is_said(
    rds: Stubber, write: Write, switch: dict[str, Any] | None, said: str
) -> None:
    offer(rds, mysql_native_password=switch)
    (found,) = pipelines.check(account(write, ASKED))
    assert (found.state, found.text) == (State.OK, f"RDS takes what mysql8.4 is told, and {said}")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"authentication_policy": None}, "RDS has no parameter authentication_policy of mysql8.4"),
        ({"authentication_policy": POLICY | {"IsModifiable": False}}, "RDS lets nobody set authentication_policy"),
        (
            {"authentication_policy": {"AllowedValues": "*:caching_sha2_password,*:sha256_password"}},
            "RDS does not take *:mysql_native_password as authentication_policy of mysql8.4, but *:caching_sha2",
        ),
        ({"local_infile": {"ApplyType": "static"}}, "RDS takes local_infile of mysql8.4 at a start alone"),
        (
            {"mysql_native_password": SWITCH | {"ParameterValue": "OFF"}},
            "mysql_native_password of mysql8.4 is OFF, and",
        ),
    ],
)
def test_what_rds_would_refuse_is_told_before_an_up(
    rds: Stubber, write: Write, changed: dict[str, Any], said: str
) -> None:
    offer(rds, **changed)
    (found,) = pipelines.check(account(write, ASKED))
    assert found.state is State.TO_DO
    assert found.text.startswith(said)
    assert "leave parapet:pipelines false" in found.text


def test_a_stack_that_never_had_it_is_told_nothing(aws: LocalAws, write: Write) -> None:
    assert list(pipelines.check(account(write))) == []


@pytest.mark.parametrize("protected", [True, False])
def test_a_protected_database_that_is_asked_for_no_more_is_told_with_the_way_out(
    aws: LocalAws, write: Write, protected: bool
) -> None:
    told = {"Engine": "mysql", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": 50, "MasterUsername": "a"}
    aws.client("rds").create_db_instance(
        **told,
        DBInstanceIdentifier="parapet-real-pipelines",
        DeletionProtection=protected,
        ManageMasterUserPassword=True,
    )
    found = list(pipelines.check(account(write)))
    assert [each.state for each in found] == [State.TO_DO] * protected
    assert all("the database parapet-real-pipelines is there and protected" in each.text for each in found)


def test_nothing_is_told_at_once_that_rds_may_read_at_a_start_alone() -> None:
    """These MySQL itself takes while it runs (MySQL 8.4 Reference Manual, "Server System Variables"), and RDS too."""
    (group,) = (
        each.inputs["parameters"]
        for each in run_program(**MANY).of("rds/parameterGroup:ParameterGroup")
        if each.inputs["family"] == pipelines.FAMILY
    )
    at_once = {each["name"] for each in group if each["applyMethod"] == "immediate"}
    assert at_once == {"general_log", "local_infile", "require_secure_transport", "slow_query_log"}
    assert {each["name"] for each in group} - at_once == {"authentication_policy", "tls_version"}
