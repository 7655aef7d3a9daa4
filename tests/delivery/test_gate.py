"""The gate around a pretended application: what comes through, what does not, and in which words."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from parapet_mlflow.asgi import Message, Receive, Scope, Send
from parapet_mlflow.gate import documents, gate, room
from parapet_mlflow.gate.gate import Gate
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import load
from tests.delivery.lawful import RUN

SET_TAG = "/api/2.0/mlflow/runs/set-tag"
FILE = f"/api/2.0/mlflow-artifacts/artifacts/7/{RUN}/artifacts/a b.bin"
TAG = json.dumps({"run_id": RUN, "key": "a", "value": "é"}).encode()
JSON = (b"content-type", b"application/json")


class Behind:
    """Answers all that comes through, and keeps it."""

    def __init__(self, refuses: Refusal | None = None) -> None:
        self.scope: Scope = {}
        self.chunks: list[bytes] = []
        self.asked: Asked | None = None
        self.refuses = refuses
        self.gate = Gate(self._answer, load(), self._allowed)

    async def _allowed(self, user: str | None, asked: Asked) -> Refusal | None:
        self.asked = asked
        return self.refuses

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, more = scope, scope["type"] == "http"
        while more:
            message = await receive()
            self.chunks.append(message["body"])
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"through"})

    def ask(
        self,
        method: str,
        path: str,
        *chunks: bytes,
        query: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (JSON,),
    ) -> tuple[int, Any]:
        """Status and what was told. `incoming` has the scope of the layers around."""
        self.incoming: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": b"/somewhere/else",
            "root_path": "/elsewhere",
            "query_string": query,
            "headers": list(headers),
            "parapet.user": "alice",
        }
        messages = self._messages(chunks or (b"",))
        sent: list[Message] = []

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.gate(self.incoming, receive, send))
        body = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"] if sent else 0, body.decode() if body == b"through" else json.loads(body or b"null")

    def _messages(self, chunks: tuple[bytes, ...]) -> Iterator[Message]:
        for number, chunk in enumerate(chunks, 1):
            self.taken = number
            yield {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        yield {"type": "http.disconnect"}


def test_what_was_read_goes_on_and_nothing_else() -> None:
    behind = Behind()
    odd = b'{ "value" : "\\u00e9", "run_uuid":"' + RUN.encode() + b'" ,"key":"a"}'
    sent = (
        (b"content-type", b"Application/JSON; charset=UTF-8"),
        (b"content-length", str(len(odd)).encode()),
        (b"x-mlflow-workspace", b"theirs"),
        (b"x-http-method-override", b"DELETE"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"content-encoding", b"gzip"),
        (b"cookie", b"session=a"),
        (b"authorization", b"Basic YTpi"),
        (b"user-agent", b"mlflow-python-client/3.17.2"),
    )
    assert behind.ask("POST", SET_TAG, odd[:9], odd[9:], headers=sent) == (200, "through")
    assert json.loads(b"".join(behind.chunks)) == {"value": "é", "run_id": RUN, "key": "a"}
    assert (behind.scope["path"], behind.scope["raw_path"]) == (SET_TAG, SET_TAG.encode())
    assert (behind.scope["query_string"], behind.scope["root_path"]) == (b"", "")
    assert dict(behind.scope["headers"]) == {
        b"authorization": b"Basic YTpi",
        b"user-agent": b"mlflow-python-client/3.17.2",
        b"content-type": b"application/json",
        b"content-length": str(len(behind.chunks[0])).encode(),
    }
    # The layers around read it from the scope that they passed on.
    assert behind.incoming[gate.ASKED] == behind.asked
    assert behind.incoming[gate.ROUTE].name == "runs/set-tag"


def test_a_query_is_written_anew() -> None:
    behind = Behind()
    asked = behind.ask("GET", "/api/2.0/mlflow/runs/get", query=b"run%5Fid=" + RUN.encode(), headers=())
    assert asked == (200, "through")
    assert behind.scope["query_string"] == b"run_id=" + RUN.encode()
    assert behind.chunks == [b""]


def test_a_file_streams_through() -> None:
    behind = Behind()
    chunks = [b"x" * 1_000_000] * 40
    length = (b"content-length", b"40000000")
    assert behind.ask("PUT", FILE, *chunks, headers=(length, (b"content-type", b"text/plain"))) == (200, "through")
    assert behind.chunks == chunks
    assert behind.scope["raw_path"] == FILE.replace(" ", "%20").encode()
    assert behind.scope["headers"] == [length]
    # It is asked for permission before any of it is taken.
    behind = Behind(Refusal(403, "PERMISSION_DENIED", "No."))
    assert behind.ask("PUT", FILE, *chunks)[0] == 403
    assert not hasattr(behind, "taken")


def test_what_is_no_file_has_a_limit() -> None:
    behind = Behind()
    half = b" " * (room.LARGEST // 2 + 1)
    status, told = behind.ask("POST", SET_TAG, half, half, TAG)
    assert (status, str(room.LARGEST) in told["message"]) == (413, True)
    behind = Behind()
    long = (b"content-length", str(room.LARGEST + 1).encode())
    assert behind.ask("POST", SET_TAG, TAG, headers=(JSON, long))[0] == 413
    assert not hasattr(behind, "taken")


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("POST", "/ajax-api/3.0/mlflow/assistant/message", "loopback"),
        ("POST", "/gateway/mine/mlflow/invocations", "passphrase"),
        ("POST", "/api/3.0/mlflow/gateway/secrets/create", "passphrase"),
        ("POST", "/api/2.0/mlflow/webhooks", "addresses"),
        ("GET", "/signup", "second reading"),
        ("GET", "/graphql", "documents"),
        ("POST", "/ajax-api/3.0/jobs/search", "Job execution"),
        ("GET", "/api/2.0/mlflow/webhooks/abc", "addresses"),
        ("GET", "/api/9.0/mlflow/runs/get", "nothing here"),
        ("HEAD", "/api/2.0/mlflow/runs/get", "nothing here"),
        ("OPTIONS", SET_TAG, "nothing here"),
        ("GET", "/api/2.0/mlflow/runs/%67et", "nothing here"),
    ],
)
def test_what_is_not_offered_is_not_there_and_says_why(method: str, path: str, reason: str) -> None:
    behind = Behind()
    status, told = behind.ask(method, path)
    assert (status, told["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert reason in told["message"]
    assert behind.scope == {}


def test_the_page_is_told_that_there_is_no_assistant() -> None:
    behind = Behind()
    status, told = behind.ask("GET", "/ajax-api/3.0/mlflow/assistant/config", query=b"a=b")
    assert (status, told["providers"], behind.scope) == (200, {}, {})


def test_mlflows_client_is_told_to_keep_its_spans() -> None:
    status, told = Behind().ask("POST", "/v1/traces", b"any")
    assert status == 501
    assert "REST OTLP span logging is not supported" in told["message"]


@pytest.mark.parametrize("name", sorted(gate.ONCE))
def test_a_header_that_decides_is_there_once(name: bytes) -> None:
    behind = Behind()
    twice = ((name, JSON[1]), (name, JSON[1]))
    status, told = behind.ask("POST", SET_TAG, TAG, headers=twice)
    assert (status, name.decode() in told["message"], behind.scope) == (400, True, {})


def test_who_goes_while_asking_gets_no_answer() -> None:
    behind = Behind()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": SET_TAG, "query_string": b"", "headers": [JSON]}
    asyncio.run(behind.gate(scope, receive, send))
    assert behind.scope == {}


def test_nothing_speaks_by_websocket() -> None:
    behind, sent = Behind(), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(behind.gate({"type": "websocket", "path": "/"}, send, send))
    assert (sent[0]["type"], behind.scope) == ("websocket.close", {})


def apollo(name: str) -> str:
    """As the page's library writes a document."""
    text = documents.load()[name]
    outermost, first, *others = text.split("{")
    return "{".join([outermost, first, *(f"\n    __typename {other}" for other in others)])


@pytest.mark.parametrize("name", sorted(documents.load()))
def test_the_pages_documents_go_on_as_they_stand_here(name: str) -> None:
    route = load().document(name)
    assert route
    variable = "input" if name == "MlflowGetExperimentQuery" else "data"
    given = {"runId": RUN} if name == "GetRun" else {"experimentId": "7"}
    given = given if name in ("GetRun", "MlflowGetExperimentQuery") else {}
    behind = Behind()
    sent = {"operationName": name, "variables": {variable: given}, "query": apollo(name).replace("\n", " \n\t")}
    assert behind.ask("POST", "/graphql", json.dumps(sent).encode()) == (200, "through")
    gone = json.loads(behind.chunks[0])
    assert documents.words(gone["query"]) == documents.words(documents.load()[name])
    assert gone["query"].count("__typename") == apollo(name).count("__typename")
    assert (gone["operationName"], gone["variables"]) == (name, {variable: given})
    assert behind.asked
    assert behind.asked.route == route


def graphql(**changed: Any) -> dict[str, Any]:
    sent = {"operationName": "GetRun", "variables": {"data": {"runId": RUN}}, "query": documents.load()["GetRun"]}
    return {name: value for name, value in {**sent, **changed}.items() if value is not ...}


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("operationName", graphql(operationName=...)),
        ("operationName", graphql(operationName="Other")),
        ("operationName", graphql(operationName=["GetRun"])),
        ("query", graphql(query='query GetRun { test(inputString: "a") { output } }')),
        ("query", graphql(query=documents.load()["GetRun"] + documents.load()["SearchRuns"])),
        ("query", graphql(query=documents.load()["SearchRuns"])),
        ("query", graphql(query=documents.load()["GetRun"].replace("$data)", f'{{runId: "{RUN[::-1]}"}})'))),
        ("query", graphql(query=documents.load()["GetRun"].replace("runName", "runName runName"))),
        ("query", graphql(query="#" + documents.load()["GetRun"])),
        ("query", graphql(query=None)),
        ("variables", graphql(variables={"data": {"runId": RUN}, "input": {}})),
        ("variables", graphql(variables={"data": RUN})),
        ("variables", graphql(variables=None)),
        ("variables", graphql(variables={"data": {"run_id": RUN}})),
        ("run_uuid", graphql(variables={"data": {"runId": RUN, "runUuid": RUN}})),
        ("run_id", graphql(variables={"data": {"runId": [RUN]}})),
        ("experiment_ids", graphql(variables={"data": {"runId": RUN, "experimentIds": ["8"]}})),
        ("extensions", graphql(extensions={"persistedQuery": {"version": 1}})),
        ("id", graphql(id="x")),
    ],
)
def test_no_other_document_is_taken(field: str, sent: dict[str, Any]) -> None:
    behind = Behind()
    status, told = behind.ask("POST", "/graphql", json.dumps(sent).encode())
    assert (status, behind.scope) == (400, {})
    assert told["message"].startswith(field) or (field == "variables" and "of variables" in told["message"])


def test_a_search_in_no_place_finds_nothing() -> None:
    """As MLflow answers it; the page asks so before it knows of a trace."""
    behind = Behind()
    search = "/ajax-api/3.0/mlflow/traces/search"
    assert behind.ask("POST", search, b'{"locations": [], "max_results": 10}') == (200, {})
    assert behind.scope == {}
    assert behind.ask("POST", search, b'{"max_results": 10}') == (200, "through")
    assert Behind(Refusal(401, "UNAUTHENTICATED", "No.")).ask("POST", search, b'{"locations": []}')[0] == 401


def test_a_file_whose_sender_lost_the_permission_meanwhile_does_not_come_to_its_end() -> None:
    """Asked twice: before its first byte, and before what is behind the gate learns that it is whole."""
    lost = Refusal(403, "PERMISSION_DENIED", "Permission denied.")

    class Losing(Behind):
        def __init__(self, after: int) -> None:
            super().__init__()
            self.left, self.ended = after, False

        async def _allowed(self, user: str | None, asked: Asked) -> Refusal | None:
            self.left -= 1
            return lost if self.left < 0 else None

        async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
            while (message := await receive())["type"] == "http.request":
                self.chunks.append(message["body"])
                if not message.get("more_body"):
                    self.ended = True
                    break
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"through"})

    for after, status, came in ((0, 403, []), (1, 403, [b"a", b"b"]), (2, 200, [b"a", b"b", b"c"])):
        behind = Losing(after)
        told = behind.ask("PUT", FILE, b"a", b"b", b"c", headers=())
        assert (told[0], behind.chunks, behind.ended) == (status, came, status == 200)
        if status == 403:
            assert told[1]["message"] == behind.incoming["parapet.reason"] == "Permission denied."


def test_what_is_behind_fails_for_want_of_a_file_and_the_refusal_is_told() -> None:
    answers = iter((None, Refusal(403, "PERMISSION_DENIED", "Permission denied.")))

    class Failing(Behind):
        async def _allowed(self, user: str | None, asked: Asked) -> Refusal | None:
            return next(answers)

        async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
            if (await receive())["type"] == "http.disconnect":
                raise ConnectionError

    assert Failing().ask("PUT", FILE, b"a", headers=())[0] == 403
