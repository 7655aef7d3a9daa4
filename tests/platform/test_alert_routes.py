"""Who is told of an alert, asked of amtool and of a real Alertmanager: what it groups, and what it silences."""

import http.server
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from local.toolchain import live as toolchain
from mlops.monitoring import routes
from mlops.monitoring.alertmanager import written
from mlops.monitoring.owners import OWNERS, QUIET, Quiet, owners, quiet
from mlops.monitoring.rules import ALERTS
from mlops.monitoring.words import LABELS, Boundary, Severity
from mlops.prometheus import NOTIFICATIONS_FAILED
from tests.cluster import wait_for
from tests.platform import alerting
from tests.platform.alerting import found, hastened, post, running, walked
from tests.platform.stacks import stack

TOPIC, BEAT = (f"arn:aws:sns:us-east-1:123456789012:parapet-test-{each}" for each in ("alerts", "heartbeat"))


BUCKET = "parapet-test-artifacts-0123456"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Alertmanager and amtool."""
    return alerting.tools(tmp_path_factory.mktemp("alertmanager"))


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("configured") / "alertmanager.yaml"
    file.write_text(written(stack(), TOPIC, BEAT, BUCKET))
    return file


def amtool(tools: Path, *arguments: str) -> str:
    answer = subprocess.run([tools / toolchain.AMTOOL, *arguments], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.engine
def test_alertmanager_takes_the_configuration(tools: Path, configured: Path) -> None:
    told = amtool(tools, "check-config", str(configured))
    assert f"{2 * len(Boundary) + 1} receivers" in told
    assert "SUCCESS" in told


def asked() -> list[tuple[dict[str, str], str]]:
    """Labels, and the receiver that is told."""
    of = owners().of

    def receiver(boundary: str, severity: str | None) -> str:
        owner = of(Boundary(boundary))
        return owner.page if severity in (Severity.PAGE, None) else owner.ticket

    every = [
        ({"boundary": each, "severity": severity}, of(each).page if severity is Severity.PAGE else of(each).ticket)
        for each in Boundary
        for severity in Severity
    ]
    return [
        *every,
        *(
            (
                {**each.rule()["labels"], "alertname": each.name, "severity": each.severity or Severity.PAGE},
                routes.HEARTBEAT if each.name == "Watchdog" else receiver(each.boundary, each.severity),
            )
            for each in ALERTS
        ),
        ({"alertname": "ModelDrift", "boundary": "model", "severity": "note"}, receiver("model", "note")),
        # What nobody thought of is the platform's, and wakes somebody where it says so.
        ({"severity": "page"}, of(Boundary.PLATFORM).page),
        ({"alertname": "Strange"}, of(Boundary.PLATFORM).ticket),
        ({"boundary": "model", "severity": "dreadful"}, of(Boundary.MODEL).ticket),
    ]


@pytest.mark.engine
def test_each_alert_reaches_its_owner(tools: Path, configured: Path) -> None:
    for labels, receiver in asked():
        said = [f"{name}={value}" for name, value in labels.items()]
        test = ["config", "routes", "test", f"--config.file={configured}", f"--verify.receivers={receiver}"]
        amtool(tools, *test, *said)


def test_no_quiet_hour_is_for_a_page_nor_for_what_no_route_knows(configured: Path) -> None:
    told = yaml.safe_load(configured.read_text())
    pages = {each.page for each in owners().owners}
    muted = [
        each for each in walked(told["route"]) if each.get("mute_time_intervals") or each.get("active_time_intervals")
    ]
    assert len(muted) == 2 * len(Boundary)
    for each in muted:
        assert each["receiver"] not in pages
        assert each["matchers"][-1] in ('severity="ticket"', 'severity="note"')
        assert "routes" not in each
    for each in walked(told["route"]):
        if each["receiver"] in pages:
            assert "mute_time_intervals" not in each


def test_nobody_is_told_that_something_is_over_which_prometheus_only_forgot(configured: Path) -> None:
    """Of a pod that went Alertmanager keeps an alert for four minutes, and the next one needs five for a model that is
    down, and hours for a budget: a pager would close what goes on."""
    for each in yaml.safe_load(configured.read_text())["receivers"]:
        assert [told["send_resolved"] for told in each["sns_configs"]] == [False], each["name"]


def test_the_heartbeat_comes_each_four_minutes_and_not_each_five(configured: Path) -> None:
    """Alertmanager looks each `group_interval`, and holds how old the last message is against `repeat_interval`: a
    multiple of it is one look late, since that message went a moment after its look."""
    (beat,) = (
        each for each in walked(yaml.safe_load(configured.read_text())["route"]) if each["receiver"] == "heartbeat"
    )
    looks, again = (
        int(beat[each][:-1]) * {"s": 1, "m": 60}[beat[each][-1]] for each in ("group_interval", "repeat_interval")
    )
    assert again % looks > 5, "as long as SNS takes to take one, and more"
    assert (again // looks + 1) * looks == 240


@pytest.mark.parametrize(("own", "held"), [("10m", "4h"), ("90m", "4h"), ("3599s", "4h"), ("12h", "12h")])
def test_what_a_check_says_once_a_day_is_not_told_each_few_minutes(own: str, held: str) -> None:
    """It goes on until three checks are calm, and nobody can say that they have it: 432 messages of what was mended."""
    of = owners()
    changed = of.model_copy(
        update={"owners": tuple(each.model_copy(update={"again_after": own}) for each in of.owners)}
    )
    never = Quiet(begins="23:59", ends="00:01", days=())
    where = {"topic_arn": TOPIC, "heartbeat_arn": BEAT, "region": "us-east-1", "reports": "s3://b/"}
    pages = [
        each
        for each in walked(routes.configuration(changed, never, **where)["route"])
        if "routes" not in each and 'severity="page"' in each["matchers"]
    ]
    again = {each["matchers"][0].startswith("alertname=~"): each["repeat_interval"] for each in pages}
    assert again == {True: held, False: own}
    assert len(pages) == 2 * len(Boundary) + 1


def test_nothing_that_is_no_page_silences_one(configured: Path) -> None:
    for each in yaml.safe_load(configured.read_text())["inhibit_rules"]:
        paged = 'severity="page"' in each["source_matchers"]
        spares = any(matcher.startswith("severity=") and "page" not in matcher for matcher in each["target_matchers"])
        assert paged or spares, each
        assert "model" in each["equal"]


def test_no_kind_of_drift_silences_another(configured: Path) -> None:
    """A schema that is broken for days would hide each other column's drift."""
    for each in yaml.safe_load(configured.read_text())["inhibit_rules"]:
        kinds = [
            matcher for matcher in each["source_matchers"] if matcher.startswith(("kind=", 'alertname="ModelDrift'))
        ]
        assert not kinds or "kind" in each["equal"], each


def test_whatever_leaves_goes_to_the_stacks_topics_signed_and_with_the_labels_alone(configured: Path) -> None:
    told = yaml.safe_load(configured.read_text())
    for receiver in told["receivers"]:
        assert set(receiver) == {"name", "sns_configs"}
        (each,) = receiver["sns_configs"]
        assert each["topic_arn"] == (BEAT if receiver["name"] == routes.HEARTBEAT else TOPIC)
        assert each["sigv4"] == {"region": "us-east-1"}, "no key of anybody's"
        assert "api_url" not in each
        said = each["subject"] + each["message"]
        assert "{{ .Fingerprint }}" in each["message"], "by which an incident names it"
        assert f"  runbook: {owners().read_at}{{{{ .Labels.runbook }}}}" in each["message"], "which a person can open"
        for foreign in ("Annotations", "GeneratorURL", "ExternalURL", "SortedPairs", "CommonAnnotations"):
            assert foreign not in said
        assert all(f".Labels.{label}" in each["message"] for label in LABELS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"owners": []}, "each of data, model, platform, security, clinical has one owner"),
        ({"owners": [{"boundary": "data"}]}, "owners.0.team: Field required"),
        ({"read_at": "https://wiki.hospital.org/{{ .Labels }}/"}, "read_at: String should match pattern"),
    ],
)
def test_owners_that_nobody_could_be_told_by_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    (tmp_path / OWNERS).write_text(yaml.safe_dump({"read_at": "https://wiki.hospital.org/", "owners": []} | change))
    with pytest.raises(pulumi.RunError, match=f"runbooks/{OWNERS}.*{says}"):
        owners(tmp_path)


def test_quiet_hours_that_are_no_night_are_refused(tmp_path: Path) -> None:
    (tmp_path / QUIET).write_text('begins: "07:00"\nends: "23:00"\ndays: []\n')
    with pytest.raises(pulumi.RunError, match=r"over midnight: ends \(23:00\) before begins \(07:00\)"):
        quiet(tmp_path)
    with pytest.raises(pulumi.RunError, match=f"runbooks/{OWNERS} cannot be read"):
        owners(tmp_path)


# A real one


class Refusing(http.server.BaseHTTPRequestHandler):
    """SNS, whose topic's policy or key lets nobody in."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.engine
def test_a_topic_that_cannot_be_written_to_is_what_the_rule_of_the_heartbeat_asks_for(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    never = Quiet(begins="23:59", ends="00:01", days=())
    api = f"http://127.0.0.1:{server.server_port}"
    where = {"topic_arn": TOPIC, "heartbeat_arn": BEAT, "region": "us-east-1", "reports": "s3://b/", "api": api}
    told = hastened(routes.configuration(owners(), never, **where))
    signs = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"}

    def failed(url: str) -> float:
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:  # noqa: S310 (a loopback address)
            lines = answer.read().decode().splitlines()
        named = [each for each in lines if each.startswith(f'{NOTIFICATIONS_FAILED}{{integration="sns"')]
        assert named, "it is there from the start: what grows from nothing has no increase"
        return sum(float(each.rpartition(" ")[2]) for each in named)

    try:
        with running(tmp_path / "alertmanager", told, **signs) as alertmanager:
            assert failed(alertmanager) == 0
            post(alertmanager, found("ModelDown", "down", Severity.PAGE))
            assert wait_for(lambda: failed(alertmanager) > 0)
    finally:
        server.shutdown()
    assert NOTIFICATIONS_FAILED in next(each.expression for each in ALERTS if each.name == "Watchdog")


class Heard(http.server.BaseHTTPRequestHandler):
    """What a webhook was sent."""

    said: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    said: list[dict[str, Any]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("_Heard", (Heard,), {"said": said}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", said
    server.shutdown()


@pytest.mark.engine
def test_what_explains_another_silences_it_and_one_cause_is_told_once(
    tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    """In the midst of quiet hours, too, for what is a page."""
    url, said = webhook
    days = tuple(f"{each}day" for each in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun"))
    always = Quiet(begins="23:00", ends="11:00", days=days)
    told = hastened(
        routes.configuration(
            owners(), always, topic_arn=TOPIC, heartbeat_arn=BEAT, region="us-east-1", reports=f"s3://{BUCKET}/"
        )
    )
    told["receivers"] = [
        {"name": each["name"], "webhook_configs": [{"url": url + each["name"]}]} for each in told["receivers"]
    ]
    with running(tmp_path / "alertmanager", told) as alertmanager:
        post(
            alertmanager,
            found("ModelDrift", "schema", Severity.PAGE),
            found("ModelDrift", "data", Severity.PAGE),
            found("ModelDrift", "data", Severity.PAGE, "sepsis"),
            found("ModelErrorBudgetBurn", "errors", Severity.PAGE, "sepsis"),
            found("ModelErrorBudgetBurn", "errors", Severity.TICKET, "sepsis"),
            found("ModelDrift", "prediction", Severity.TICKET, "falls"),
            {**found("Watchdog", "heartbeat", Severity.NOTE), "model": ""},
        )

        def groups() -> set[tuple[str, str, str, int]]:
            return {
                (
                    each["receiver"],
                    each["groupLabels"].get("model", ""),
                    each["groupLabels"].get("kind", ""),
                    len(each["alerts"]),
                )
                for each in said
            }

        of = owners().of
        wanted = {
            (of(Boundary.DATA).page, "readmission", "schema", 1),
            (of(Boundary.DATA).page, "readmission", "data", 1),
            (of(Boundary.DATA).page, "sepsis", "data", 1),
            (of(Boundary.MODEL).page, "sepsis", "errors", 1),
            (routes.HEARTBEAT, "", "", 1),
        }
        assert wait_for(lambda: wanted <= groups()), groups()
        time.sleep(2)
        assert groups() == wanted, "no ticket in quiet hours, and none that a page is there for"


@pytest.mark.engine
def test_that_drift_is_over_is_told_to_nobody_and_that_it_is_there_again_is(
    tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    """Alertmanager looks once more at what it told of, and says nothing; what comes before is the same to it, and what
    comes after is told anew (by which a game day waits, `cli/gameday/drifted_data.py`)."""
    url, said = webhook
    told = hastened(
        routes.configuration(
            owners(), quiet(), topic_arn=TOPIC, heartbeat_arn=BEAT, region="us-east-1", reports=f"s3://{BUCKET}/"
        )
    )
    for each in walked(told["route"]):
        each.update({"group_interval": "3s"} if "group_interval" in each else {})
    told["receivers"] = [
        {
            "name": each["name"],
            "webhook_configs": [{"url": url, "send_resolved": each["sns_configs"][0]["send_resolved"]}],
        }
        for each in told["receivers"]
    ]
    drift = found("ModelDrift", "data", Severity.PAGE)

    def open_() -> list[Any]:
        with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts", timeout=5) as answer:  # noqa: S310 (a loopback address)
            there: list[Any] = json.load(answer)
        return there

    with running(tmp_path / "alertmanager", told) as alertmanager:
        post(alertmanager, drift)
        assert wait_for(lambda: len(said) == 1)
        post(alertmanager, drift, lasts=timedelta())
        assert wait_for(lambda: not open_())
        time.sleep(4)
        assert len(said) == 1
        post(alertmanager, drift)
        assert wait_for(lambda: len(said) == 2)
    assert [each["status"] for each in said] == ["firing", "firing"]
