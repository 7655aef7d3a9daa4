"""Names, artifact places and the sources of model versions: what a client may name, and what it may not."""

from typing import Any

import pytest

from parapet_mlflow.gate import places
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import load
from tests.delivery.lawful import RUN, Request, request

MODEL = f"m-{RUN}"
OTHER = RUN[::-1]


def of(name: str, /, **fields: Any) -> Request:
    route = next(route for route in load() if route.name == name)
    return request(route, route.paths[0]).with_fields(fields)


def at(name: str, place: str) -> Request:
    """A request for a file, with its place in the path."""
    route = next(route for route in load() if route.name == name)
    sent = request(route, route.paths[0])
    return Request(
        route.method, route.paths[0].replace("<path:artifact_path>", place), sent.query, sent.types, sent.body
    )


@pytest.mark.parametrize(
    "name", ["chest x-ray (2026)", "équipe/étude", "Ward 7: sepsis", "a" * 250, "under_score-and.dot", "team@site"]
)
def test_a_plain_name_is_a_name(name: str) -> None:
    assert of("registered-models/create", name=name).read().fields["name"] == name
    assert of("experiments/create", name=name).read().fields["name"] == name


@pytest.mark.parametrize(
    "name",
    ["*", "a*", "?", "[a-z]", "%", "100%", "a\n", "a\0", "a\u200b", "a\u202eb", " a", "a ", "a" * 251, "a\u2028"],
)
@pytest.mark.parametrize(
    ("route", "field"),
    [
        ("registered-models/create", "name"),
        ("registered-models/rename", "new_name"),
        ("registered-models/delete", "name"),
        ("experiments/create", "name"),
        ("experiments/update", "new_name"),
        ("experiments/get-by-name", "experiment_name"),
        ("datasets/create", "name"),
        ("logged-models/create", "name"),
        ("users/create", "username"),
        ("roles/create", "name"),
        ("users/permissions/grant", "resource_id"),
        ("registered-models/set-alias", "alias"),
    ],
)
def test_a_name_is_no_pattern_and_has_nothing_unseen(name: str, route: str, field: str) -> None:
    with pytest.raises(Refusal, match=rf"^{field} "):
        of(route, **{field: name}).read()


@pytest.mark.parametrize("place", ["s3://theirs/x", "file:///etc", "/etc", "mlflow-artifacts:/1", "."])
def test_where_an_experiments_artifacts_lie_is_not_the_clients_to_say(place: str) -> None:
    with pytest.raises(Refusal, match=r"^artifact_location "):
        of("experiments/create", name="a", artifact_location=place).read()


def test_an_empty_location_is_none() -> None:
    # The page sends it so where nothing was typed.
    assert of("experiments/create", name="a", artifact_location="").read()


NOT_RELATIVE = [
    "/etc/passwd",
    "../a",
    "a/../b",
    "a/./b",
    "a//b",
    "./a",
    "..",
    "c:/a",
    "file:/etc",
    "FILE:a",
    "a/b\\..\\c",
]
ODD = ["a\0", "a\nb", "a#b", "%2e%2e/a", "a%2fb", "a%00", "a\u202eb", "a" * 901]


@pytest.mark.parametrize("path", NOT_RELATIVE + ODD)
@pytest.mark.parametrize(
    ("route", "field", "fields"),
    [
        ("artifacts/list", "path", {"run_id": RUN}),
        ("get-artifact", "path", {"run_id": RUN}),
        ("model-versions/get-artifact", "path", {"name": "m", "version": "1"}),
        ("logged-models/get-artifact", "artifact_file_path", {}),
        ("logged-models/list-artifacts", "artifact_directory_path", {}),
        ("traces/get-artifact", "path", {"request_id": f"tr-{RUN}"}),
    ],
)
def test_a_path_stays_within(path: str, route: str, field: str, fields: dict[str, str]) -> None:
    with pytest.raises(Refusal, match=rf"^{field} "):
        of(route, **fields, **{field: path}).read()


@pytest.mark.parametrize("path", ["a", "model/MLmodel", "50% of it.csv", "note:1.txt", "größe.png", "a b/c"])
def test_a_plain_path_is_a_place(path: str) -> None:
    assert of("get-artifact", run_id=RUN, path=path).read().place == path
    assert of("artifacts/list", run_id=RUN, path=f"{path}/").read().fields["path"] == path


FILES = [route.name for route in load() if route.group == places.FILES and "artifact_path" in route.in_path]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("place", "within"),
    [
        (f"7/{RUN}/artifacts/model/MLmodel", {"experiment_id": "7", "run_id": RUN}),
        (f"7/models/{MODEL}/artifacts/MLmodel", {"experiment_id": "7", "model_id": MODEL}),
        (f"7/traces/tr-{RUN}/artifacts/traces.json", {"experiment_id": "7", "trace_id": f"tr-{RUN}"}),
    ],
)
def test_a_file_tells_whose_it_is(name: str, place: str, within: dict[str, str]) -> None:
    asked = at(name, place).read()
    assert asked.within == within
    assert asked.place.startswith(place)
    assert [asked.named(each) for each in within] == [[value] for value in within.values()]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "place",
    [
        "a",
        "7",
        "7/a",
        f"7/{RUN}",
        f"7/{RUN}/a",
        f"07/{RUN}/artifacts/a",
        f"x/7/{RUN}/artifacts/a",
        f"7/{RUN.upper()}/artifacts/a",
        f"7/{RUN}/artifacts/../../8/{OTHER}/artifacts/a",
        f"7/{RUN}/artifacts//a",
        f"7/{RUN}/artifacts/%2e%2e/a",
        f"7/models/{RUN}/artifacts/a",
        "7/traces/archive/a",
        f"/7/{RUN}/artifacts/a",
        ".parapet-start",
    ],
)
def test_files_lie_where_the_server_puts_them(name: str, place: str) -> None:
    with pytest.raises(Refusal, match=r"^artifact_path "):
        at(name, place).read()


def test_the_root_of_all_files_is_not_listed() -> None:
    for fields in ({}, {"path": ""}, {"path": "7"}, {"path": f"7/{RUN}"}):
        with pytest.raises(Refusal, match=r"^path "):
            of("artifacts/list-files", **fields).read()
    assert of("artifacts/list-files", path=f"7/{RUN}/artifacts").read().within["run_id"] == RUN


def test_an_upload_in_parts_has_the_files_last_name() -> None:
    place = f"/api/2.0/mlflow-artifacts/mpu/create/7/{RUN}/artifacts"
    for path in ("/home/jane/scan.bin", "C:\\jane\\scan.bin", "scan.bin"):
        sent = Request("POST", place).with_fields({"path": path, "num_parts": 2})
        assert sent.read().place == f"7/{RUN}/artifacts/scan.bin"
        assert b"jane" not in (sent.read().canonical().body or b"")
    for path in ("/home/jane/..", "a/", "."):
        with pytest.raises(Refusal, match=r"^path "):
            Request("POST", place).with_fields({"path": path, "num_parts": 2}).read()


SOURCES = [
    (f"runs:/{RUN}/model", {"run_id": RUN}, places.Source(run_id=RUN)),
    (f"mlflow-artifacts:/7/{RUN}/artifacts/model", {"run_id": RUN}, places.Source(run_id=RUN)),
    (f"mlflow-artifacts:/7/models/{MODEL}/artifacts", {"model_id": MODEL}, places.Source(model_id=MODEL)),
    (f"models:/{MODEL}", {"model_id": MODEL}, places.Source(model_id=MODEL)),
    ("models:/sepsis/3", {}, places.Source(name="sepsis", version="3")),
]


@pytest.mark.parametrize(("source", "fields", "expected"), SOURCES)
def test_a_model_version_is_made_of_what_mlflow_has(
    source: str, fields: dict[str, str], expected: places.Source
) -> None:
    assert of("model-versions/create", name="m", source=source, **fields).read()
    assert places.source(source) == expected
    for name in fields:
        with pytest.raises(Refusal, match=rf"^source is of another {name}"):
            of("model-versions/create", name="m", source=source, **{name: OTHER}).read()


@pytest.mark.parametrize(
    "source",
    [
        "s3://theirs/model",
        "file:///etc",
        "/etc/passwd",
        "etc",
        "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/7",
        "https://example.org/m",
        "ftp://a/b",
        "dbfs:/a",
        "",
        "runs:/",
        f"runs:/{RUN}",
        f"runs:/{RUN}/../a",
        f"runs:/{RUN}/%2e%2e/a",
        f"RUNS:/{RUN}/a",
        f"runs://host/{RUN}/a",
        "mlflow-artifacts:/7",
        f"mlflow-artifacts://host:1/7/{RUN}/artifacts",
        f"mlflow-artifacts:/7/{RUN}/artifacts/../../8",
        f"mlflow-artifacts:/7/traces/tr-{RUN}/artifacts",
        "models:/sepsis",
        "models:/sepsis@champion",
        "models:/sepsis/latest",
        "models:/sepsis/0",
        "models://host/sepsis/1",
        "models:/sepsis/1/../2",
        "dummy-source",
        " s3://a/b",
    ],
)
def test_and_of_nothing_else(source: str) -> None:
    with pytest.raises(Refusal, match=r"^source "):
        of("model-versions/create", name="m", source=source).read()


def test_a_prompt_has_no_files() -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "..."}]
    assert of("model-versions/create", name="m", source="dummy-source", tags=tags).read()


def test_a_link_to_a_run_is_a_link() -> None:
    source = {"name": "m", "source": f"runs:/{RUN}/m"}
    assert of("model-versions/create", **source, run_link="https://example.org/a").read()
    with pytest.raises(Refusal, match=r"^run_link "):
        of("model-versions/create", **source, run_link="javascript:alert(1)").read()


MOVING = ["mlflow.artifactLocation", "mlflow.trace.spansLocation", "mlflow.trace.archiveLocation"]


@pytest.mark.parametrize("key", [*MOVING, "mlflow.auth.username"])
def test_no_tag_moves_files_or_signs_for_another(key: str) -> None:
    pair, mapped = [{"key": key, "value": "s3://theirs"}], {key: "s3://theirs"}
    trace = {"trace_info": {"trace_id": f"tr-{RUN}", "tags": mapped}}
    asked = [
        of("traces/set-tag", key=key, value="x"),
        of("traces-v2/set-tag", key=key, value="x"),
        of("traces/delete-tag", key=key),
        of("experiments/set-experiment-tag", experiment_id="7", key=key, value="x"),
        of("runs/set-tag", run_id=RUN, key=key, value="x"),
        of("runs/log-batch", run_id=RUN, tags=pair),
        of("traces/start", trace=trace),
        of("traces/start", trace={"trace_info": {"trace_metadata": mapped}}),
        of("traces-v2/start", experiment_id="7", tags=pair),
        of("traces-v2/end", request_metadata=pair),
    ]
    for sent in asked:
        with pytest.raises(Refusal, match=r"^(key|tags|trace_metadata|request_metadata) has a tag"):
            sent.read()


def test_a_model_stays_a_model_and_a_prompt_a_prompt() -> None:
    tag = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    assert of("registered-models/create", name="p", tags=[tag]).read()
    for sent in (
        of("registered-models/set-tag", name="p", **tag),
        of("registered-models/delete-tag", name="p", key=tag["key"]),
    ):
        with pytest.raises(Refusal, match=r"^key has the tag"):
            sent.read()
