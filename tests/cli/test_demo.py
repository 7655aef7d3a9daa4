"""The parts of `./parapet demo`: what it says where something comes to another end than it should."""

import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from cli.__main__ import app
from cli.demo import rollout, steps, walk
from cli.demo.calls import Caller
from cli.demo.drifting import ANSWERS, RUNBOOK
from cli.demo.outcome import Outcome
from cli.demo.shell import Failed, Shell, wait
from delivery.incidents import runbooks
from local.workspace import ROOT, Workspace
from mlops.data_path import checking
from operations.refused import Refused
from tests.cluster import wait_for

RECORDS = [{"age": 40, "sex": "female"}, {"age": 70, "sex": "male"}]


# Commands


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Of a clone whose one command says what it is given, and exports as `env` does."""
    command = tmp_path / "parapet"
    command.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "env) echo \"export KEY='a b=c'\"; echo 'export PATH=elsewhere' ;;\n"
        'told) printf \'{"key": "%s"}\' "$KEY" ;;\n'
        "*) echo 'what was wrong' >&2; exit 4 ;;\n"
        "esac\n"
    )
    command.chmod(0o700)
    return Shell(Workspace(root=tmp_path, home=tmp_path / "home"), lambda _: None)


def test_commands_have_what_env_exports(shell: Shell) -> None:
    shell.sign_in(MORE="1")
    assert shell.exports == {"KEY": "a b=c", "MORE": "1"}
    assert shell.json("told") == {"key": "a b=c"}


def test_how_runs_of_the_demo_went_is_left_where_the_models_check_looks(shell: Shell) -> None:
    shell.sign_in(PARAPET_ARTIFACTS_BUCKET="artifacts-of-the-stack")
    demo = walk.Demo.begin(shell)
    demo.begin_run("ours", "next", 1, first=False)
    words = cast("list[str]", demo.under_way["next"].args)
    demo.under_way["next"].communicate()
    assert words[words.index("--runs") + 1] == f"s3://artifacts-of-the-stack/{checked()['runs']}"


def checked() -> dict[str, str]:
    """The parts of a bucket that the check of the demo's model reads, by the first folder."""
    return {each.prefix.partition("/")[0]: each.prefix for each in checking(walk.MODEL, "prod").reads}


def test_one_that_ends_otherwise_stops_the_demo_with_what_it_said(shell: Shell) -> None:
    with pytest.raises(Failed, match=r"\./parapet no ended with 4, not 0:\nwhat was wrong"):
        shell.run("no")
    assert shell.run("no", ends=4) == ""


def test_what_never_comes_is_said_after_a_time() -> None:
    with pytest.raises(Failed, match="After 0 seconds it is not there"):
        wait(0.3, lambda: None, lambda: "it is not there")


# Calls


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, str], list[dict[str, Any]]]]:
    """Its URL, a client's exports, and what it was asked; it refuses who is older than 100."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "ca.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "token": self.headers["Authorization"], **body})
            answer = b'{"predictions": []}'
            self.send_response(422 if any(each["age"] > 100 for each in body["records"]) else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    exports = {"PARAPET_INFERENCE_TOKEN": "told", "PARAPET_CA_FILE": str(certificate)}
    yield f"https://127.0.0.1:{listening.server_address[1]}", exports, asked
    listening.shutdown()
    listening.server_close()


def test_a_caller_asks_with_its_token_and_counts(
    server: tuple[str, dict[str, str], list[dict[str, Any]]],
) -> None:
    url, exports, asked = server
    caller = Caller(url, exports, RECORDS)
    assert caller.once() == {"predictions": []}
    assert (asked[0]["path"], asked[0]["token"], len(asked[0]["records"])) == ("/predict", "Bearer told", 1)
    with caller:
        wait_for(lambda: caller.calls > 3)
    assert caller.failed == {}
    assert {each["sex"] for call in asked for each in call["records"]} == {"female", "male"}


def test_nobody_is_asked_about_twice_before_everybody_was(
    server: tuple[str, dict[str, str], list[dict[str, Any]]],
) -> None:
    """Rows that come again and again are fewer than they seem, and look like drift."""
    url, exports, _ = server
    caller = Caller(url, exports, [{"age": age} for age in range(5)])
    asked = [each["age"] for number in (2, 3, 4) for each in caller.some(number)]
    assert asked == [0, 1, 2, 3, 4, 0, 1, 2, 3]


def test_what_was_refused_or_reached_nobody_has_failed(
    server: tuple[str, dict[str, str], list[dict[str, Any]]],
) -> None:
    url, exports, _ = server
    with Caller(url, exports, [{"age": 200}]) as caller:
        wait_for(lambda: caller.calls > 0)
    assert set(caller.failed) == {"422"}
    with Caller("https://127.0.0.1:1", exports, RECORDS) as caller:
        wait_for(lambda: caller.calls > 0)
    assert set(caller.failed) == {"ConnectionRefusedError"}


def test_an_incident_of_the_demo_is_closed_by_what_its_runbook_asks() -> None:
    asked = runbooks.runbook(ROOT / "runbooks", RUNBOOK)
    assert ANSWERS.keys() == asked.closes.keys()


def test_a_demos_next_model_is_neither_the_first_ones_nor_that_of_the_demo_before() -> None:
    """The first one serves when a demo is over: what is the same is no new version, and no canary of it comes."""
    seeds = [steps.of_next(number) for number in range(1, 30)]
    assert steps.SEEDS[0] not in seeds
    assert all(one != other for one, other in pairwise(seeds))


# The Rollout


class Told:
    """A shell that is told one Rollout after another, and the last one from then on."""

    def __init__(self, *moments: tuple[str, str, int], analyses: Sequence[tuple[str, str]] = ()) -> None:
        self._moments = list(moments)
        self._labels = [{rollout.POD_HASH: pods, rollout.STEP: step} for pods, step in analyses] or [{}]

    def found(self, path: str) -> dict[str, Any]:
        if path.endswith("/analysisruns"):
            metric = {"name": "apart", "phase": "Failed", "measurements": [{"value": "[0.3]"}]}
            started = {"creationTimestamp": "2026-01-01T00:00:00Z"}
            status = {"phase": "Failed", "metricResults": [metric]}
            return {"items": [{"metadata": {**started, "labels": each}, "status": status} for each in self._labels]}
        version, phase, weight = self._moments.pop(0) if len(self._moments) > 1 else self._moments[0]
        annotations = {rollout.CONFIGURATION: json.dumps({"model": {"version": version}})}
        return {
            "metadata": {"generation": 2},
            "spec": {
                "template": {"metadata": {"annotations": annotations}},
                "strategy": {"canary": {"steps": [{"setWeight": 10}, {"analysis": {}}, {"setWeight": 50}, {}, {}]}},
            },
            "status": {
                "observedGeneration": "2",
                "currentPodHash": "now",
                "phase": phase,
                "canary": {"weights": {"canary": {"weight": weight}}},
            },
        }


def walked(*moments: tuple[str, str, int]) -> list[int]:
    shell = cast("Shell", Told(*moments))
    return rollout.walk(shell, "m", "2", lambda seen: seen.weight == 100)


def test_the_weights_of_a_version_on_its_way_are_told() -> None:
    ways = [("1", "Healthy", 0), ("2", "Progressing", 10), ("2", "Paused", 10), ("2", "Progressing", 50)]
    assert walked(*ways, ("2", "Paused", 100)) == [10, 50, 100]


def test_the_weights_that_it_was_judged_at_are_told_by_whoever_looks_late() -> None:
    """Those of another version's analyses are not its own."""

    def judged_at(*analyses: tuple[str, str]) -> set[int]:
        return rollout.judged_at(cast("Shell", Told(("2", "Paused", 100), analyses=analyses)), "m")

    assert judged_at(("now", "1"), ("before", "3"), ("now", "1")) == {10}
    assert judged_at(("now", "1"), ("before", "3"), ("now", "3")) == {10, 50}


def test_it_is_looked_for_in_the_cluster_of_this_machine_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the user's shell is at another one, that is not asked; where there is none, what to do is said."""
    monkeypatch.setenv("PARAPET_KUBECONFIG", str(tmp_path / "anothers"))
    with pytest.raises(Failed, match=r"does not run: `\./parapet up` starts it"):
        rollout.look(Shell(Workspace(home=tmp_path), print), "m")


def test_one_that_is_aborted_is_not_waited_for() -> None:
    with pytest.raises(Failed, match=r"Version 2 was aborted: apart is \[0\.3\]"):
        walked(("2", "Progressing", 10), ("2", rollout.ENDED, 0))


# The command


@pytest.fixture
def walks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two steps, of which the second fails where there is a file that says so."""

    def second(demo: walk.Demo) -> Outcome:
        if (tmp_path / "fails").exists():
            raise Failed("It did not come to pass.")
        return Outcome(("It came to pass.",), "there", {"folder": str(demo.folder)})

    first = ("first", "The first", lambda _: Outcome(("It is there.",), "here"))
    monkeypatch.setattr(steps, "STEPS", (first, ("second", "The second", second)))
    monkeypatch.setenv("PARAPET_HOME", str(tmp_path / "home"))
    return tmp_path


def test_each_step_says_what_happened_and_where_to_look(walks: Path) -> None:
    said = CliRunner().invoke(app, ["demo"]).output
    assert "1. The first" in said
    assert "It came to pass." in said
    assert "Look: there" in said


def test_programs_are_told_one_object_and_each_demo_has_a_folder_of_its_own(walks: Path) -> None:
    told = [json.loads(CliRunner().invoke(app, ["demo", "--json"]).stdout) for _ in range(2)]
    assert [each["step"] for each in told[0]["steps"]] == ["first", "second"]
    assert [Path(each["folder"]).name for each in told] == ["1", "2"]
    assert [each.name for each in (walks / "home" / "demo").iterdir()] == ["2"], "only the last one's files are kept"


def test_what_did_not_come_to_pass_ends_it_with_the_step(walks: Path) -> None:
    (walks / "fails").touch()
    told = CliRunner().invoke(app, ["demo"])
    assert isinstance(told.exception, Refused)
    assert "It did not come to pass.\nThe demo stopped at step 2." in str(told.exception)
