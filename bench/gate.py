"""What it costs that IAM judges a call to the local AWS API: a role's over the administrator's, which is not judged.

The call reads a secret under a key of its own: the gate asks for two actions, and reads five policies.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError

from bench.pairs import tell
from local.processes import choose_port

CALLS = 200  # in each half of a pair
PAIRS = 15
ACCOUNT = "123456789012"
OTHER_ROLES = 60  # as the stack has them


@contextmanager
def _api() -> Iterator[str]:
    port = choose_port(None)
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "local.aws.api", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def _policy(action: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _client(url: str, service: str, *credentials: str) -> Any:
    named = dict(zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), credentials, strict=False))
    return boto3.client(service, region_name="us-east-1", endpoint_url=url, **named)


def _made(url: str) -> tuple[Any, Any]:
    """Clients of the role and of the administrator, for the same secret."""
    own = ("local", "local")
    iam, sts = _client(url, "iam", *own), _client(url, "sts", *own)
    _until_it_answers(sts)
    trust = _policy("sts:AssumeRole", Principal={"AWS": ACCOUNT}).replace(', "Resource": "*"', "")
    for number in range(OTHER_ROLES):
        iam.create_role(RoleName=f"other-{number}", AssumeRolePolicyDocument=trust)
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=_policy("*"))["Policy"]["Arn"]
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust, PermissionsBoundary=boundary)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="secrets", PolicyDocument=_policy("secretsmanager:*"))
    iam.put_role_policy(RoleName="r", PolicyName="keys", PolicyDocument=_policy("kms:*"))
    key = _client(url, "kms", *own).create_key()["KeyMetadata"]["Arn"]
    admin = _client(url, "secretsmanager", *own)
    admin.create_secret(Name="s", SecretString="hidden", KmsKeyId=key)
    admin.put_resource_policy(SecretId="s", ResourcePolicy=_policy("secretsmanager:GetSecretValue", Principal="*"))
    told = sts.assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
    worker = _client(url, "secretsmanager", told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
    return worker, admin


def _until_it_answers(sts: Any) -> None:
    for _ in range(60):
        try:
            sts.get_caller_identity()
        except EndpointConnectionError:
            time.sleep(1)
        else:
            return


def _seconds(client: Any) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        client.get_secret_value(SecretId="s")
    return time.perf_counter() - begun


if __name__ == "__main__":
    with _api() as url:
        worker, admin = _made(url)
        _seconds(worker), _seconds(admin)
        pairs = [(_seconds(worker), _seconds(admin)) for _ in range(PAIRS)]
    tell("a call that IAM judges over one that it does not", pairs, 1.25, f"{CALLS} by a role", f"{CALLS} by root")
