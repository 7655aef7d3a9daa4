"""A real Alertmanager that tells SNS, as a role that may do no more: what a subscriber hears of an alert."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.kubernetes.live import alertmanager
from mlops.monitoring.alertmanager import written
from mlops.monitoring.owners import owners
from mlops.monitoring.words import Boundary, Severity
from tests.cluster import wait_for
from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_gate import Worker, allow, refusal
from tests.platform.alerting import PHI, found, hastened, post, running
from tests.platform.stacks import stack


def test_a_role_tells_the_topic_that_it_may_and_the_key_behind_it_must_be_open_too(local_aws: LocalAws) -> None:
    sns = local_aws.client("sns")
    key = local_aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    sealed = sns.create_topic(Name="sealed", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    other = sns.create_topic(Name="other")["TopicArn"]
    worker = Worker(local_aws, allow("sns:Publish", sealed))
    assert "sns:Publish" in refusal(worker.client("sns").publish, TopicArn=other, Message="m")[1]
    assert "kms:GenerateDataKey" in refusal(worker.client("sns").publish, TopicArn=sealed, Message="m")[1]


@pytest.mark.engine
def test_what_reaches_sns_has_the_labels_and_nothing_of_anybodys(local_aws: LocalAws, tmp_path: Path) -> None:
    """A queue listens as the hospital's program would, by severity."""
    sns, sqs = local_aws.client("sns"), local_aws.client("sqs")
    topic, beat = (sns.create_topic(Name=f"parapet-test-{each}")["TopicArn"] for each in ("alerts", "heartbeat"))
    key = local_aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    for arn in (topic, beat):
        sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
    through = {"StringEquals": {"kms:ViaService": "sns.us-east-1.amazonaws.com"}}
    worker = Worker(
        local_aws,
        allow("sns:Publish", [topic, beat]),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], key, Condition=through),
    )
    variables = {
        "AWS_ACCESS_KEY_ID": worker.told["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": worker.told["SecretAccessKey"],
        "AWS_SESSION_TOKEN": worker.told["SessionToken"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    queues = {}
    for name, arn, policy in (("pages", topic, {"severity": ["page"]}), ("beats", beat, {})):
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        of = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=of, Attributes={"FilterPolicy": json.dumps(policy)})
        queues[name] = queue
    file = tmp_path / "written.yaml"
    alertmanager.write(written(stack(), topic, beat, "parapet-test-artifacts"), file, local_aws.url)
    configuration = hastened(yaml.safe_load(file.read_text()))
    with running(tmp_path / "alertmanager", configuration, **variables) as url:
        post(
            url,
            found("ModelDrift", "quality", Severity.PAGE) | {"patient": PHI},
            found("ModelDrift", "data", Severity.TICKET, "sepsis"),
            {**found("Watchdog", "heartbeat", Severity.NOTE)},
        )

        def received(name: str) -> list[dict[str, Any]]:
            got = sqs.receive_message(QueueUrl=queues[name], MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(each["Body"]) for each in got]

        (message,) = wait_for(lambda: received("pages"))
        assert message["Subject"] == "firing: readmission quality (page)"
        lines = message["Message"].splitlines()
        assert lines[0].startswith("firing since 20")
        (fingerprint,) = (line.strip() for line in lines if "fingerprint" in line)
        assert re.fullmatch(r"fingerprint: [0-9a-f]{16}", fingerprint), "as `./parapet incident start --alert` takes it"
        assert {line.strip() for line in lines[1:] if line} - {fingerprint} == {
            "alertname: ModelDrift",
            "model: readmission",
            "kind: quality",
            "severity: page",
            "boundary: clinical",
            f"runbook: {owners().read_at}runbooks/degraded-model.md",
            "reports: s3://parapet-test-artifacts/reports/model=readmission/",
        }
        assert PHI not in json.dumps(message)
        told = {name: each["Value"] for name, each in message["MessageAttributes"].items()}
        assert told == {"boundary": "clinical", "severity": "page", "team": owners().of(Boundary.CLINICAL).team}
        (beat_,) = wait_for(lambda: received("beats"))
        assert "reports:" not in beat_["Message"], "no check said it"
