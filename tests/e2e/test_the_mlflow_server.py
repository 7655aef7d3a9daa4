"""The MLflow server of the stack, as plain clients find it: a data scientist, another team, a stranger, an operator."""

import base64
import json
import os
import re
import shlex
import signal
import subprocess
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.model import GATES
from delivery.registry.held import held
from local import built, images, processes
from tests.cluster import wait_for
from tests.e2e.user import ONE_STACK, User

pytestmark = ONE_STACK
RECORD = "workload-mlflow-mlflow"
LARGE = 120 * 2**20  # bytes: more than a client sends in one part
TEAM, OTHER_TEAM = "data-scientist", "second-team"


SCRIPTS = Path(__file__).parent / "scripts"
"""What plain clients do. They need the packages of the image, and nothing of Parapet."""


def _python(user: User, script: str, *arguments: str, account: str = TEAM, **variables: str) -> tuple[int, str]:
    """One of the scripts, in a shell that evaluated `./parapet env --credentials`."""
    python = shlex.quote(str(images.environment("mlflow_server") / "bin" / "python"))
    given = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
    command = f"{given}{python} {shlex.join([str(SCRIPTS / f'{script}.py'), *arguments])}"
    return user.shell(command, options=("--credentials", "--user", account))


def _told(answer: tuple[int, str]) -> dict[str, Any]:
    """The one object that a script told, among what its libraries said."""
    status, said = answer
    assert status == 0, said
    (line,) = [line for line in said.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


def _status(user: User, path: str, account: str = "", password: str = "", body: object = None) -> int:
    """The HTTP status of a request to the server."""
    headers = {"Content-Type": "application/json"}
    if account:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{account}:{password}'.encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(user.place("mlflow_url") + path, data, headers)  # noqa: S310 (a loopback address)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (likewise)
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="session")
def logged(user: User, said_by_up: str) -> dict[str, Any]:
    """A run of the data scientist's, with a large artifact and a registered model."""
    return _told(_python(user, "log_run", "sepsis", str(LARGE)))


def test_up_tells_where_it_is_and_how_to_sign_in(user: User, said_by_up: str) -> None:
    url = user.status()["mlflow_url"]
    assert f"MLflow        {url}" in said_by_up
    assert "./parapet env --credentials" in said_by_up


@pytest.mark.skipif(bool(built.lacking()), reason=f"the image's packages stand for it: {built.lacking()}")
def test_the_server_runs_in_the_file_system_of_the_image_that_the_dockerfile_makes(user: User, said_by_up: str) -> None:
    image = built.found("mlflow_server")
    assert image
    process = psutil.Process(_record(user).pid)
    own = [Path(f"/proc/{each.pid}/root") for each in (process, *process.children(recursive=True))]
    assert own
    for root in own:
        assert (root / "etc" / "debian_version").samefile(image.root / "etc" / "debian_version"), root


def test_a_password_is_told_only_to_who_asks_for_it(user: User, said_by_up: str) -> None:
    _, said = user.parapet("env")
    assert "MLFLOW_" not in said
    _, said = user.parapet("env", "--credentials")
    assert re.findall(r"MLFLOW_\w+", said) == [f"MLFLOW_TRACKING_{what}" for what in ("URI", "USERNAME", "PASSWORD")]
    status, said = user.parapet("env", "--credentials", "--user", "nobody")
    assert status == 1
    assert "data-scientist" in said


def test_a_large_artifact_is_in_the_bucket_under_the_artifacts_key(user: User, logged: dict[str, Any]) -> None:
    outputs, s3 = user.outputs(), user.client("s3")
    bucket = outputs["buckets"]["artifacts"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="mlflow/")["Contents"]
    (found,) = [each for each in listed if logged["run"] in each["Key"]]
    assert found["Size"] == LARGE
    head = s3.head_object(Bucket=bucket, Key=found["Key"])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", outputs["keyArns"]["artifacts"])


def test_parts_that_the_client_sends_itself_lie_under_the_same_key(user: User, said_by_up: str) -> None:
    run = _told(_python(user, "log_run", "in-parts", str(LARGE), MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true"))["run"]
    outputs, s3 = user.outputs(), user.client("s3")
    bucket = outputs["buckets"]["artifacts"]
    (found,) = [each for each in s3.list_objects_v2(Bucket=bucket, Prefix="mlflow/")["Contents"] if run in each["Key"]]
    assert found["Size"] == LARGE
    assert "-" in found["ETag"], "it came in one part"
    head = s3.head_object(Bucket=bucket, Key=found["Key"])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", outputs["keyArns"]["artifacts"])


def test_the_bucket_refuses_another_key(user: User, said_by_up: str) -> None:
    outputs, s3 = user.outputs(), user.client("s3")
    for wrong in (
        {"SSEKMSKeyId": outputs["keyArns"]["logs"], "ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "AES256"},
    ):
        with pytest.raises(s3.exceptions.ClientError, match="explicit deny in a resource-based policy"):
            s3.put_object(Bucket=outputs["buckets"]["artifacts"], Key="mlflow/wrong", Body=b"", **wrong)
        with pytest.raises(s3.exceptions.ClientError, match="explicit deny in a resource-based policy"):
            s3.create_multipart_upload(Bucket=outputs["buckets"]["artifacts"], Key="mlflow/wrong", **wrong)


def test_the_tables_are_in_postgresql(user: User, logged: dict[str, Any]) -> None:
    (instance,) = user.client("rds").describe_db_instances()["DBInstances"]
    secret, authority = user.home / "workloads/mlflow/mlflow/secrets/database", user.home / "databases/ca.crt"
    endpoint = json.dumps(instance["Endpoint"])
    answer = _python(user, "count_parameters", endpoint, str(secret), str(authority), logged["run"])
    assert _told(answer) == {"parameters": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/2.0/mlflow/experiments/search", {"max_results": 1}),
        ("/api/2.0/mlflow-artifacts/artifacts", None),
        ("/api/2.0/mlflow/users/get?username=data-scientist", None),
        ("/api/3.0/mlflow/traces/search", {}),
        ("/graphql", {"query": "{ __typename }"}),
        ("/version", None),
        ("/", None),
        ("/metrics", None),
    ],
)
@pytest.mark.parametrize("who", [("", ""), ("admin", "password1234"), ("admin", "password"), (TEAM, "password1234")])
def test_a_stranger_is_refused(user: User, said_by_up: str, path: str, body: object, who: tuple[str, str]) -> None:
    assert _status(user, path, *who, body=body) in (401, 429)  # after some tries there are pauses


def test_another_team_sees_nothing_of_it(user: User, logged: dict[str, Any]) -> None:
    answer = _python(user, "read_of_others", logged["run"], logged["experiment"], "sepsis", account=OTHER_TEAM)
    found = _told(answer)
    assert all("Permission denied" in each for each in found["refusals"]), found["refusals"]
    assert found["seen"] == []


def _record(user: User) -> processes.Record:
    found: list[processes.Record] = []

    def runs() -> bool:
        record = processes.read(user.home / "run", RECORD)
        found[:] = [record] if record else []
        return bool(record) and _answers(user)

    wait_for(runs, seconds=120)
    return found[0]


def _answers(user: User) -> bool:
    try:
        return _status(user, "/health") == 200
    except (AssertionError, OSError, TypeError):  # nobody tells of it while it starts, or nobody answers yet
        return False


def test_a_model_is_decided_on_in_the_buckets_and_by_the_key_that_the_stack_made(
    user: User, said_by_up: str, tmp_path: Path
) -> None:
    """Under the buckets' own policies, and the lock; the model's bytes are none that serve."""
    files = tmp_path / "model"
    files.mkdir()
    (files / "model.onnx").write_bytes(b"a graph")
    (files / "contract.json").write_bytes(b"{}")
    assert _told(_python(user, "register_model", "readmission", str(files))) == {"version": "1"}
    report = tmp_path / "gates.json"
    made_of = {"dataset": f"sha256:{'1' * 64}", "code": "3f2a9c1e"}  # as the script has it
    made_of |= {"image": f"sha256:{'2' * 64}", "environment": f"sha256:{'3' * 64}"}
    by, seen = held(GATES), {"rows": 12000, "passed": True}
    passed = [
        {"name": name, "value": high if low is None else low, "minimum": low, "maximum": high, **seen}
        for name, (low, high) in by.bounds[by.now].items()
    ]
    digest = f"sha256:{sha256(b'a graph').hexdigest()}"
    told = {"format": "parapet-gates/2", "model": digest, "declared": by.now, "gates": passed, "reference": None}
    told |= {"contract": f"sha256:{sha256(b'{}').hexdigest()}", "facts": made_of}
    report.write_text(json.dumps(told))

    def model(*arguments: str) -> tuple[int, str]:
        return user.shell(f"./parapet model {shlex.join(arguments)}", options=("--credentials", "--user", TEAM))

    said = model("promote", "readmission", "--to", "staging", "--gates", str(report), "--why", "The first of them all.")
    assert said[0] == 0, said[1]
    assert "serves in staging" in said[1]
    status, told = model("verify", "readmission")
    assert status == 0, told
    s3, audit = user.client("s3"), user.outputs()["buckets"]["audit"]
    entries = [each["Key"] for each in s3.list_objects_v2(Bucket=audit, Prefix="models/readmission/")["Contents"]]
    assert entries == ["models/readmission/00000001.json", "models/readmission/00000002.json"]
    for entry in entries:
        locked = s3.head_object(Bucket=audit, Key=entry)
        assert (locked["ObjectLockMode"], locked["ServerSideEncryption"]) == ("COMPLIANCE", "aws:kms")


def test_a_server_that_is_killed_loses_nothing_that_it_acknowledged(
    user: User, logged: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "late.bin"
    file.write_bytes(os.urandom(4 * LARGE))
    record = _record(user)
    family = [psutil.Process(record.pid), *psutil.Process(record.pid).children(recursive=True)]
    python = str(images.environment("mlflow_server") / "bin" / "python")
    exports = subprocess.run(
        ["sh", "-c", f'eval "$({shlex.quote(str(user.command))} env --credentials)" && env -0'],
        env=user.environment,
        capture_output=True,
        check=True,
    )
    variables = dict(entry.split("=", 1) for entry in exports.stdout.decode().split("\0") if entry)
    upload = subprocess.Popen(
        [python, str(SCRIPTS / "upload.py"), logged["run"], str(file)],
        env=variables | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    # Half of the file has been read in order to be sent.
    client = psutil.Process(upload.pid)
    wait_for(lambda: upload.poll() is not None or client.io_counters().read_chars > 2 * LARGE, seconds=60)
    assert upload.poll() is None, "it was over before it could be cut"
    for process in family:
        process.send_signal(signal.SIGKILL)
    said, _ = upload.communicate(timeout=120)
    wait_for(
        lambda: (found := processes.read(user.home / "run", RECORD)) is not None and found.pid != record.pid, seconds=60
    )
    _record(user)
    outputs, s3 = user.outputs(), user.client("s3")
    listed = s3.list_objects_v2(Bucket=outputs["buckets"]["artifacts"], Prefix="mlflow/")["Contents"]
    sizes = {each["Key"].rpartition("/")[2]: each["Size"] for each in listed if logged["run"] in each["Key"]}
    expected = {"weights.bin": LARGE} | ({"late.bin": 4 * LARGE} if "acknowledged" in said else {})
    assert sizes == expected
    tracked = _told(_python(user, "look", logged["run"]))
    assert tracked == {
        "param": "4",
        "metric": 0.253714,
        "artifacts": sorted(["weights.bin", *(["late"] if "late.bin" in expected else [])]),
    }


def test_the_databases_password_changes_under_a_client_that_logs(user: User, logged: dict[str, Any]) -> None:
    found = _told(_python(user, "rotate"))
    assert found["logged"] > 25
    assert found["kept"] == found["logged"]


def test_what_was_done_is_in_the_audit_log_without_any_value(user: User, logged: dict[str, Any]) -> None:
    logs = user.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/parapet-local/mlflow-audit")["logGroups"]
    events: list[str] = []

    def is_there() -> bool:
        events[:] = [
            event["message"]
            for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
            for event in logs.get_log_events(
                logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]
        return any(logged["run"] in event for event in events)

    wait_for(is_there, seconds=60)
    found = [json.loads(event) for event in events]
    assert {"runs/create", "registered-models/create", "model-versions/create"} <= {each["action"] for each in found}
    assert TEAM in {each.get("user") for each in found}
    # Whoever may read the key finds the model by its name.
    key = user.outputs()["mlflowAuditKeySecretArn"]
    status, said = user.shell(f"{shlex.quote(str(user.command))} mlflow lookup --secret {key}", given="sepsis\n")
    assert status == 0, said
    (code,) = [line.partition("\t")[0] for line in said.splitlines() if line.endswith("\tsepsis")]
    assert [event for event in events if code in event and "registered-models/create" in event]
    # A time of day may end in 0.25: the metric has more places than a time.
    for value in ("sepsis", "depth", "loss", "0.253714", "weights.bin"):
        assert not [event for event in events if value in event], value


def test_no_secret_is_in_state_events_logs_review_or_what_was_said(
    user: User, logged: dict[str, Any], said_by_up: str
) -> None:
    secrets = user.client("secretsmanager")
    values: set[str] = set()
    for each in secrets.list_secrets()["SecretList"]:
        for version in secrets.list_secret_version_ids(SecretId=each["ARN"], IncludeDeprecated=True)["Versions"]:
            told = secrets.get_secret_value(SecretId=each["ARN"], VersionId=version["VersionId"])["SecretString"]
            # Of keys that are kept, each.
            values |= {json.loads(told)["password"]} if told.startswith("{") else set(told.split())
    assert len(values) >= 5, "the database's, the administrator's, the session key, two accounts'"
    assert all(len(value) >= 16 for value in values)
    places = [user.home / "state", user.home / "logs", user.home / "review", user.home / "events.jsonl"]
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        assert not [value for value in values if value.encode() in content], file
    assert not [value for value in values if value in said_by_up]
    _, exported = user.shell("pulumi stack export --show-secrets --stack local")
    assert "aws:secretsmanager/secret:Secret" in exported
    assert not [value for value in values if value in exported]


def test_the_operator_reads_it_on_the_review(user: User, said_by_up: str) -> None:
    rules = json.dumps(user.review())
    for rule in ("rds-instance-encrypts", "secret-encrypts", "ecr-repository", "mlflow-server"):
        assert rule in rules, rule
