"""A managed database, secrets that a function makes and rotates, and a private authority, through the real engine."""

from __future__ import annotations

import json
import ssl

import pytest

from .conftest import LocalAws, Stack
from .programs_secrets import AUTHORITY, MANAGED

pytestmark = pytest.mark.engine


def test_secrets_are_made_and_rotated_by_functions_and_no_state_knows_them(stack: Stack, local_aws: LocalAws) -> None:
    secrets = local_aws.client("secretsmanager")
    stack.program(MANAGED.replace("PROTECTED", "True"))
    stack.settle()
    told = json.loads(stack.run("stack", "output", "--json"))
    assert json.loads(told["result"]) == {"made": True}
    assert secrets.get_secret_value(SecretId=told["secret"])["SecretString"] == "rotated"
    assert secrets.get_secret_value(SecretId=told["secret"], VersionStage="AWSPREVIOUS")["SecretString"] == "first"
    master = json.loads(secrets.get_secret_value(SecretId=told["managed"])["SecretString"])
    assert master["username"] == "owner"
    assert secrets.describe_secret(SecretId=told["managed"])["RotationRules"] == {"AutomaticallyAfterDays": 30}
    assert "SecureTransport" in secrets.get_resource_policy(SecretId=told["managed"])["ResourcePolicy"]
    assert master["password"] not in stack.run("stack", "export", "--show-secrets")
    stack.program(MANAGED.replace("PROTECTED", "False"))
    stack.up()
    stack.run("destroy", "--yes", "--skip-preview")
    assert local_aws.client("rds").describe_db_instances()["DBInstances"] == []
    assert [one for one in secrets.list_secrets()["SecretList"] if "DeletedDate" not in one] == []


def test_an_invocation_that_fails_fails_the_update(stack: Stack) -> None:
    stack.program(MANAGED.replace("PROTECTED", "False").replace('return {"made": True}', "raise ValueError(event)"))
    said = stack.run("up", "--yes", "--skip-preview", ok=False)
    assert "lambda:invoke: Unhandled" in said
    assert "ValueError" in said


def test_a_private_authority_signs_a_certificate(stack: Stack) -> None:
    stack.program(AUTHORITY)
    stack.settle()
    told = json.loads(stack.run("stack", "output", "--json"))
    assert told["status"] == "ISSUED"
    # What a laptop is given to trust, as any client reads it.
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(cadata=told["trusted"])
    assert len(trusting.get_ca_certs(binary_form=True)) == 1
    stack.run("destroy", "--yes", "--skip-preview")
