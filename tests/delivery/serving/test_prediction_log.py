"""What was asked and answered is kept, can be joined with what comes later, and makes nobody wait."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
import requests

from delivery.data.keys import Key
from tests.delivery.serving.bundles import NAME, OUTPUT, RECORD, VERSION, expected
from tests.delivery.serving.served import Served, asked, until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

Own = Callable[..., Served]


def test_a_row_for_each_that_was_asked(served: Served) -> None:
    other = {**RECORD, "ward": "surgery", "emergency": None}
    answer = served.predict({"records": [RECORD, other]}, headers={"X-Parapet-Subject": "MRN-1"})
    request = answer.headers["X-Request-Id"]
    rows = until(lambda: [row for row in served.rows() if row["request_id"] == request])
    assert [row["row"] for row in rows] == [0, 1]
    for row, record in zip(rows, (RECORD, other), strict=True):
        kept = {name.removeprefix("input."): told for name, told in row.items() if name.startswith("input.")}
        assert kept == pytest.approx(record, abs=1e-5)
        assert row[f"output.{OUTPUT}"] == pytest.approx(expected(record), abs=1e-5)
        assert row["subject"] == served.line(answer)["subject"]
        assert row["caller"] == served.line(answer)["caller"]
        # As the pipeline tells which key it was (`delivery/data/keys.py`).
        key = Key.read(served.hash_key)
        assert row["hashed_with"] == key.id
        assert row["subject"] == key.hashed("subject", "MRN-1")
    own = served.infer({**asked(), "id": "the one that is kept"})
    (row,) = until(lambda: [row for row in served.rows() if row["own_id"] == "the one that is kept"])
    assert row["request_id"] == own.headers["X-Request-Id"]
    (folder,) = {file.parent.relative_to(served.kept).as_posix() for file in served.kept.rglob("*.parquet")}
    assert folder.startswith(f"model={NAME}/version={VERSION}/date=20")


def test_a_row_is_found_by_what_the_server_gave_and_no_caller_says(served: Served) -> None:
    """Late labels are joined by it: what callers say twice would join to more than one row, or to another's."""
    sent = {"X-Request-Id": "7d2c9f5e-52f0-4f8e-8a51-b0a1c2d3e4f5"}
    answers = [served.predict({"records": [RECORD]}, headers=sent) for _ in range(2)]
    answers.append(served.predict({"records": [RECORD]}, headers={"X-Request-Id": answers[0].headers["X-Request-Id"]}))
    given = [answer.json()["id"] for answer in answers]
    assert given == [answer.headers["X-Request-Id"] for answer in answers]
    rows = until(
        lambda: (found := [row for row in served.rows() if row["request_id"] in given]) and found[2:] and found
    )
    told = {row["request_id"]: row["sent_id"] for row in rows}
    assert [told[each] for each in given[:2]] == [sent["X-Request-Id"]] * 2
    assert len({row["request_id"] for row in rows}) == 3


def test_what_is_refused_is_not_kept(served: Served) -> None:
    refused = served.predict({"records": [{**RECORD, "sodium": 7}]}).headers["X-Request-Id"]
    answer = served.predict({"records": [RECORD]}).headers["X-Request-Id"]
    until(lambda: [row for row in served.rows() if row["request_id"] == answer])
    assert not [row for row in served.rows() if row["request_id"] == refused]


SPOILT = """
import json, sys, time
from pathlib import Path
import numpy as np
from parapet_serving import process, settings
from parapet_serving.predictions.log import Log
from parapet_serving.predictions.places import place
from parapet_serving.telling.metrics import Metrics

read = settings.read(Path(sys.argv[1]))
bundle, contract, graph = process.verified(read)
metrics = Metrics(bundle)
log = Log(read.prediction_log, bundle, contract, place(read.prediction_log), metrics, "key")
fail, inc = set(sys.argv[3:]), metrics.logged.inc
def once(rows):
    fail and exec("raise RuntimeError(fail.pop())")
    inc(rows)
metrics.logged.inc = once
log.start()
asked = np.zeros((2, len(contract.inputs)), np.float32)
for number, own in enumerate(json.loads(sys.argv[2])):
    log.add((time.time(), f"request {number}", None, own, "caller", None), asked, graph.predict(asked))
print(json.dumps([log.close(30), log.healthy, metrics.lost.collect()[0].samples[0].value]), file=sys.stderr)
"""


def test_what_cannot_be_written_is_counted_and_keeps_nothing_else_from_it(own: Own) -> None:
    """Nothing that is refused at the door comes so far; what the door does not know is no reason to write no more."""
    log: dict[str, Any] = {"seconds": 60.0}
    server = own(predictionLog=log)
    log["place"] = str(server.kept)
    _, _, file = server.command("server")
    ids = ["a", "\ud800", None, "b", "\udfff\ud800", "\ud800", "c", "d", "e", "\udc00"]
    command = [str(server.image / "bin" / "python"), "-c", SPOILT, file, json.dumps(ids)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stderr.splitlines()[-1]) == [True, True, 8.0], done.stderr + done.stdout
    kept = sorted((row["request_id"], row["own_id"], row["row"]) for row in server.rows())
    written = [(f"request {number}", own_id) for number, own_id in enumerate(ids) if own_id in {None, *"abcde"}]
    assert kept == [(request, own_id, row) for request, own_id in written for row in (0, 1)]


def test_what_nobody_thought_of_stops_no_writing(own: Own) -> None:
    log: dict[str, Any] = {"seconds": 0.1, "rows": 4}
    server = own(predictionLog=log)
    log["place"] = str(server.kept)
    _, _, file = server.command("server")
    command = [str(server.image / "bin" / "python"), "-c", SPOILT, file, json.dumps(["a"] * 5), "whatever it is"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stderr.splitlines()[-1]) == [True, True, 0.0], done.stderr + done.stdout
    assert len(server.rows()) == 10


@pytest.mark.parametrize("required", [True, False])
def test_while_its_place_is_gone(own: Own, required: bool) -> None:
    log = {"seconds": 0.1, "memoryBytes": 15_000, "required": required}
    server = own(predictionLog=log)
    log["place"] = str(server.kept)
    server.start()
    away = server.kept.rename(server.folder / "away")
    assert server.infer().status_code == 200
    until(lambda: server.metric("prediction_log_failures_total"))
    assert server.ready() == (503 if required else 200)
    for _ in range(40):
        assert server.infer().status_code == 200, "nobody waits for it"
    assert server.metric("prediction_log_lost_rows_total") > 0
    assert server.metric("prediction_log_failures_total") <= 2, "it is not tried at each request"
    away.rename(server.kept)
    lost = server.metric("prediction_log_lost_rows_total")
    until(lambda: server.ready() == 200 and server.metric("prediction_log_rows_total") + lost == 41)
    kept = server.metric("prediction_log_rows_total")
    assert len(server.rows()) == kept
    assert server.end() == 0


def test_a_server_that_cannot_keep_them_is_never_ready_and_says_so_at_its_end(own: Own) -> None:
    log: dict[str, Any] = {"seconds": 60.0}
    server = own(predictionLog=log, drain={"noticeSeconds": 0, "seconds": 1})
    log["place"] = str(server.folder / "missing")
    server.start()
    assert server.ready() == 503
    assert server.infer().status_code == 200
    assert server.end() == 1
    assert server.lines()[-1] == {**server.lines()[-1], "event": "ended", "kept": False}


def test_files_of_a_bucket_are_encrypted_with_the_key_that_is_named(own: Own, aws: str) -> None:
    credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=aws, **credentials)
    s3.create_bucket(Bucket="predictions")
    key = boto3.client("kms", endpoint_url=aws, **credentials).create_key()["KeyMetadata"]["Arn"]
    log = {"place": "s3://predictions/log", "keyArn": key, "seconds": 60.0}
    server = own(predictionLog=log)
    server.environment = {
        **{"AWS_ENDPOINT_URL": aws, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"},
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.start()
    assert server.ready() == 200
    assert server.infer().status_code == 200
    assert server.end() == 0
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket="predictions")["Contents"]]
    assert all(each.startswith(f"log/model={NAME}/") for each in listed), "its own part alone, as the platform lets it"
    (file,) = [each for each in listed if each.endswith(".parquet")]
    assert file.startswith(f"log/model={NAME}/version={VERSION}/date=")
    for each in listed:
        head = s3.head_object(Bucket="predictions", Key=each)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    content = s3.get_object(Bucket="predictions", Key=file)["Body"].read()
    (server.kept / "fetched.parquet").write_bytes(content)
    assert len(server.rows()) == 1


def test_nothing_in_a_bucket_is_put_in_the_place_of_another(own: Own, aws: str) -> None:
    """The platform lets a server add to its part and no more; a second server tries its place as the first did."""
    credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=aws, **credentials)
    s3.create_bucket(Bucket="added")
    s3.put_object(Bucket="added", Key=f"log/model={NAME}/_tried", Body=b"the first's")
    server = own(predictionLog={"place": "s3://added/log", "keyArn": "arn:aws:kms:us-east-1:123456789012:key/x"})
    server.environment = {
        **{"AWS_ENDPOINT_URL": aws, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"},
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.start()
    until(lambda: server.ready() == 200)
    assert s3.get_object(Bucket="added", Key=f"log/model={NAME}/_tried")["Body"].read() == b"the first's"


def test_an_answer_does_not_wait_for_a_bucket_that_does_not_answer(own: Own) -> None:
    log = {"place": "s3://predictions/log", "keyArn": "arn:x", "seconds": 0.1, "required": False}
    server = own(predictionLog=log)
    server.environment = {
        **{"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.start()
    assert requests.get(f"{server.url}/v2/health/ready", timeout=5).status_code == 200
    begun = time.monotonic()
    for _ in range(20):
        assert server.infer().status_code == 200
    assert time.monotonic() - begun < 5
