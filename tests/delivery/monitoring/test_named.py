"""`./parapet drift check --reference MODEL`: what serves is looked up, and its profile taken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.programs import Packages
from delivery.registry.bundle import PROFILE
from delivery.registry.documents import digest
from tests.delivery.incidents.in_process import program, typed
from tests.delivery.monitoring.daily.world import CONTRACT_FILE, Matrix, answered, asked, came, log, reference
from tests.delivery.registry.conftest import pretended, world  # noqa: F401 (fixtures)
from tests.delivery.registry.pretended import Pretended
from tests.delivery.registry.world import ARTIFACTS, AUTHOR, FACTS, MODEL, World

pytestmark = pytest.mark.data
THREE = b"three"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def serves(
    world: World,  # noqa: F811
    pretended: Pretended,  # noqa: F811
    profile: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Version 1 of staging and of production, with a profile."""
    files = {"model.onnx": THREE, "contract.json": CONTRACT_FILE, PROFILE: profile}
    world.contract = CONTRACT_FILE
    pretended.register(f"{MODEL}-dev", AUTHOR, files, FACTS | {"parapet.profile": digest(profile)})
    world.through(THREE, "3")
    told = {**world.variables, "PARAPET_APPROVERS": str(world.approvers), "PARAPET_GATES": str(world.declared)}
    for name, value in {**told, "MLFLOW_TRACKING_USERNAME": "mia"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Packages, "_ran", program)
    return world


def fields(matrix: Matrix) -> pa.Table:
    """As somebody has them, who knows nothing of the log."""
    table = log(matrix, np.zeros(len(matrix)))
    own = {name.removeprefix("input."): table[name] for name in table.column_names if name.startswith("input.")}
    return pa.table({**own, "score": answered(matrix), "readmitted": came(matrix, 9)})


def checked(*more: str, reference: str = MODEL) -> tuple[int, dict[str, Any]]:
    status, said = typed("drift", "check", "--reference", reference, "--json", *more)
    assert status in (0, 3), said
    return status, json.loads(said)


def test_rows_are_held_against_what_serves_by_its_name(serves: World, profile: bytes) -> None:
    matrix = asked(900, 41)
    pq.write_table(fields(matrix), "same.parquet")
    names = ("--predictions", "score", "--labels", "readmitted")
    for asked_for in (MODEL, f"{MODEL}@staging", f"{MODEL}@prod"):
        status, found = checked("--current", "same.parquet", *names, reference=asked_for)
        assert (status, found["kind"], found["model"], found["reference"]) == (0, "none", f"{MODEL}@1", digest(profile))
    assert {"score", "readmitted"} <= set(found["columns"])
    matrix[:, 1] += 12
    pq.write_table(fields(matrix), "other.parquet")
    status, found = checked("--current", "other.parquet", *names)
    assert (status, found["kind"], found["columns"]["heart_rate"]["drifted"]) == (3, "data", True)


def test_files_of_the_log_are_taken_as_they_are(serves: World) -> None:
    matrix = asked(900, 42)
    for number in range(2):  # the second is a part of the first, written again
        part = matrix[: 900 - 300 * number]
        pq.write_table(log(part, np.zeros(len(part))), f"{number}.parquet")
    status, found = checked("--current", "0.parquet", "1.parquet")
    assert (status, found["kind"], found["rows"]) == (0, "none", 900)


def test_without_predictions_the_fields_are_judged_and_it_is_said(serves: World) -> None:
    pq.write_table(fields(asked(900, 43)).drop_columns(["score", "readmitted"]), "fields.parquet")
    status, found = checked("--current", "fields.parquet")
    assert (status, found["kind"]) == (0, "none")
    assert "There are no predictions in the files: name their column by --predictions." in found["notes"]


@pytest.mark.parametrize(
    ("reference", "more", "says"),
    [
        ("sepsis", (), "no model sepsis serves in prod"),
        ("sepsis@staging", (), "no model sepsis serves in staging"),
        (MODEL, ("--by", "sex"), "--by takes the reference's rows"),
        (MODEL, ("--predictions", "skore"), "--predictions skore: no column of the files is called so"),
        (MODEL, ("--predictions", "age"), "name columns that are the model's own fields"),
        ("gone.parquet", (), "gone.parquet is not there"),
    ],
)
def test_what_cannot_be_looked_up_is_told(
    reference: str, more: tuple[str, ...], says: str, serves: World, capfd: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(fields(asked(40, 44)), "rows.parquet")
    status, said = typed("drift", "check", "--reference", reference, "--current", "rows.parquet", *more)
    assert status == 1
    assert says in said + capfd.readouterr().err


def test_another_profile_than_the_ledgers_is_not_taken(serves: World, capfd: pytest.CaptureFixture[str]) -> None:
    pq.write_table(fields(asked(40, 45)), "rows.parquet")
    for change, says in (("another", "is not the one that was decided on"), ("none", "promoted without a profile")):
        if change == "another":
            serves.s3.put_object(Bucket=ARTIFACTS, Key=f"models/{MODEL}/prod/1/{PROFILE}", Body=b"{}")
        else:
            serves.contract = b"{}"
            serves.through(b"two", "2")
        status, said = typed("drift", "check", "--reference", MODEL, "--current", "rows.parquet")
        assert status == 1
        assert says in said + capfd.readouterr().err
