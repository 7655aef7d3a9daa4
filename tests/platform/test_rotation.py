"""The rotating function against moto's Secrets Manager, step by step as Secrets Manager calls it."""

from typing import Any
from uuid import uuid4

import boto3
import botocore.exceptions
import pytest

from foundation.secrets.rotation import FIRST_VALUE, handler

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@pytest.fixture
def secret(secrets: Any) -> str:
    return str(secrets.create_secret(Name="parapet-test/one")["ARN"])


def first_value(secret: str, length: int = 40, *, keep_old: bool = False) -> dict[str, str]:
    return handler({"SecretId": secret, "Step": FIRST_VALUE, "Length": length, "KeepOld": keep_old}, None)


def value(secrets: Any, secret: str, stage: str = "AWSCURRENT") -> str:
    return str(secrets.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"])


def step(secret: str, name: str, token: str) -> dict[str, str]:
    return handler({"SecretId": secret, "Step": name, "ClientRequestToken": token}, None)


def rotate(secrets: Any, secret: str, times: int = 1) -> None:
    """A rotation, each of whose steps comes so many times."""
    token = str(uuid4())
    for name in STEPS:
        for _ in range(times):
            step(secret, name, token)


def test_a_new_secret_gets_a_value_of_letters_and_digits(secrets: Any, secret: str) -> None:
    first_value(secret, 32)
    made = value(secrets, secret)
    assert len(made) == 32
    assert made.isascii()
    assert made.isalnum()


def test_what_has_a_value_keeps_it(secrets: Any, secret: str) -> None:
    first_value(secret)
    before = value(secrets, secret)
    first_value(secret)
    assert value(secrets, secret) == before


def test_two_secrets_never_have_the_same_value(secrets: Any, secret: str) -> None:
    other = secrets.create_secret(Name="parapet-test/two")["ARN"]
    first_value(secret)
    first_value(other)
    assert value(secrets, secret) != value(secrets, other)


def test_of_two_first_values_at_once_one_wins(secrets: Any, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = boto3.client("secretsmanager")

    class Late:
        """Looks before the other has put its value, and puts its own afterwards."""

        exceptions = real.exceptions

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def describe_secret(self, **_asked: str) -> dict[str, Any]:
            return {}

    first_value(secret)
    before = value(secrets, secret)
    monkeypatch.setattr(boto3, "client", lambda _service: Late())
    first_value(secret)
    assert value(secrets, secret) == before


@pytest.mark.parametrize("times", [1, 2])
def test_a_rotation_gives_another_value_as_long_as_before_and_keeps_the_last(
    secrets: Any, secret: str, times: int
) -> None:
    first_value(secret, 24)
    before = value(secrets, secret)
    rotate(secrets, secret, times)
    after = value(secrets, secret)
    assert after != before
    assert (len(after), after.isalnum()) == (24, True)
    assert value(secrets, secret, "AWSPREVIOUS") == before


@pytest.mark.parametrize("times", [1, 2])
def test_a_key_that_is_kept_stays_behind_the_new_one(secrets: Any, secret: str, times: int) -> None:
    first_value(secret, 32, keep_old=True)
    first = value(secrets, secret)
    assert (len(first), first[:-1].isalnum(), first[-1]) == (33, True, "\n")
    rotate(secrets, secret, times)
    second = value(secrets, secret)
    rotate(secrets, secret, times)
    third = value(secrets, secret)
    assert (second[33:], third[33:]) == (first, second)
    assert len({*third.split()}) == 3
    assert {len(key) for key in third.split()} == {32}


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_rotation_that_would_lose_an_old_key_is_refused(secrets: Any, secret: str, lost: int) -> None:
    first_value(secret, 32, keep_old=True)
    rotate(secrets, secret)
    keys = value(secrets, secret).split()
    wrong = {1: [*keys[::-1]], 2: ["n" * 32, keys[0]], 3: ["n" * 31, *keys]}[lost]
    pending = "".join(f"{key}\n" for key in wrong)
    token = str(uuid4())
    secrets.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=pending, VersionStages=["AWSPENDING"]
    )
    with pytest.raises(ValueError, match="without the old values"):
        step(secret, "testSecret", token)
    assert value(secrets, secret).split() == keys


def test_until_the_last_step_the_old_value_is_current(secrets: Any, secret: str) -> None:
    first_value(secret)
    before = value(secrets, secret)
    token = str(uuid4())
    for name in STEPS[:-1]:
        step(secret, name, token)
        assert value(secrets, secret) == before


@pytest.mark.parametrize("pending", ["short", "not letters and digits, but just as long"])
def test_a_pending_value_that_is_not_as_it_should_be_is_refused_without_being_said(
    secrets: Any, secret: str, pending: str
) -> None:
    first_value(secret, 40)
    token = str(uuid4())
    secrets.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=pending, VersionStages=["AWSPENDING"]
    )
    with pytest.raises(ValueError, match="pending value") as refused:
        step(secret, "testSecret", token)
    assert pending not in str(refused.value)


def test_a_secret_without_a_value_is_not_rotated(secret: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        step(secret, "createSecret", str(uuid4()))


def test_an_unknown_step_is_refused_by_name(secret: str) -> None:
    with pytest.raises(ValueError, match=r"Step is 'deleteSecret'; it must be one of firstValue, createSecret, "):
        step(secret, "deleteSecret", str(uuid4()))


def test_no_answer_and_no_output_holds_a_value(secrets: Any, secret: str, capfd: pytest.CaptureFixture[str]) -> None:
    answers = [first_value(secret)]
    token = str(uuid4())
    answers += [step(secret, name, token) for name in STEPS]
    said = repr(answers) + "".join(capfd.readouterr())
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        assert value(secrets, secret, stage) not in said
