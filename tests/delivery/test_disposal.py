"""One of each kind, deleted: what is left in the bucket and in the database."""

import json
from typing import Any
from uuid import uuid4

import pytest

from parapet_mlflow.disposal import command
from parapet_mlflow.refusal import Refused
from tests.delivery.conftest import client
from tests.delivery.mlflow import ALICE, BUCKET, Mlflow

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

API, API3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def ask(mlflow: Mlflow, method: str, path: str, **body: Any) -> dict[str, Any]:
    answer = mlflow.call(method, path, ALICE, json=body)
    assert answer.ok, (path, answer.text)
    found: dict[str, Any] = answer.json() if answer.text else {}
    return found


def put(mlflow: Mlflow, place: str) -> None:
    answer = mlflow.call("PUT", f"{PROXY}/{place}", ALICE, data=b"a")
    assert answer.ok, answer.text


def experiment(mlflow: Mlflow) -> str:
    return str(ask(mlflow, "POST", f"{API}/experiments/create", name=f"disposal-{uuid4().hex}")["experiment_id"])


def run(mlflow: Mlflow, of: str) -> str:
    found = str(ask(mlflow, "POST", f"{API}/runs/create", experiment_id=of)["run"]["info"]["run_id"])
    put(mlflow, f"{of}/{found}/artifacts/a/b")
    dataset = {"name": "d", "digest": uuid4().hex[:8], "source_type": "local", "source": "{}", "profile": "{}"}
    ask(mlflow, "POST", f"{API}/runs/log-inputs", run_id=found, datasets=[{"dataset": dataset}])
    return found


def model(mlflow: Mlflow, of: str, source_run_id: str = "") -> str:
    body = {"experiment_id": of, "name": "m"} | ({"source_run_id": source_run_id} if source_run_id else {})
    found = str(ask(mlflow, "POST", f"{API}/logged-models", **body)["model"]["info"]["model_id"])
    put(mlflow, f"{of}/models/{found}/artifacts/model.pkl")
    return found


def trace(mlflow: Mlflow, of: str) -> str:
    name = f"tr-{uuid4().hex}"
    info = {
        "trace_id": name,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": of}},
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
    }
    ask(mlflow, "POST", f"{API3}/traces", trace={"trace_info": info})
    put(mlflow, f"{of}/traces/{name}/artifacts/traces.json")
    put(mlflow, f"{of}/traces/{name}/artifacts/attachments/x.png")
    return name


def dataset(mlflow: Mlflow, *experiments: str) -> str:
    told = ask(mlflow, "POST", f"{API3}/datasets/create", name=uuid4().hex, experiment_ids=list(experiments))
    found = str(told["dataset"]["dataset_id"])
    records = json.dumps([{"inputs": {"question": "a"}, "expectations": {}}])
    ask(mlflow, "POST", f"{API3}/datasets/{found}/records", records=records)
    return found


def lying(mlflow: Mlflow, place: str) -> list[str]:
    told = client(mlflow.endpoint, "s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{mlflow.prefix}/{place}/")
    return [each["Key"] for each in told.get("Contents", [])]


def rows(mlflow: Mlflow, table: str, where: str) -> int:
    return int(mlflow.postgres.sql(f"SELECT count(*) FROM {table} WHERE {where}", mlflow.database))  # noqa: S608 (ours)


def gc(mlflow: Mlflow, *options: str, status: int = 0, afresh: bool = False) -> dict[str, Any]:
    where = [f"--backend-store-uri={mlflow.postgres.uri(mlflow.database)}", f"--artifacts-destination={mlflow.place}"]
    done = mlflow.run("gc", *where, *options, afresh=afresh)
    assert done.returncode == status, done.stdout + done.stderr
    if status:
        return {"refused": done.stderr}
    (line,) = [line for line in done.stdout.splitlines() if line.startswith('{"disposal":')]
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_deleted_trace_takes_its_files_along(shared: Mlflow) -> None:
    of = experiment(shared)
    kept, gone = trace(shared, of), trace(shared, of)
    told = ask(shared, "POST", f"{API3}/traces/delete-traces", experiment_id=of, request_ids=[gone])
    assert told == {"traces_deleted": 1}
    assert not lying(shared, f"{of}/traces/{gone}")
    assert len(lying(shared, f"{of}/traces/{kept}")) == 2
    assert rows(shared, "trace_info", f"experiment_id = {of}") == 1


def test_an_experiment_goes_with_all_that_is_its_own_and_nothing_of_another(shared: Mlflow) -> None:
    of, other = experiment(shared), experiment(shared)
    for each in (of, other):
        deleted_run = run(shared, each)
        model(shared, each, deleted_run)
        ask(shared, "DELETE", f"{API}/logged-models/{model(shared, each)}")
        ask(shared, "POST", f"{API}/runs/delete", run_id=deleted_run)
        trace(shared, each)
    own, both = dataset(shared, of), dataset(shared, of, other)
    before = lying(shared, other)
    ask(shared, "POST", f"{API}/experiments/delete", experiment_id=of)
    assert f"Experiments {other} are not deleted" in gc(shared, f"--experiment-ids={of},{other}", status=1)["refused"]
    told = gc(shared, f"--experiment-ids={of}", "--old-versions-days=90")
    assert told["deleted"] == {
        "dataset inputs": 1, "datasets": 1, "experiments": 1, "files": 5, "models": 2, "runs": 1,
    }  # fmt: skip
    assert (told["left"], told["failed"], told["old_versions_days"]) == ({}, {}, 90)
    assert not lying(shared, of)
    for table in ("runs", "logged_models", "trace_info", "datasets", "experiments"):
        assert rows(shared, table, f"experiment_id = {of}") == 0, table
        assert rows(shared, table, f"experiment_id = {other}"), table
    assert lying(shared, other) == before
    assert [rows(shared, "evaluation_dataset_records", f"dataset_id = '{each}'") for each in (own, both)] == [0, 1]
    assert rows(shared, "entity_associations", f"destination_id = '{of}'") == 0


def test_a_deleted_run_goes_when_it_is_old_enough_and_what_the_registry_has_stays(shared: Mlflow) -> None:
    of = experiment(shared)
    gone, registered = run(shared, of), run(shared, of)
    loose, used = model(shared, of, gone), model(shared, of, gone)
    name = uuid4().hex
    ask(shared, "POST", f"{API}/registered-models/create", name=name)
    sources = [f"models:/{used}", f"runs:/{registered}/a", f"models:/{loose}"]
    for source in sources:
        of_what = (
            {"run_id": registered} if source.startswith("runs:") else {"model_id": source.removeprefix("models:/")}
        )
        tags = [{"key": "k", "value": "v"}]
        ask(shared, "POST", f"{API}/model-versions/create", name=name, source=source, tags=tags, **of_what)
    ask(shared, "DELETE", f"{API}/model-versions/delete", name=name, version="3")
    for each in (gone, registered):
        ask(shared, "POST", f"{API}/runs/delete", run_id=each)
    young = model(shared, of)
    ask(shared, "DELETE", f"{API}/logged-models/{young}")
    told = gc(shared, "--older-than=1d", "--keep=runs=0s", afresh=True)
    assert {"runs": told["kept_days"]["runs"], "models": told["kept_days"]["models"]} == {"runs": 0, "models": 1}
    assert told["deleted"]["runs"] >= 1
    assert told["deleted"]["tags of model versions"] >= 1
    # Other tests' deleted things are counted too.
    assert all(told["left"][why] >= 1 for why in ("runs in the registry", "models in the registry"))
    assert told["left"]["models not old enough"] >= 1
    assert lying(shared, f"{of}/models/{young}")
    assert not lying(shared, f"{of}/{gone}")
    assert not lying(shared, f"{of}/models/{loose}")
    assert lying(shared, f"{of}/{registered}")
    assert lying(shared, f"{of}/models/{used}")
    assert rows(shared, "inputs", f"destination_id = '{gone}'") == 0
    assert rows(shared, "model_version_tags", f"name = '{name}'") == 2


def test_what_belongs_to_nothing_is_swept(shared: Mlflow) -> None:
    of, s3 = experiment(shared), client(shared.endpoint, "s3")
    kept = trace(shared, of)
    places = [f"{of}/traces/tr-{'0' * 32}", f"{of}/models/m-{'0' * 32}", f"{of}/{'0' * 32}"]
    strange = [f"{of}/strange", "99999999/strange"]
    for place in (*places, *strange):
        s3.put_object(Bucket=BUCKET, Key=f"{shared.prefix}/{place}/artifacts/a", Body=b"a")
    told = gc(shared, "--keep=traces=1d")
    assert told["left"]["files of traces that are gone, not old enough"] >= 1
    assert all(told["deleted"][f"remains of {kind}"] >= 1 for kind in ("models", "runs"))
    assert [len(lying(shared, place)) for place in places] == [1, 0, 0]
    assert all(lying(shared, place) for place in (*strange, f"{of}/traces/{kept}"))
    assert (told["left"]["folders of no kind"], told["left"]["folders of no experiment"]) == (1, 1)
    assert of not in json.dumps(told["left"])


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--keep=cats=9d", "cats is no kind"),
        ("--older-than=soon", "soon is no time"),
        ("--older-than=", "is no time"),
        ("--experiment-ids=*", "is no number"),
        ("--all", "unrecognized arguments"),
    ],
)
def test_what_is_no_argument_is_refused(option: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        command.gc(["--backend-store-uri=a", "--artifacts-destination=b", option])
