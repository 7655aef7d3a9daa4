"""What a step has its secrets from: a file here, Secrets Manager on a cluster, by a real client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from delivery.data.keys import Key
from delivery.pipeline.delivered import as_file, variables
from delivery.pipeline.registering import AUTHORITY, Tracking
from delivery.registry.refused import Refused

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ACCOUNT = {
    "MLFLOW_TRACKING_URI": "https://mlflow.hospital.example/",
    "MLFLOW_TRACKING_USERNAME": "pipeline",
    "MLFLOW_TRACKING_PASSWORD": "a-word-of-tests",
}


@pytest.fixture
def secrets(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": aws}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("secretsmanager", region_name="us-east-1")
    made: list[str] = []

    def put(value: str | bytes) -> str:
        content: dict[str, Any] = {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
        made.append(str(client.create_secret(Name=f"pipeline-{len(made)}", **content)["ARN"]))
        return made[-1]

    yield put
    for each in made:
        client.delete_secret(SecretId=each, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("value", ["a-key-of-tests-a-key-of-tests-a-key", bytes(range(40))])
def test_a_key_is_a_file_or_a_secret_and_the_same_key(secrets: Any, tmp_path: Path, value: str | bytes) -> None:
    plain = tmp_path / "key"
    plain.write_bytes(value if isinstance(value, bytes) else value.encode())
    with as_file(str(plain)) as path:
        assert path == plain
        from_file = Key.read(path)
    with as_file(secrets(value)) as path:
        from_secret = Key.read(path)
        assert Key.read(path).id == from_secret.id, "it may be read again"
    assert from_secret.id == from_file.id
    assert not path.exists()
    assert list(tmp_path.iterdir()) == [plain], "nothing of it is on a disk"


def test_the_account_in_mlflow_is_the_steps_own_or_a_secrets(secrets: Any) -> None:
    assert variables("", ACCOUNT) == ACCOUNT
    for more, pem in (({}, None), ({AUTHORITY: PEM}, PEM)):
        found = Tracking.of(variables(secrets(json.dumps(ACCOUNT | more)), {}))
        assert (found.url, found.account) == ("https://mlflow.hospital.example", ("pipeline", "a-word-of-tests"))
        assert (Path(found.authority).read_text() if found.authority else None) == pem


@pytest.mark.parametrize("said", ["not JSON: a-word-of-tests", '["a-word-of-tests"]', '{"a": ["a-word-of-tests"]}'])
def test_what_is_no_account_is_refused_and_not_shown(secrets: Any, said: str) -> None:
    with pytest.raises(Refused, match="is no object of JSON") as refused:
        variables(secrets(said), {})
    assert "a-word-of-tests" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_not_there_is_told_with_what_to_do(secrets: Any) -> None:
    gone = "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"
    with (
        pytest.raises(Refused, match=r"gone-AbCdEf cannot be read \(ResourceNotFoundException\).*workloadSecrets"),
        as_file(gone),
    ):
        pass
    with pytest.raises(Refused, match="is no secret of AWS Secrets Manager"), as_file("arn:aws:s3:::bucket"):
        pass
