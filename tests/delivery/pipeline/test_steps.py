"""The parts of the pipeline, each by itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import boto3
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from moto import mock_aws

from cli.pipeline import LOCK
from delivery.data.dataset import Manifest
from delivery.data.deidentification import deidentify
from delivery.data.generating import generate
from delivery.data.refused import Refused as DataRefused
from delivery.data.safe_harbor import safe_harbor
from delivery.monitoring.runs import Event, Said
from delivery.pipeline import declared, lineage, sbom, steps
from delivery.pipeline.ingesting import ingest
from delivery.pipeline.registering import Tracking, in_production
from delivery.pipeline.running import Asked, run
from delivery.pipeline.settings import settings
from delivery.pipeline.splitting import split
from delivery.registry.gates import Gate
from delivery.registry.refused import Refused
from local.images import DELIVERY
from tests.delivery.pipeline.pretended import Tracked
from tests.delivery.registry.pretended import served


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("of") / "intake"
    generate(1_200, 5, folder)
    return folder


@pytest.fixture(scope="module")
def features(intake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "key").write_bytes(bytes(32))
    deidentify(sorted(intake.glob("*.parquet")), folder / "key", folder / "features")
    return folder / "features"


@pytest.mark.data
def test_a_feed_is_the_same_data_set_whatever_its_files_are_called(intake: Path, tmp_path: Path) -> None:
    (file,) = intake.glob("*.parquet")
    table = pq.read_table(file)
    digests = []
    for names in (("a", "b"), ("Smith_Jane", "0")):
        folder = tmp_path / names[0]
        folder.mkdir()
        for name, part in zip(names, (table.slice(0, 600), table.slice(600)), strict=True):
            pq.write_table(part, folder / f"{name}.parquet")
        made = ingest(str(folder), tmp_path / f"raw-{names[0]}")
        assert [each.name for each in made.files] == ["intake-00000.parquet", "intake-00001.parquet"]
        assert made.rows == 1_200
        digests.append(made.digest)
    assert digests[0] == digests[1]
    pq.write_table(table.slice(0, 600), folder / "again.parquet")
    with pytest.raises(DataRefused, match=r"1 of the files in .* have the content of another one"):
        ingest(str(folder), tmp_path / "twice")


@pytest.mark.data
def test_a_feed_without_a_row_is_none(tmp_path: Path) -> None:
    generate(0, 5, tmp_path / "intake")
    with pytest.raises(DataRefused, match="have no row"):
        ingest(str(tmp_path / "intake"), tmp_path / "raw")


@pytest.mark.data
def test_a_feed_may_lie_in_a_bucket(intake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (file,) = intake.glob("*.parquet")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="phi")
        for name in ("ingest/of/may/a.parquet", "ingest/of/may/notes.txt", "ingest/of/maybe/a.parquet"):
            s3.put_object(Bucket="phi", Key=name, Body=file.read_bytes())
        found = ingest("s3://phi/ingest/of/may", tmp_path / "raw")
        with pytest.raises(DataRefused, match="has no object that ends in"):
            ingest("s3://phi/elsewhere/", tmp_path / "none")
    assert found.digest == ingest(str(intake), tmp_path / "local").digest
    assert not list((tmp_path / "raw").glob(".*"))


@pytest.mark.data
def test_no_patient_is_on_both_sides_and_what_is_tried_on_came_later(features: Path, tmp_path: Path) -> None:
    counts = split(features, 7, tmp_path / "train", tmp_path / "test")
    train, test = (pq.read_table(tmp_path / name) for name in ("train", "test"))
    whole = pq.read_table(Manifest.read(features).paths(features))
    assert set(train["patient_key"].to_pylist()).isdisjoint(test["patient_key"].to_pylist())
    assert (
        max(train["admitted_year"].to_pylist()) < counts.first_year_held_out <= min(test["admitted_year"].to_pylist())
    )
    assert counts.train + counts.test + counts.unused + counts.without_outcome == whole.num_rows
    assert counts.without_outcome == whole["readmitted_30d"].null_count > 0
    assert min(counts.train, counts.test, counts.unused) > 50
    split(features, 7, tmp_path / "again", tmp_path / "again-test")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "train").read_bytes()
    split(features, 8, tmp_path / "other", tmp_path / "other-test")
    assert set(pq.read_table(tmp_path / "other")["record_key"].to_pylist()) != set(train["record_key"].to_pylist())


def test_what_a_model_may_see_is_no_key_outcome_or_stand_in_for_how_people_are_treated() -> None:
    names = {each.name for each in declared.inputs()}
    assert names <= {feature.name for feature in safe_harbor().features}
    assert names.isdisjoint({"patient_key", "record_key", "readmitted_30d", "race_ethnicity", "payer", "zip3"})
    told = {each.name: each for each in declared.inputs()}
    assert (told["heart_rate"].minimum, told["heart_rate"].unit, told["heart_rate"].nullable) == (
        20,
        "per minute",
        False,
    )
    assert (told["age"].kind, told["age"].maximum, told["days_since_discharge"].nullable) == ("integer", 90, True)
    assert told["sex"].categories == ["female", "male", "unknown"]


def test_a_matrix_has_the_categories_places_and_nothing_where_nothing_is() -> None:
    table = pa.table({"sex": ["male", None], "age": pa.array([70, None], pa.int64()), "old": [True, False]})
    taken = [
        declared.Input("old", "boolean"),
        declared.Input("sex", "category", categories=["female", "male"]),
        declared.Input("age", "integer"),
    ]
    found = declared.matrix(table, taken)
    assert (found.dtype, found[0].tolist(), found[1][0]) == (np.float32, [1, 1, 70], 0)
    assert np.isnan(found[1][1:]).all()
    assert declared.row({"old": True, "sex": "male", "age": None}, taken)[0][:2].tolist() == [1, 1]
    with pytest.raises(Refused, match="The model takes bmi, which is no feature here"):
        declared.matrix(table, [declared.Input("bmi", "number")])


SCORED: Final = """
import json
from delivery.pipeline.scoring import Graph
from delivery.registry.refused import Refused
try:
    Graph(b"no graph", "tensor", 0)
except Refused as refused:
    print(json.dumps(str(refused)))
"""


@pytest.mark.process
def test_what_runs_a_graph_tells_its_makers_nothing(inside: Any, tmp_path: Path) -> None:
    """ONNX Runtime tells them of each session unless it was told not to, and keeps a number for the machine at home."""
    assert "is no graph" in inside(SCORED, HOME=str(tmp_path), XDG_CACHE_HOME="")
    assert list(tmp_path.rglob("*")) == []


MIXED: Final = """
import json
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from delivery.pipeline.scoring import Graph
from delivery.registry.refused import Refused

def asked(*more):
    nodes = [helper.make_node("Sigmoid", ["features"], ["each" if more else "scores"]), *more]
    told = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 1])]
    said = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 1])]
    nothing = numpy_helper.from_array(np.zeros((1, 1), np.float32), "zero")
    graph = helper.make_graph(nodes, "tried", told, said, [nothing])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    rows = np.linspace(-3, 3, 1000, dtype=np.float32).reshape(-1, 1)
    try:
        found = Graph(model.SerializeToString(), "scores", 0).scores(rows)
    except Refused as refused:
        return str(refused)
    return [float(found[0]), len(found)]

def over(operation):
    return [
        helper.make_node(operation, ["each"], ["all"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["each", "zero"], ["none"]),
        helper.make_node("Add", ["all", "none"], ["scores"]),
    ]

axis = helper.make_node("Constant", [], ["axis"], value_int=0)
summed = asked(axis, helper.make_node("CumSum", ["each", "axis"], ["scores"]))
print(json.dumps([asked(), asked(*over("ReduceMean")), asked(*over("ReduceMax")), summed]))
"""


@pytest.mark.process
def test_a_model_that_answers_a_row_by_others_is_refused(inside: Any) -> None:
    """The inference server asks together what comes together, and serves none such."""
    (first, rows), *mixed = inside(MIXED)
    assert (round(first, 4), rows) == (0.0474, 1000)
    assert len(mixed) == 3
    for told in mixed:
        assert "what the model answers to a row depends on the rows that are asked with it" in str(told)


def test_another_package_than_the_locks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sbom.check_locked({"PyYAML": "6.0.3", "numpy": "2.4.6"})
    with pytest.raises(Refused, match=r"not those of requirements.txt: left-pad 1.0, numpy 2.0. What"):
        sbom.check_locked({"numpy": "2.0", "left-pad": "1.0"})


def test_of_each_package_of_the_lock_it_is_known_where_its_licence_is_said() -> None:
    """Without it the gate of licences stops every model, which nothing shows before a whole run. Look at what the
    package says of itself (`License-Expression`, or an identifier of SPDX in `License`) before it goes into a list."""
    listed = [*sbom.licences(), *sbom.said()]
    assert sorted(set(sbom.locked()) - set(listed)) == []
    assert sorted(set(listed) - set(sbom.locked())) == []
    assert len(listed) == len(set(listed))


def test_a_licence_that_we_found_is_marked_as_that_and_no_said_one_is_replaced() -> None:
    said = {"name": "scipy", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "License :: Other"}}]}
    assert sbom.concluded(said)["licenses"] == [{"license": {"id": "MIT"}}]
    silent = sbom.concluded({"name": "scipy", "licenses": [{"license": {"name": "License :: BSD"}}]})
    assert silent["licenses"] == [{"expression": "BSD-3-Clause", "acknowledgement": "concluded"}]
    unknown = {"name": "nobody-knows", "licenses": [{"license": {"name": "License :: Other"}}]}
    assert sbom.concluded(unknown) == unknown


def test_the_lock_has_the_versions_of_delivery_but_for_one() -> None:
    def pins(path: Path) -> set[str]:
        return {line for line in path.read_text().splitlines() if "==" in line and not line.startswith("#")}

    assert pins(DELIVERY / "requirements.in") - pins(LOCK.with_suffix(".in")) == {"requests==2.34.2"}


RECORD = lineage.Record(
    "parapet-run/1",
    "readmission",
    lineage.Inputs(
        *("sha256:" + "1" * 64, "abc", "sha256:" + "2" * 64, "no-image", "sha256:" + "3" * 64, 7, "k1", "linux")
    ),
    lineage.Outputs(*("sha256:" + each * 64 for each in "45678")),
    lineage.Judged("sha256:" + "9" * 64, "none", "sha256:" + "a" * 64, "sha256:" + "b" * 64, True),
)


def other(**changed: object) -> lineage.Record:
    told = msgspec.to_builtins(RECORD)
    for place, value in changed.items():
        part, _, name = place.partition("__")
        told[part][name] = value
    return msgspec.convert(told, lineage.Record)


@pytest.mark.parametrize("name", lineage.Inputs.__struct_fields__)
def test_each_input_that_differs_is_named(name: str) -> None:
    value = 8 if name == "seed" else "sha256:" + "f" * 64
    found = lineage.compare(RECORD, other(**{f"inputs__{name}": value, "outputs__model": "sha256:" + "c" * 64}))
    # Another commit with the same sources is no other input.
    assert [each.name for each in found.inputs] == ([] if name == "code" else [name])
    assert (found.same, found.explained, found.same_model) == (False, name != "code", False)


def test_another_model_by_the_same_inputs_is_not_explained() -> None:
    found = lineage.compare(RECORD, other(outputs__model="sha256:" + "c" * 64))
    assert (found.inputs, [each.name for each in found.outputs], found.explained) == ([], ["model"], False)
    assert lineage.compare(RECORD, RECORD).same
    judged = other(judged__report="sha256:" + "d" * 64)  # of another latency
    assert lineage.compare(RECORD, judged).same
    assert judged.digest == RECORD.digest != other(inputs__seed=8).digest


def test_the_sources_are_all_that_runs() -> None:
    assert lineage.sources() == lineage.sources()
    assert lineage.sources().startswith("sha256:")


@pytest.mark.parametrize("form", ["report", "list"])
def test_a_gate_that_failed_stops_with_value_bound_and_rows(form: str, tmp_path: Path) -> None:
    good = Gate("quality.auroc", 0.7, 900, passed=True, minimum=0.6)
    bad = Gate("quality.recall", 0.2, 900, passed=False, minimum=0.3)
    for gates in ([good], [good, bad]):
        told = msgspec.to_builtins(gates)
        (tmp_path / "gates").write_text(json.dumps(told if form == "list" else {"gates": told, "override": []}))
        if bad not in gates:
            steps.pass_gates(gates=str(tmp_path / "gates"), what="model")
    if form == "report":
        let = {"gates": msgspec.to_builtins([good, bad]), "override": ["quality.recall"]}
        (tmp_path / "let").write_text(json.dumps(let))
        steps.pass_gates(gates=str(tmp_path / "let"), what="model")
    with pytest.raises(
        steps.Stopped, match=r"1 of 2 gates .*\n    quality.recall is 0.2, must be at least 0.3 \(900 rows\)"
    ):
        steps.pass_gates(gates=str(tmp_path / "gates"), what="model")


@pytest.mark.parametrize("gates", [[], [Gate("data.quarantined", 0.4, 600, passed=False, maximum=0.05)]])
def test_a_model_of_data_that_failed_its_gate_is_not_registered_whatever_is_said_of_that_step(
    gates: list[Gate], tmp_path: Path
) -> None:
    """Which any step of a run in the cluster can write; nothing else of the run is looked at before."""
    (tmp_path / "gate").write_bytes(msgspec.json.encode(gates))
    names = ("experiment", "started_by", "mlflow", "model", "evidence", "cards", "registered")
    said = (
        r"1 of 1 gates stop the data, and nothing is registered"
        if gates
        else "Nothing is said of the gates of the data"
    )
    with pytest.raises((steps.Stopped, Refused), match=said):
        steps.register(gate=str(tmp_path / "gate"), **{each: str(tmp_path / each) for each in names})


def test_an_error_of_a_library_is_told_by_its_kind_and_place_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(**_: object) -> None:
        raise ValueError("could not convert 'QZPLANTED' to a number")

    monkeypatch.setitem(steps.STEPS, "train", fails)  # type: ignore[arg-type]
    monkeypatch.setenv(steps.SAYS, str(tmp_path / "says"))
    with pytest.raises(SystemExit) as ended:
        steps.run("train", train="x")
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "The step train failed with ValueError at " in said.err
    for text in (said.out + said.err, (tmp_path / "says").read_text()):
        assert "QZPLANTED" not in text


RUN = "4f2a"


def step(monkeypatch: pytest.MonkeyPatch, named: str, does: Callable[..., str | None], runs: str, **asked: Any) -> int:
    """Its exit status, 0 where it ends well."""
    monkeypatch.setitem(steps.STEPS, named, does)  # type: ignore[arg-type]
    try:
        steps.run(named, run=RUN, runs=runs, **asked)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def told(raw: dict[str, bytes]) -> list[tuple[str, Said]]:
    """What a run left, as it came: by the names, and in the objects."""
    found = []
    for name in sorted(raw):
        event = Event.of(name)
        assert event, name
        said = msgspec.json.decode(raw[name], type=Said)
        assert (event.run, event.step, event.word) == (said.run, said.step, said.word)
        found.append((f"{said.step} {said.word}", said))
    return found


def test_each_step_leaves_that_it_began_and_how_it_ended_and_nothing_of_a_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def raises(error: Exception) -> Callable[..., None]:
        def fails(**_: object) -> None:
            raise error

        return fails

    where = str(tmp_path / "told")
    gate = steps.Stopped("1 of 9 gates: QZPLANTED", ["quality.auroc"])
    assert step(monkeypatch, "ingest", lambda **_: None, where, late_after=36) == 0
    assert step(monkeypatch, "pass_gates", raises(gate), where, what="model") == 3
    assert step(monkeypatch, "fetch_production", raises(Refused("QZPLANTED")), where) == 1
    assert step(monkeypatch, "train", raises(ValueError("QZPLANTED")), where) == 1
    assert step(monkeypatch, "register", lambda **_: "readmission-dev:7", where) == 0
    left = {each.name: each.read_bytes() for each in (tmp_path / "told").iterdir()}
    assert b"QZPLANTED" not in b"".join(left.values())
    said = dict(told(left))
    assert sorted(said) == sorted(
        [
            *("ingest begun", "ingest done", "model-gate begun", "model-gate gate"),
            *("fetch-production begun", "fetch-production refused", "train begun", "train error"),
            *("register begun", "register done"),
        ]
    )
    assert (said["ingest begun"].late_after, said["model-gate gate"].why) == (36, "quality.auroc")
    assert (said["train error"].why, said["register done"].registered) == ("ValueError", "readmission-dev:7")


def test_what_cannot_be_told_as_it_begins_is_not_done_and_what_is_done_stays_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket, prefix = "models-of-the-hospital", "runs/model=readmission"
    done: list[str] = []
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=bucket)

        def goes(**_: object) -> None:
            raw = {}
            for each in s3.list_objects_v2(Bucket=bucket)["Contents"]:
                name = each["Key"]
                raw[name.removeprefix(f"{prefix}/")] = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
                s3.delete_object(Bucket=bucket, Key=name)
            done.extend(name for name, _ in told(raw))
            s3.delete_bucket(Bucket=bucket)

        assert step(monkeypatch, "split", goes, f"s3://{bucket}/{prefix}") == 0
        assert step(monkeypatch, "train", goes, f"s3://{bucket}/{prefix}") == 1
    assert done == ["split begun"]
    assert capsys.readouterr().err.count("cannot be put (NoSuchBucket)") == 2


@pytest.mark.parametrize("place", ["s3://", "s3://Bucket/runs", "https://example.org/runs", "runs"])
def test_a_place_that_is_none_is_refused(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert step(monkeypatch, "train", lambda **_: None, place) == 1


def test_a_first_model_is_one_because_somebody_says_so() -> None:
    tracked = Tracked()
    with served(tracked) as url:
        tracking = Tracking(url, ("pipeline", "password"))
        assert in_production(tracking, "readmission", first=True) == ("none", {})
        with pytest.raises(Refused, match=r"no version of readmission-prod that serves, to compare with\. If this is"):
            in_production(tracking, "readmission", first=False)
        tracked.register("readmission-prod", "mia", {"model.onnx": b"one", "contract.json": b"{}"}, {})
        tracked.models["readmission-prod"]["aliases"]["serving"] = "1"
        with pytest.raises(Refused, match="has version 1 in production: this is not the first"):
            in_production(tracking, "readmission", first=True)
        name, files = in_production(tracking, "readmission", first=False)
        assert (name, files["model.onnx"]) == ("readmission-prod:1", b"one")


def asked(folder: Path, **changed: object) -> Asked:
    (folder / "key").write_bytes(bytes(32))
    told = {"intake": str(folder), "model": "readmission", "key_file": folder / "key", "out": folder / "out", "seed": 0}
    told |= {
        "first": True,
        "gates": DELIVERY / "gates" / "gates.yaml",
        "experiment": "",
        "code": "abc1234",
        "image": "",
        "started_by": "",
    }
    return Asked(**told | changed)  # type: ignore[arg-type]


SPOILT: dict[str, tuple[Callable[[Path], dict[str, object]], str]] = {
    "a name that is none": (lambda _: {"model": "Read/mission"}, "'Read/mission' is no model's name"),
    "no key": (lambda folder: {"key_file": folder / "gone"}, "The key file .* cannot be read"),
    "gates that are none": (lambda folder: {"gates": folder / "gone.yaml"}, "The gates in .* cannot be read"),
    "a seed that is too large": (lambda _: {"seed": 2**31}, "a seed is 0 to 2147483647"),
    "an image by a tag": (lambda _: {"image": "parapet/pipeline:latest"}, "is no image by its digest"),
    "a commit that is none": (lambda _: {"code": "main, of today"}, "--code is a commit"),
    "an override by one": (
        lambda _: {"override": ["quality.auroc"], "why": "None is there yet.", "asked_by": "ann", "agreed_by": "Ann"},
        "An override needs two people",
    ),
    "an override about somebody": (
        lambda _: {"override": ["quality.auroc"], "why": "For MRN M000123.", "asked_by": "ann", "agreed_by": "ben"},
        "The reason has a number",
    ),
    "no account": (lambda _: {}, "MLFLOW_TRACKING_URI: the address of MLflow"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_can_be_known_before_anything_runs_is_refused_then(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    changed, says = SPOILT[what]
    with pytest.raises((Refused, DataRefused), match=says):
        run(asked(tmp_path, **changed(tmp_path)))
    assert not (tmp_path / "out").exists()


def test_the_settings_are_strict() -> None:
    told = yaml.safe_load((Path(steps.__file__).parent / "settings.yaml").read_text())
    assert settings().requests >= 1_000
    with pytest.raises(ValueError, match="sharee"):
        type(settings()).model_validate(told | {"sharee": 1})


# Records of rows


def test_rows_of_features_are_told_as_the_server_takes_them() -> None:
    """What they are as a matrix is what the records are."""
    taken = declared.inputs()
    record = {each.name: each.categories[-1] if each.kind == "category" else each.maximum for each in taken}
    lacking = record | {each.name: None for each in taken if each.nullable}
    table = pa.table({each.name: [record[each.name], lacking[each.name]] for each in taken})
    told = declared.records_of(table, taken)
    assert told == [record, lacking]
    assert {type(told[0][each.name]) for each in taken if each.kind == "integer"} == {int}
    rows = np.concatenate([declared.row(each, taken) for each in told])
    assert np.array_equal(rows, declared.matrix(table, taken), equal_nan=True)
