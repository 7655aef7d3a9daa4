"""The dashboards: Grafana's own types take them, the real Prometheus answers each of their queries, and none asks for
what nobody tells."""

import json
import math
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from typer.testing import CliRunner

from cli.__main__ import app
from cli.output import Refused
from cluster import monitor
from cluster import namespaces as ns
from delivery.monitoring import runs
from delivery.monitoring.alerting.documents import State
from delivery.monitoring.daily import pipeline
from delivery.monitoring.daily.answering import of_a_check, succeeded
from local import images
from local.toolchain import live as toolchain
from local.workspace import ROOT, Workspace
from mlops import prometheus
from mlops.dashboards import dashboards
from mlops.dashboards.boards import BOARDS
from mlops.dashboards.grafana import Board, document, written
from mlops.monitoring import rules, served, words
from tests.platform.mocked import run_program
from tests.platform.relabelled import kept
from tests.platform.variants import MANY

MODELS = ("readmission", "sepsis")
NOW = datetime(2026, 11, 30, 20, tzinfo=UTC)
CHOICE = {"$model": ".+", "$__rate_interval": "5m"}
"""What Grafana puts into a query before it asks."""
OF_TARGETS = ("up", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling")
"""What Prometheus itself tells of each target (Prometheus, "Jobs and instances", generated time series)."""
FUNCTIONS = frozenset(
    {
        "and",
        "avg",
        "by",
        "changes",
        "count",
        "group_left",
        "histogram_quantile",
        "last_over_time",
        "max",
        "on",
        "or",
        "rate",
    }
    | {"sum", "sum_over_time", "time", "unless"}
)
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SERIES = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$")


def queries(board: Board) -> list[tuple[str, str]]:
    """Each query as Prometheus is asked, and what its answers are called."""
    asked = []
    for panel in board.panels:
        for query in panel.queries:
            text = query.expression
            for variable, value in CHOICE.items():
                text = text.replace(variable, value)
            asked.append((text, query.called))
    return asked


ASKED = [each for board in BOARDS for each in queries(board)]


@pytest.fixture(scope="module")
def series() -> dict[str, str]:
    """What the programs tell, by Prometheus' names for it, with the labels that it adds to what a pod says."""
    python = images.environment("serving") / "bin" / "python"
    here = Path(__file__).parent / "serving_metrics.py"
    path = {"PYTHONPATH": str(ROOT / "delivery" / "serving")}
    told = subprocess.run([python, "-P", here], env=os.environ | path, capture_output=True, text=True, check=True)
    state = State("parapet-alerting-state/1", "readmission@3", "sha256:" + "0" * 64, rows=300)
    check = of_a_check("readmission", state, 60) + succeeded("readmission", 60) + pipeline.unread("readmission", 0)
    check += pipeline.metrics("readmission", stopped(), 36, NOW)
    found: dict[str, str] = {}
    for version, pod in (("5d8f", "x"), ("77aa", "y")):
        own = of_pod("models", "readmission", f"readmission-{version}-{pod}", version)
        found |= {name: values for line in told.stdout.splitlines() for name, values in _grown(line, own)}
        found |= {f"{name}{{{own}}}": "1x200" for name in OF_TARGETS}
    own = of_pod("monitoring", "readmission", "check-readmission-1", job=prometheus.CHECKS)
    found |= {name: values for line in check.splitlines() for name, values in _grown(line, own)}
    return found


def stopped() -> runs.Heard:
    """A pipeline that registered a model, and whose next run failed."""
    said = [
        ("one", "register", runs.Word.BEGUN, 40),
        ("one", "register", runs.Word.DONE, 39),
        ("two", "train", runs.Word.BEGUN, 4),
        ("two", "train", runs.Word.ERROR, 3),
    ]
    found = runs.heard((runs.Event(NOW - timedelta(hours=ago), run, step, word) for run, step, word, ago in said), NOW)
    assert found
    return found


def of_pod(namespace: str, model: str, pod: str, version: str = "", job: str = "models") -> str:
    added = {"job": job, "instance": f"10.0.0.1:15020/{pod}", "namespace": namespace, "model": model, "pod": pod}
    if version:
        added["version_hash"] = version
    relabelled = [each for of in prometheus.scrapes(words.SHOWN) for each in of["relabel_configs"]]
    assert added.keys() - {"job", "instance"} <= {each.get("target_label") for each in relabelled}
    return ",".join(f'{name}="{value}"' for name, value in added.items())


def _grown(line: str, own: str) -> Iterator[tuple[str, str]]:
    """A number as it goes on: what is counted grows, a minute at a time, by what was told once."""
    if line.startswith("#") or not (of := SERIES.match(line)):
        return
    name, labels, value = of[1], of[2] or "", of[3]
    labels = ",".join(each for each in labels.split(",") if each and not each.startswith("model="))
    counted = name.endswith(("_total", "_bucket", "_count", "_sum"))
    values = f"0+{float(value):g}x200" if counted else f"{value}x200"
    yield f"{name}{{{','.join(each for each in (labels, own) if each)}}}", values


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace(home=tmp_path_factory.mktemp("promtool"))
    toolchain.ensure_prometheus(workspace)
    return workspace.bin / toolchain.PROMTOOL


def answers(
    promtool: Path, folder: Path, series: Mapping[str, str], expressions: Sequence[str]
) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What the real Prometheus answers to each after two hours, labels and value, as promtool tells it of a query of
    which it was told to expect no answer. One that has none it does not tell."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": each, "eval_time": "2h", "exp_samples": []} for each in expressions],
    }
    (folder / "rules.yaml").write_text(dashboards.files(MODELS, MODELS)[dashboards.RULES])
    (folder / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]})
    )
    command = [promtool, "test", "rules", "test.yaml"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120).stderr
    assert "got:" in told or not expressions, told
    found = {}
    for one in re.split(r"\n    expr: ", told)[1:]:
        expression, end = json.JSONDecoder().raw_decode(one)
        _, _, got = one[end:].partition("got: ")
        assert got, told
        found[expression] = [
            (dict(re.findall(r'(\w+)="(.*?)"', sample)), float(value))
            for sample, value in re.findall(r"\{(.*?)\} (\S+?)(?=[,\s]|$)", got)
        ]
    return found


@pytest.mark.engine
def test_prometheus_answers_each_query_and_a_legend_names_what_is_in_its_answer(
    promtool: Path, tmp_path: Path, series: dict[str, str]
) -> None:
    nobodys = 'sum by (model) (parapet_serving_of_tomorrow{model=~".+"})'
    found = answers(promtool, tmp_path, series, [*(text for text, _ in ASKED), nobodys])
    assert nobodys not in found
    # Of no model is anything open, and each is heard.
    quiet = {text for text, _ in ASKED if words.DRIFTED in text and text.endswith(") > 0")}
    assert len(quiet) == 1
    assert [text for text, _ in ASKED if text not in found and text not in quiet] == []
    for text, called in ASKED:
        for labels, value in found.get(text, []):
            assert set(re.findall(r"{{(\w+)}}", called)) <= labels.keys(), text
            assert not math.isnan(value), text
    opened = {name: "1x200" if name.startswith(words.DRIFTED) else values for name, values in series.items()}
    (told,) = quiet
    assert {labels["severity"] for labels, _ in answers(promtool, tmp_path, opened, [told])[told]} >= {"page", "ticket"}


@pytest.mark.engine
def test_what_is_left_of_budgets_and_who_has_the_calls_is_counted_right(promtool: Path, tmp_path: Path) -> None:
    """Of 1,000 calls a minute one in 2,000 fails, half of what may; one in 200 comes late, half of what may. A canary
    has a fifth of them. Of sepsis nothing failed."""

    def calls(model: str, version: str, status: int, each: float) -> tuple[str, str]:
        own = of_pod("models", model, f"{model}-{version}", version)
        return f'parapet_serving_requests_total{{route="infer",status="{status}",{own}}}', f"0+{each}x200"

    def below(edge: str, each: float) -> tuple[str, str]:
        own = of_pod("models", "readmission", "readmission-a", "a")
        return f'parapet_serving_request_seconds_bucket{{le="{edge}",{own}}}', f"0+{each}x200"

    series = dict(
        [
            calls("readmission", "a", 200, 799.5),
            calls("readmission", "a", 500, 0.5),
            calls("readmission", "b", 200, 200),
            calls("sepsis", "a", 200, 10),
            below("0.5", 995),
            below("+Inf", 1000),
        ]
    )
    (by_version,) = (text for text, called in ASKED if called == "{{model}} {{version_hash}}" and "group_left" in text)
    found = answers(promtool, tmp_path, series, [rules.ERRORS_LEFT, rules.LATENCY_LEFT, by_version])
    left = {labels["model"]: value for labels, value in found[rules.ERRORS_LEFT]}
    assert left == pytest.approx({"readmission": 0.5, "sepsis": 1.0}, abs=1e-6)
    assert [value for _, value in found[rules.LATENCY_LEFT]] == pytest.approx([0.5], abs=1e-6)
    share = {(labels["model"], labels["version_hash"]): value for labels, value in found[by_version]}
    expected = {("readmission", "a"): 0.8, ("readmission", "b"): 0.2, ("sepsis", "a"): 1.0}
    assert share == pytest.approx(expected, abs=1e-6)


@pytest.mark.engine
def test_hours_since_a_check_ended_well_climb_where_later_ones_did_not_end_so(promtool: Path, tmp_path: Path) -> None:
    """One without a profile says when it looked, and that it found no rows."""
    first, later = (
        of_pod("monitoring", "readmission", f"check-readmission-{x}", job=prometheus.CHECKS) for x in (1, 2)
    )
    series = {
        **{f"{each}{{{first}}}": "60 60 _x200" for each in (words.SUCCEEDED, words.LOOKED, words.ROWS)},
        f"{words.LOOKED}{{{later}}}": "_x60 3660 3660 _x200",
        f"{words.ROWS}{{{later}}}": "_x60 0 0 _x200",
    }
    (asked,) = {text for text, _ in ASKED if words.SUCCEEDED in text}
    ((labels, hours),) = answers(promtool, tmp_path, series, [asked])[asked]
    assert labels["model"] == "readmission"
    assert hours == pytest.approx((7200 - 60) / 3600)


def used(expression: str) -> tuple[set[str], set[str]]:
    """The series and the labels that a query names."""
    plain = re.sub(r'"[^"]*"', '""', re.sub(r"\[[^]]*\]", "", expression))
    labels = {name for inside in re.findall(r"\{([^}]*)\}", plain) for name in NAME.findall(inside)}
    plain = re.sub(r"\{[^}]*\}", "", plain)
    grouped = r"\b(?:by|on|group_left) \(([^)]*)\)"
    labels |= {name for inside in re.findall(grouped, plain) for name in NAME.findall(inside)}
    return set(NAME.findall(re.sub(grouped, "", plain))) - FUNCTIONS, labels


def untold(expression: str, series: Mapping[str, str]) -> set[str]:
    """What of it nobody tells: series, and labels that none of its series has."""
    told: dict[str, set[str]] = {}
    for each in series:
        name, _, labels = each.partition("{")
        told.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    for group in rules.recorded(MODELS, MODELS)["groups"]:
        told |= {rule["record"]: {"model"} for rule in group["rules"]}
    names, labels = used(expression)
    lacking = labels.difference(*(told.get(name, set()) for name in names))
    return {name for name in names if name not in told} | lacking


@pytest.mark.process
def test_no_query_names_a_series_or_a_label_that_nobody_tells(series: dict[str, str]) -> None:
    assert {text: found for text, _ in ASKED if (found := untold(text, series))} == {}
    chosen = {
        name: used(variable["query"].removeprefix("label_values(").rpartition(",")[0])[0]
        for board in BOARDS
        for variable in document(board)["templating"]["list"]
        if variable["type"] == "query"
        for name in (board.uid,)
    }
    assert set().union(*chosen.values()) == {rules.DECLARED}


@pytest.mark.process
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ('rate(parapet_serving_request_total{model="a"}[5m])', {"parapet_serving_request_total", "model"}),
        ('sum by (patient) (up{model="a"})', {"patient"}),
        ('parapet_serving_ready{version="3"}', {"version"}),
        ("parapet:model_errors:rate5m", {"parapet:model_errors:rate5m"}),
        ("max by (kind) (up)", {"kind"}),
    ],
)
def test_one_that_does_is_found(series: dict[str, str], wrong: str, found: set[str]) -> None:
    assert untold(wrong, series) == found


LABELLED = re.compile(r'(\w+)="(.*?)"')


@pytest.mark.process
@pytest.mark.parametrize("of", [served.SHOWN, served.JUDGED], ids=["shown", "judged"])
def test_all_that_our_server_says_is_kept_with_its_labels(series: dict[str, str], of: served.Series) -> None:
    """For dashboards as it is; for analyses and rules all that they ask for, where words that are matched alone are
    others."""
    (job,) = (each for each in prometheus.scrapes(words.SHOWN, of) if each["job_name"] == ns.MODELS.name)
    told, places = set(), set()
    for each in series:
        name, _, labels = each.partition("{")
        if not name.startswith(served.PREFIX):
            continue
        own = {"__name__": name, **dict(LABELLED.findall(labels))}
        left = kept(job, own)
        name = name.removeprefix(served.PREFIX)
        asked = of is served.SHOWN or own.get("route") != "refused"
        assert (left is not None) == (name in of and asked), each
        if left is not None:
            assert left.keys() == own.keys()
            assert left == own or of is served.JUDGED
            told.add(name)
            places |= {(left["output"], left["le"])} if name == "prediction_bucket" else set()
    assert told == set(of)
    assert len(places) >= (21 if of is served.SHOWN else 14)


def test_what_is_known_of_our_server_is_what_it_says() -> None:
    """Its words stand in its program, which the platform does not import."""
    program = "\n".join(file.read_text() for file in (ROOT / "delivery/serving/parapet_serving").rglob("*.py"))
    for name, edges in (("LATENCIES", served.SECONDS), ("ROWS", served.ROWS)):
        found = re.findall(rf"^{name}: Final = \(([\d., ]*)\)", program, re.MULTILINE)
        assert [list(map(float, each.split(","))) for each in found] == [list(edges)]
    wrong = re.findall(r'Wrong\(\*?\(?(\d+), "([a-z ]+)"', program)
    assert {kind for _, kind in wrong} | {"gone"} == set(served.KINDS)
    assert {status for status, _ in wrong} | {"200", "499"} <= set(served.STATUSES)
    routes = set(re.findall(r'\("([a-z ]+)", "(?:GET|POST|)", self\.', program))
    assert routes | {"refused", "beyond"} == set(served.ROUTES)


def within(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """Where what we wrote is lost or other."""
    if isinstance(ours, dict):
        for name, value in ours.items():
            if name not in theirs:
                yield f"{where}/{name}"
            else:
                yield from within(value, theirs[name], f"{where}/{name}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), where
        for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from within(one, other, f"{where}/{at}")
    elif ours != theirs:
        yield where


def through_grafanas_types(told: dict[str, Any]) -> dict[str, Any]:
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(told)))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_grafanas_own_types_know_all_of_it(board: Board) -> None:
    """They drop what they do not know."""
    told = json.loads(written(board))
    assert list(within(told, through_grafanas_types(told))) == []
    told["panels"][0]["fieldConfig"]["defaults"]["treshold"] = 1
    told["refrsh"] = "1m"
    assert set(within(told, through_grafanas_types(told))) == {"/panels/0/fieldConfig/defaults/treshold", "/refrsh"}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_dashboard_is_one_that_grafana_imports(board: Board) -> None:
    told = document(board)
    assert re.fullmatch(r"[a-z0-9-]{1,40}", told["uid"])
    assert told["schemaVersion"] >= 36
    source, *_ = told["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    taken: set[tuple[int, int]] = set()
    for panel in told["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["description"].endswith(".")
        assert {each["datasource"]["uid"] for each in (panel, *panel["targets"])} == {"${datasource}"}
        values = [each["value"] for each in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])
    assert len({panel["id"] for panel in told["panels"]}) == len(told["panels"])
    assert ("$model" in written(board)) == bool(board.models)


def test_no_two_dashboards_are_one() -> None:
    assert len({board.uid for board in BOARDS}) == len({board.title for board in BOARDS}) == len(BOARDS)


@pytest.mark.engine
def test_prometheus_takes_what_is_delivered_to_it(promtool: Path, tmp_path: Path) -> None:
    for name, text in dashboards.files(MODELS, MODELS).items():
        (tmp_path / name).write_text(text)
    beside = {"scrape_config_files": [dashboards.SCRAPES], "rule_files": [dashboards.RULES]}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(beside))
    for command in (("config", "prometheus.yaml"), ("rules", "--lint=all", "--lint-fatal", dashboards.RULES)):
        done = subprocess.run([promtool, "check", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_is_to_ask_it_may_find() -> None:
    """By the account that the stack makes for it, and no further right."""
    found = [of for job in prometheus.scrapes(words.SHOWN) for of in job["kubernetes_sd_configs"]]
    assert {name for of in found for name in of["namespaces"]["names"]} <= set(monitor.scraped())


def test_the_stack_delivers_them_where_dashboards_are() -> None:
    """By names that do not change, since they are mounted by them; and small enough for a ConfigMap."""
    stack = run_program(**MANY)
    maps = {each.inputs["metadata"]["name"]: each.inputs for each in stack.of("kubernetes:core/v1:ConfigMap")}
    made = {name: inputs for name, inputs in maps.items() if name.startswith("parapet-")}
    assert set(made) == {dashboards.DASHBOARDS, dashboards.WATCHING}
    for each in made.values():
        assert each["metadata"]["namespace"] == "monitoring"
        assert sum(map(len, each["data"].values())) < 500_000
    boards = made[dashboards.DASHBOARDS]
    assert boards["metadata"]["labels"].items() >= dashboards.LABEL.items()
    assert {json.loads(text)["uid"] for text in boards["data"].values()} == {board.uid for board in BOARDS}
    assert made[dashboards.WATCHING]["data"].keys() == {dashboards.SCRAPES, dashboards.RULES}
    recorded = yaml.safe_load(made[dashboards.WATCHING]["data"][dashboards.RULES])
    (models, _) = recorded["groups"]
    named = {each["labels"]["model"] for each in models["rules"] if each["record"] == rules.DECLARED}
    assert named == {each["name"] for each in MANY["models"]}


def test_who_has_another_grafana_gets_them_as_files(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["dashboards", str(tmp_path / "made" / "here")])
    assert done.exit_code == 0
    made = {file.name: file.read_text() for file in (tmp_path / "made" / "here").iterdir()}
    assert made == {f"{board.uid}.json": written(board) for board in BOARDS}
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(app, ["dashboards", str(tmp_path / "file" / "here")])
    assert isinstance(refused.exception, Refused)
    assert str(refused.exception).endswith("Not a directory. Name another folder.")


DOCUMENT = (ROOT / "docs" / "dashboards.md").read_text()


def test_the_document_has_each_dashboard_and_what_is_mounted() -> None:
    for board in BOARDS:
        assert f"`{board.uid}`" in DOCUMENT
        assert board.title in DOCUMENT
    mounted = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)]
    told = yaml.safe_dump(mounted)
    for word in (dashboards.DASHBOARDS, dashboards.WATCHING, dashboards.SCRAPES, dashboards.RULES):
        assert word in told
    assert {'grafana_dashboard: "1"'} <= set(re.findall(r"`(grafana_dashboard: .*?)`", DOCUMENT))


@pytest.mark.engine
def test_prometheus_takes_the_configuration_of_the_document(promtool: Path, tmp_path: Path) -> None:
    (text,) = (each for each in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if "rule_files" in each)
    for name, content in dashboards.files(MODELS, MODELS).items():
        (tmp_path / name).write_text(content)
    (tmp_path / "prometheus.yaml").write_text(text.replace("/etc/parapet/", f"{tmp_path}/"))
    command = [promtool, "check", "config", "prometheus.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rule files found" in done.stdout
