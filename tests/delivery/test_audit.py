"""The audit trail around the gate and a pretended MLflow: what is told of a request, and what never is."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from parapet_mlflow.asgi import Message, Receive, Scope, Send, refusal, values
from parapet_mlflow.audit import facts, sinks
from parapet_mlflow.audit.key import Key
from parapet_mlflow.audit.lines import Lines
from parapet_mlflow.audit.trail import GRAPHQL, Trail
from parapet_mlflow.gate import names
from parapet_mlflow.gate.gate import Gate
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import Route, fields_within, load
from parapet_mlflow.login.basic import credentials
from tests.cluster import wait_for
from tests.delivery import lawful
from tests.examples import examples

RUN = lawful.RUN
API, API3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
FILE = f"/api/2.0/mlflow-artifacts/artifacts/7/{RUN}/artifacts/john-doe.pkl"
KEY = Key("a key of the audit trail, of forty letters")
ALICE = ("alice", "her-password")
DENIED = Refusal(403, "PERMISSION_DENIED", "Permission denied.")


class Kept(list[str]):
    """A sink that keeps what it is given."""

    def write(self, line: str) -> None:
        self.append(line)

    def close(self) -> None:
        self.append("closed")


class Server:
    """A trail around a log-in that knows alice, around the gate, around something that answers everything alike."""

    def __init__(self, status: int = 200, answer: bytes = b"{}", why: Refusal | None = None) -> None:
        self.status, self.answer, self.why, self.kept, self.breaks = status, answer, why, Kept(), False
        gate = Gate(self._answer, load(), self._allowed)

        async def login(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                return
            scope["parapet.address"] = "10.1.2.3"
            if typed := credentials(next(iter(values(scope["headers"], b"authorization")), b"")):
                scope["parapet.claimed"] = typed.name
            if values(scope["headers"], b"authorization") == [authorization(*ALICE)]:
                scope["parapet.user"] = ALICE[0]
                await gate(scope, receive, send)
            else:
                await refusal(401, "UNAUTHENTICATED", "Who are you?").send(send)

        self.trail = Trail(login, load(), Lines(KEY, [self.kept]), ("/sign-in/done",))

    async def _allowed(self, _user: str | None, _asked: Asked) -> Refusal | None:
        return self.why

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if self.status == 0:
            raise ConnectionError
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.answer, "more_body": self.breaks})

    def line(self, sent: lawful.Request, who: tuple[str, str] | None = ALICE, **headers: str) -> dict[str, Any]:
        """The one that was written; nothing where there is none."""
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        given += [(b"authorization", authorization(*who))] if who else []
        given += [(b"content-type", each) for each in sent.types]
        scope = {"type": "http", "method": sent.method, "path": sent.path, "query_string": sent.query, "headers": given}
        waiting: Iterator[Message] = iter([{"type": "http.request", "body": sent.body}])
        self.kept.clear()

        async def receive() -> Message:
            return next(waiting)

        async def send(message: Message) -> None: ...

        asyncio.run(self.trail(scope, receive, send))
        assert len(self.kept) < 2
        return json.loads(self.kept[0]) if self.kept else {}

    def ask(self, method: str, path: str, who: tuple[str, str] | None = ALICE, **fields: Any) -> dict[str, Any]:
        sent = lawful.Request(method, path)
        return self.line(sent.with_fields(fields) if fields else sent, who)


def authorization(name: str, password: str) -> bytes:
    return b"Basic " + b64encode(f"{name}:{password}".encode())


def test_a_change_is_told_with_who_what_and_how_it_ended() -> None:
    line = Server().ask("POST", f"{API}/registered-models/create", name="Jane Doe")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line.pop("time"))
    assert re.fullmatch(r"[0-9a-f-]{36}", line.pop("request"))
    assert line == {
        "audit": 1,
        "user": "alice",
        "from": "10.1.2.3",
        "method": "POST",
        "action": "registered-models/create",
        "status": 200,
        "name": KEY.digest("Jane Doe"),
    }


@pytest.mark.parametrize("route", list(load()), ids=lambda route: route.name)
def test_every_route_leaves_a_line_with_all_that_it_is_about(route: Route) -> None:
    """By each of its paths, whether it reads, searches or changes; allowed, refused, or by nobody."""
    for path in route.paths:
        sent = lawful.request(route, path)
        line = Server().line(sent)
        if route.is_free:
            assert not line
            continue
        assert (line["action"], line["user"], line["status"]) == (route.name, "alice", 200)
        told = json.dumps(line)
        for name, value in identifiers(route.shape, sent.read().fields):
            assert value in told or KEY.digest(value) in told, (name, value)
        forbidden = Server(why=DENIED).line(sent)
        times = ("time", "request", "status", "error", "reason")
        assert {**forbidden, **dict.fromkeys(times)} == {**line, **dict.fromkeys(times)}
        assert (forbidden["status"], forbidden["error"], forbidden["reason"]) == (403, DENIED.code, DENIED.reason)
        unknown = Server().line(sent, who=("alice", "guess"))
        assert (unknown["status"], unknown["claimed"], "user" in unknown) == (401, KEY.digest("alice"), False)
        assert unknown["action"] == (route.name if not route.document else "graphql")


def identifiers(shape: Mapping[str, str], fields: Any) -> Iterator[tuple[str, str]]:
    """Every one in a request, by the gate's own rule of what is one."""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from identifiers({}, one)
            elif isinstance(one, str) and names.pattern_of(name) and one != lawful.KINDS["bytes"]:
                yield name, one


def test_no_identifier_of_a_route_is_unknown_to_the_trail() -> None:
    """A new version's new identifier is told, or somebody has said why not."""
    shapes = [route.shape for route in load()]
    every = {name for shape in shapes for name in shape}
    every |= {name for shape in shapes for kind in shape.values() for name in fields_within(kind)}
    ids = {name for name in every if re.search(r"_(id|ids|uuid)$", name) or names.pattern_of(name)} - {"run_uuid"}
    assert {name for name in ids if not facts.told_as(name)} == facts.NOT_TOLD


LONG = [f"tr-{number:032x}" for number in range(facts.LISTED + 7)]


def test_all_identifiers_of_a_list_are_told_up_to_a_bound() -> None:
    line = Server().ask("POST", f"{API}/traces/link-to-run", run_id=RUN, trace_ids=LONG)
    assert (line["trace_id"], line["trace_id_beyond"]) == (LONG[: facts.LISTED], 7)
    line = Server().ask("POST", f"{API}/traces/link-to-run", run_id=RUN, trace_ids=LONG[:2])
    assert (line["trace_id"], "trace_id_beyond" in line) == (LONG[:2], False)


def test_nothing_evades_the_line() -> None:
    """What is padded is read all the same; what is doubled or encoded twice is refused, and that is told."""
    told = json.dumps({"run_id": RUN, "key": "k", "value": "v"}).encode()
    json_type = (b"application/json",)
    sent = lawful.Request("POST", f"{API}/runs/set-tag", types=json_type, body=b" " * 100_000 + told)
    assert Server().line(sent)["run_id"] == RUN
    for body, reason in [
        (json.dumps(told.decode()).encode(), "JSON encoded twice"),
        (told[:-1] + b"," + told[1:], "run_id is given twice"),
        (b'{"runId": "' + RUN.encode() + b'"}', "is no field of this request"),
    ]:
        line = Server().line(lawful.Request("POST", f"{API}/runs/set-tag", types=json_type, body=body))
        assert (line["action"], line["user"], line["status"]) == ("runs/set-tag", "alice", 400)
        assert line["error"] == "INVALID_PARAMETER_VALUE"
        assert reason in line["reason"]
        assert "runId" not in json.dumps(line)


def test_what_was_refused_before_it_was_read_tells_what_it_named() -> None:
    stranger = ("mallory", "guess")
    assert Server().ask("GET", f"{API}/runs/get", stranger, run_id=RUN)["run_id"] == RUN
    line = Server().ask("DELETE", FILE, stranger)
    assert (line["experiment_id"], line["run_id"], line["action"]) == ("7", RUN, "artifacts/delete")
    assert Server().ask("PATCH", f"{API3}/traces/tr-{RUN}/tags", stranger)["trace_id"] == f"tr-{RUN}"


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/api/3.0/mlflow/scorers/register", "not-offered"),
        ("POST", "/v1/traces", "not-offered"),
        ("DELETE", "/api/3.0/mlflow/invented/Jane-Doe", "unknown"),
        ("GET", "/Jane-Doe", "unknown"),
        ("JANE", "/", "unknown"),
        ("GET", "/sign-in/done", "sign-in/done"),
    ],
)
def test_what_is_no_route_is_told_without_its_path(method: str, path: str, action: str) -> None:
    for who in (ALICE, ("mallory", "guess")):
        line = Server().ask(method, path, who)
        assert line["action"] == action
        assert "jane" not in json.dumps(line).lower() or method == "JANE"
    assert Server().ask("JANE", "/")["method"] == "unknown"


@pytest.mark.parametrize("path", ["/health", "/version", "/static-files/a.js", "/api/3.0/mlflow/server-info"])
def test_what_shows_nobodys_data_is_told_only_if_it_is_denied(path: str) -> None:
    assert not Server().ask("GET", path)
    assert Server(status=429).ask("GET", path)["status"] == 429


def test_a_constant_that_stands_for_what_is_not_offered_is_not_told() -> None:
    assert not Server().ask("GET", "/ajax-api/3.0/mlflow/assistant/config")


def test_the_id_of_what_was_created_is_told_from_the_answer() -> None:
    told = json.dumps({"run": {"info": {"run_id": RUN, "experiment_id": "7", "run_name": "Jane"}}}).encode()
    line = Server(answer=told).ask("POST", f"{API}/runs/create", experiment_id="7")
    assert (line["run_id"], line["experiment_id"]) == (RUN, "7")
    told = json.dumps({"role": {"id": 12, "name": "Jane"}}).encode()
    assert Server(answer=told).ask("POST", f"{API3}/roles/create", name="readers")["role_id"] == "12"


def test_a_promotion_and_a_grant_tell_of_stage_and_permission() -> None:
    server = Server()
    line = server.ask("POST", f"{API}/model-versions/transition-stage", name="m", version="3", stage="Production")
    assert (line["version"], line["stage"]) == ("3", "Production")
    line = server.ask("POST", f"{API3}/users/permissions/grant", username="bob", permission="EDIT", resource_id="7")
    assert (line["username"], line["permission"]) == (KEY.digest("bob"), "EDIT")


def test_what_a_version_is_made_of_is_told() -> None:
    def line(source: str) -> dict[str, Any]:
        return Server().ask("POST", f"{API}/model-versions/create", name="m", source=source)

    assert line(f"runs:/{RUN}/model")["run_id"] == RUN
    assert line(f"models:/m-{RUN}")["model_id"] == f"m-{RUN}"
    assert line("models:/Jane/1")["source_name"] == KEY.digest("Jane")


def test_a_file_is_told_by_what_it_belongs_to_and_the_digest_of_its_place() -> None:
    line = Server().ask("GET", FILE)
    assert (line["action"], line["experiment_id"], line["run_id"]) == ("artifacts/download", "7", RUN)
    assert line["path"] == KEY.digest(f"7/{RUN}/artifacts/john-doe.pkl")


@pytest.mark.parametrize("code", ["RESOURCE_DOES_NOT_EXIST", "Jane Doe", 7, None])
def test_mlflows_own_word_for_a_failure_is_told_and_no_other(code: object) -> None:
    answer = json.dumps({"error_code": code, "message": "Run Jane Doe not found"}).encode()
    line = Server(404, answer).ask("GET", f"{API}/runs/get", run_id=RUN)
    assert line.get("error") == (code if code == "RESOURCE_DOES_NOT_EXIST" else None)
    assert "Jane" not in json.dumps(line)


RUN_OF_PAGE = '{"data":{"mlflowGetRun":{"apiError":%s,"run":{"info":{"runName":"%s"}}}},"errors":%s}'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (RUN_OF_PAGE % ("null", '\\"errors\\":[\\"apiError\\":{', "null"), None),
        (RUN_OF_PAGE % ("null", "a" * 200_000, '["Jane Doe"]'), GRAPHQL),
        (RUN_OF_PAGE % ('{"code":"INTERNAL_ERROR","message":"Jane Doe"}', "", "null"), GRAPHQL),
    ],
    ids=["none", "at the end", "within"],
)
def test_an_error_of_graphql_is_one_though_its_status_is_200(answer: str, error: str | None) -> None:
    (route,) = [route for route in load() if route.document == "GetRun"]
    line = Server(answer=answer.encode()).line(lawful.request(route, route.paths[0]))
    assert (line["status"], line.get("error"), line["run_id"]) == (200, error, RUN)
    assert "Jane" not in json.dumps(line)


def test_what_a_sign_on_changed_is_told_beside_its_request() -> None:
    kept, asked = Kept(), {"request": "the id of the request", "from": "10.1.2.3"}
    lines = Lines(KEY, [kept])
    lines.signed_on_first("a person", asked)
    lines.groups("alice", asked, {12, 7}, set(), None)
    lines.groups("a person", asked, [], [3], administers=True)
    told = [{name: value for name, value in json.loads(line).items() if name != "time"} for line in kept]
    same = {"audit": 1, "action": "sign-on/groups", **asked}
    assert told == [
        {"audit": 1, "action": "sign-on/account", "user": KEY.digest("a person"), **asked},
        {**same, "user": "alice", "given_role_id": ["12", "7"]},
        {**same, "user": KEY.digest("a person"), "taken_role_id": ["3"], "is_admin": "True"},
    ]


def test_a_server_that_fails_is_told_and_an_answer_that_breaks_off() -> None:
    server = Server(status=0)
    with pytest.raises(ConnectionError):
        server.ask("POST", f"{API}/runs/create", experiment_id="7")
    assert json.loads(server.kept[0])["status"] == 500
    server = Server()
    server.breaks = True
    assert server.ask("GET", FILE)["complete"] is False


def test_the_meshs_own_request_id_is_taken_and_no_other_word() -> None:
    def request(told: str) -> str:
        return str(Server().line(lawful.Request("GET", f"{API}/users/list"), x_request_id=told)["request"])

    id_ = "7f1d0b5e-2d5c-4f3a-9e43-6c5b3b4f9a10"
    assert request(id_) == id_
    assert request("Jane-Doe-1950-01-02") != "Jane-Doe-1950-01-02"


class Group:
    """A log group of CloudWatch's that is deleted, and made anew without its streams."""

    class exceptions:  # noqa: N801 (boto3's name)
        class ResourceAlreadyExistsException(ClientError):
            """As boto3 has it."""

    def __init__(self) -> None:
        self.streams: dict[str, list[str]] | None = {}

    def create_log_stream(self, **asked: str) -> None:
        if self.streams is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "CreateLogStream")
        if asked["logStreamName"] in self.streams:
            raise self.exceptions.ResourceAlreadyExistsException({}, "CreateLogStream")
        self.streams[asked["logStreamName"]] = []

    def put_log_events(self, **asked: Any) -> None:
        if asked["logStreamName"] not in (self.streams or {}):
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "PutLogEvents")
        assert self.streams
        self.streams[asked["logStreamName"]] += [each["message"] for each in asked["logEvents"]]


def test_a_log_group_that_was_deleted_and_made_anew_has_the_lines_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sinks, "INTERVAL", 0.01)
    monkeypatch.setattr(sinks, "LONGEST_PAUSE", 0.01)
    group = Group()
    sink = sinks.CloudWatchLogs("audit", "one", group)
    sink.write("before")
    wait_for(lambda: group.streams == {"one": ["before"]})
    group.streams = None
    sink.write("meanwhile")
    wait_for(lambda: "audit: stopped: audit takes no lines" in capsys.readouterr().err)
    group.streams = {}
    wait_for(lambda: group.streams == {"one": ["meanwhile"]})
    sink.close()
    assert "takes lines again; 0 were lost" in capsys.readouterr().err


def test_the_sinks_end_with_the_application() -> None:
    server = Server()

    async def nothing(*_: object) -> Any: ...

    asyncio.run(server.trail({"type": "lifespan"}, nothing, nothing))
    assert server.kept == ["closed"]


def test_a_digest_says_which_key_and_without_the_key_nothing_else() -> None:
    other = Key("another key of the audit trail, as long")
    assert re.fullmatch(r"hmac:[0-9a-f]{8}:[0-9a-f]{32}", KEY.digest("Jane Doe"))
    assert KEY.digest("Jane Doe") == Key(KEY.secret).digest("Jane Doe") != KEY.digest("jane doe")
    assert KEY.digest("Jane Doe").split(":")[1:] != other.digest("Jane Doe").split(":")[1:]
    assert KEY.id != other.id
    assert KEY.secret not in repr(KEY)


SECRET = st.text(min_size=6, max_size=20, alphabet="abcdefgäöüÄÖÜß")
"""What stands nowhere else, so that it can be looked for."""


@settings(max_examples=examples(), deadline=None)
@given(SECRET, st.sampled_from(list(load())), st.sampled_from([200, 400, 403]))
def test_nothing_that_a_person_wrote_is_told(word: str, route: Route, status: int) -> None:
    """In every field of every route, read or not, and in names of fields."""
    secret = f"zq{word}qz"
    with pytest.MonkeyPatch.context() as words:
        words.setattr(lawful, "WORDS", dict.fromkeys(lawful.WORDS, secret))
        words.setattr(lawful, "RUN", secret)
        words.setitem(lawful.KINDS, "string", secret)
        words.setitem(lawful.KINDS, "google.protobuf.Value", {secret: secret})
        sent = lawful.request(route, route.paths[0])
    for each in (sent, sent.with_fields({**sent.fields, secret: secret})):
        for who in (ALICE, (secret, secret)):
            server = Server(status, json.dumps({"error_code": secret, "message": secret}).encode())
            line = server.line(each, who, x_request_id=secret, user_agent=secret)
            assert secret not in json.dumps(line, ensure_ascii=False)
            assert json.dumps(secret)[1:-1] not in json.dumps(line)
