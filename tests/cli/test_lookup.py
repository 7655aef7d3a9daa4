"""The privacy officer finds what the audit trail of MLflow has about a name."""

import io
import sys
from typing import Any
from uuid import uuid4

import pytest

from cli.lookup import VARIABLE, lookup
from cli.output import Refused
from delivery.registry.objects import KEYS
from foundation.secrets.rotation import FIRST_VALUE, STEPS, handler
from parapet_mlflow.audit.key import Key


@pytest.fixture
def secret(secrets: Any) -> str:
    """As the stack's own rotator makes it, after one rotation."""
    arn = str(secrets.create_secret(Name="parapet-test/mlflow-audit-key")["ARN"])
    handler({"SecretId": arn, "Step": FIRST_VALUE, "Length": 40, "KeepOld": True}, None)
    token = str(uuid4())
    for step in STEPS:
        handler({"SecretId": arn, "Step": step, "ClientRequestToken": token}, None)
    return arn


def test_a_name_is_found_in_new_lines_and_in_those_before_a_rotation(
    secrets: Any, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new, old = secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"].split()
    (first,) = secrets.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"].split()
    assert old == first
    lookup(["Jane Doe", "[MRN] 1234567"], secret)
    told = capsys.readouterr()
    expected = [f"{Key(key).digest(name)}\t{name}" for name in ("Jane Doe", "[MRN] 1234567") for key in (new, old)]
    assert told.out.splitlines() == expected
    assert not [key for key in (new, old) if key in told.out + told.err]


def test_names_are_read_from_standard_input(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Jane Doe\n\n"))
    lookup(None, secret)
    assert capsys.readouterr().out.count("Jane Doe") == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(Refused, match="standard input"):
        lookup(None, secret)


@pytest.mark.parametrize("secret", ["", "mlflow-audit-key", "arn:aws:iam::123456789012:role/officer"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(Refused, match="mlflowAuditKeySecretArn"):
        lookup(["Jane Doe"], secret)


@pytest.mark.usefixtures("secrets")
def test_whoever_may_not_is_told_who_may() -> None:
    missing = "arn:aws:secretsmanager:us-east-1:123456789012:secret:parapet-test/other-AbCdEf"
    with pytest.raises(Refused, match=r"ResourceNotFoundException.*parapet:privacyOfficers"):
        lookup(["Jane Doe"], missing)


def test_its_variable_is_no_other_commands() -> None:
    """A promotion reads the key of the audit bucket from one of nearly that name."""
    assert VARIABLE not in {*KEYS.values(), *KEYS}
