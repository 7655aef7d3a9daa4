"""Python functions of the local AWS API: they run, and what they say comes back as Lambda tells it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest

from tests.cluster import wait_for
from tests.local.aws.conftest import LocalAws

ANSWERING = """
import os, helper
def handler(event, context):
    print("seen", event["number"])
    return {
        "doubled": helper.double(event["number"]),
        "word": os.environ["WORD"],
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis(),
    }
"""
CALLING = """
import boto3
def handler(event, context):
    boto3.client("ssm").put_parameter(Name=event["name"], Value=context.invoked_function_arn, Type="String")
"""
CODE = {
    "answers": ANSWERING,
    "calls": CALLING,
    "fails": "def handler(event, context):\n    raise ValueError('no such thing')",
    "sleeps": "import time\ndef handler(event, context):\n    time.sleep(30)",
    "exits": "import os\ndef handler(event, context):\n    os._exit(3)",
    "is not there": "",
    "answers no JSON": "def handler(event, context):\n    return object()",
}


VERSION = {"Version": "2012-10-17"}


def make(local_aws: LocalAws, code: str, name: str = "f", **given: Any) -> str:
    """A function of this code; its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app/index.py", code)
        archive.writestr("helper.py", "def double(number):\n    return 2 * number")
    role = "arn:aws:iam::123456789012:role/any"
    iam = local_aws.client("iam")
    if not iam.list_roles()["Roles"]:
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(VERSION | {"Statement": [trust]}))[
            "Role"
        ]["Arn"]
        everything = VERSION | {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="any", PolicyName="all", PolicyDocument=json.dumps(everything))
    settings = {"Runtime": "python3.12", "Handler": "app/index.handler", "Timeout": 20} | given
    made = local_aws.client("lambda").create_function(
        FunctionName=name, Role=role, Code={"ZipFile": packed.getvalue()}, **settings
    )
    arn: str = made["FunctionArn"]
    return arn


def _invoke(local_aws: LocalAws, event: object, **given: str) -> tuple[dict[str, Any], Any]:
    told = local_aws.client("lambda").invoke(FunctionName="f", Payload=json.dumps(event), **given)
    payload = told["Payload"].read()
    return told, json.loads(payload) if payload else None


def test_a_function_answers_with_what_its_handler_returns(local_aws: LocalAws) -> None:
    make(local_aws, CODE["answers"], Environment={"Variables": {"WORD": "here"}})
    told, answer = _invoke(local_aws, {"number": 21}, LogType="Tail")
    assert told["StatusCode"] == 200
    assert "FunctionError" not in told
    assert 0 < answer.pop("left") <= 20_000
    assert answer == {"doubled": 42, "word": "here", "name": "f"}
    assert "seen 21" in base64.b64decode(told["LogResult"]).decode()
    events = local_aws.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert [one["message"] for one in events] == ["seen 21"]


def test_a_function_reaches_this_very_api(local_aws: LocalAws) -> None:
    arn = make(local_aws, CODE["calls"])
    told, answer = _invoke(local_aws, {"name": "made-by-it"})
    assert (told.get("FunctionError"), answer) == (None, None)
    assert local_aws.client("ssm").get_parameter(Name="made-by-it")["Parameter"]["Value"] == arn


def test_an_event_is_taken_and_carried_out_later(local_aws: LocalAws) -> None:
    make(local_aws, CODE["calls"])
    told, _ = _invoke(local_aws, {"name": "later"}, InvocationType="Event")
    assert told["StatusCode"] == 202
    ssm = local_aws.client("ssm")
    wait_for(lambda: ssm.get_parameters(Names=["later"])["Parameters"])


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("fails", "ValueError", "no such thing"),
        ("is not there", "Runtime.HandlerNotFound", "handler"),
        ("answers no JSON", "Runtime.MarshalError", "object"),
        ("exits", "Runtime.ExitError", "exit status 3"),
        ("sleeps", "Sandbox.Timedout", "timed out after 1.00 seconds"),
    ],
)
def test_a_function_that_fails_says_how(local_aws: LocalAws, code: str, kind: str, words: str) -> None:
    make(local_aws, CODE[code], Timeout=1 if code == "sleeps" else 20)
    told, answer = _invoke(local_aws, {})
    assert (told["StatusCode"], told["FunctionError"]) == (200, "Unhandled")
    assert answer["errorType"] == kind
    assert words in answer["errorMessage"]


def test_a_function_of_another_language_succeeds_as_before(local_aws: LocalAws) -> None:
    make(local_aws, "", Runtime="nodejs22.x")
    assert _invoke(local_aws, {"number": 1})[1] == {"number": 1}
