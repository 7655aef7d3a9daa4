"""`./parapet drift report MODEL`: what an alert points to, in the hands of who was woken."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends

from cli.programs import Packages
from delivery.monitoring.daily import keeping, settings
from delivery.monitoring.daily.places import Place
from delivery.registry.documents import moment
from tests.delivery.incidents.in_process import program, typed
from tests.delivery.monitoring.daily.test_keeping import checked

BUCKET = "parapet-artifacts"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("PARAPET_ARTIFACTS_BUCKET", BUCKET)
    monkeypatch.setattr(Packages, "_ran", program)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def keep(s3: Any, model: str, *days: int) -> None:
    place = Place.of(s3, settings.Place(f"s3://{BUCKET}/reports/model={model}"))
    for number in days:
        check = checked(number, timedelta(minutes=number), data__sodium=1e-7)
        name = keeping.report(place, check)
        came(model, name, moment(check.at) + timedelta(minutes=20))
    place.put(keeping.STATE, b"{}")


def came(model: str, name: str, at: datetime) -> None:
    """As if it was put there then, by S3's clock."""
    key = s3_backends["123456789012"]["aws"].buckets[BUCKET].keys[f"reports/model={model}/{name}"]
    key.last_modified = at.replace(tzinfo=None)


def test_the_newest_report_is_shown_and_written_as_a_page(s3: Any, tmp_path: Path) -> None:
    keep(s3, "readmission", 9, 11, 10)
    keep(s3, "readmission-2", 40)
    page = tmp_path / "report.html"
    status, said = typed("drift", "report", "readmission", "--html", str(page))
    assert status == 0, said
    assert said.startswith(f"s3://{BUCKET}/reports/model=readmission/date=2023-01-13/check-021100.json\n")
    assert re.search(r"^Its window ended [0-9]{5,} hours ago, at 2023-01-13 02:11 UTC\.$", said, re.MULTILINE)
    assert "Reference sha256:" in said
    assert "<html" in page.read_text()
    status, said = typed("drift", "report", "readmission", "--json")
    assert json.loads(said)["end"] == "2023-01-13T02:11:00Z"


@pytest.mark.parametrize(
    "name",
    [
        "date=9999-12-31/check-235959",
        "date=2023-01-14/check-021100",
        "date=2023-01-13/check-235959",
        "date=0001-01-01/check-000000",
    ],
)
def test_none_is_the_newest_that_was_there_before_its_time(s3: Any, name: str) -> None:
    """Who takes over a check's pod could put "nothing drifted" there for all the days to come, and nobody deletes."""
    keep(s3, "readmission", 9, 11)
    s3.put_object(Bucket=BUCKET, Key=f"reports/model=readmission/{name}.json", Body=b"{}")
    came("readmission", f"{name}.json", datetime(2023, 1, 13, 2, 40, tzinfo=UTC))
    status, said = typed("drift", "report", "readmission")
    assert (status, "/date=2023-01-13/check-021100.json\n" in said) == (0, True), said


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("sepsis", "/reports/model=sepsis/ has no report: no check of sepsis came so far"),
        ("../state", "No model is called '../state'"),
    ],
)
def test_where_there_is_none_it_is_said(s3: Any, model: str, says: str) -> None:
    keep(s3, "readmission", 9)
    status, said = typed("drift", "report", model)
    assert status == 1
    assert says in said


def test_who_may_not_or_has_no_bucket_named_is_told_what_to_do(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAPET_ARTIFACTS_BUCKET", "another-bucket")
    status, said = typed("drift", "report", "readmission")
    assert status == 1
    assert "cannot be listed (NoSuchBucket). Look at the rights" in said
    monkeypatch.delenv("PARAPET_ARTIFACTS_BUCKET")
    status, said = typed("drift", "report", "readmission")
    assert status == 1
    assert "PARAPET_ARTIFACTS_BUCKET is not set: it is the stack's output buckets.artifacts" in said
