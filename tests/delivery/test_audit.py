"""The audit trail around a pretended application: what is told of a request, and what never is."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parapet_mlflow.audit import facts
from parapet_mlflow.audit.actions import Actions, Kind
from parapet_mlflow.audit.trail import Message, Receive, Scope, Send, Trail

RULES = (
    "/api/2.0/mlflow/registered-models/create",
    "/api/2.0/mlflow/registered-models/alias",
    "/api/2.0/mlflow/runs/create",
    "/api/2.0/mlflow/runs/log-batch",
    "/api/2.0/mlflow/runs/search",
    "/api/2.0/mlflow/runs/get",
    "/api/2.0/mlflow/model-versions/transition-stage",
    "/api/2.0/mlflow/logged-models/<model_id>/tags",
    "/api/3.0/mlflow/users/permissions/grant",
    "/ajax-api/2.0/mlflow/upload-artifact",
    "/get-artifact",
    "/graphql",
)
ACTIONS = Actions.of_rules(RULES)
RUN = "0123456789abcdef0123456789abcdef"
MODEL = f"m-{RUN}"
FILE = f"/api/2.0/mlflow-artifacts/artifacts/7/{RUN}/artifacts/john-doe.pkl"
ALICE = ("alice", "her-password")


def authorization(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


class Kept(list[str]):
    """A sink that keeps what it is given."""

    def write(self, line: str) -> None:
        self.append(line)

    def close(self) -> None:
        self.append("closed")


class Server:
    """Answers everything alike, with a trail around it."""

    def __init__(self, status: int = 200, answer: bytes = b"{}") -> None:
        self.status, self.answer, self.bodies = status, answer, list[int]()
        self.kept = Kept()
        self.trail = Trail(self._answer, ACTIONS, [self.kept])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        scope["parapet.address"] = "10.1.2.3"
        if (b"authorization", authorization(*ALICE).encode()) in scope["headers"]:
            scope["parapet.user"] = ALICE[0]  # as the log-in does
        if self.status == 0:
            raise ConnectionError
        while True:
            message = await receive()
            self.bodies.append(len(message["body"]))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.answer})

    def ask(
        self,
        method: str,
        path: str,
        *chunks: bytes,
        who: tuple[str, str] | None = ALICE,
        query: str = "",
        **headers: str,
    ) -> dict[str, Any] | None:
        """The line that was written, if one was."""
        if who:
            headers["authorization"] = authorization(*who)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        messages = self._messages(chunks or (b"",))
        self.kept.clear()

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None: ...

        asyncio.run(self.trail(scope, receive, send))
        assert len(self.kept) < 2
        return json.loads(self.kept[0]) if self.kept else None

    def _messages(self, chunks: tuple[bytes, ...]) -> Iterator[Message]:
        for number, chunk in enumerate(chunks, 1):
            yield {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_change_is_told_with_who_what_and_how_it_ended() -> None:
    line = Server().ask("POST", "/api/2.0/mlflow/registered-models/create", body(name="Jane Doe"))
    assert line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line.pop("time"))
    assert re.fullmatch(r"[0-9a-f-]{36}", line.pop("request"))
    assert line == {
        "audit": 1,
        "user": "alice",
        "from": "10.1.2.3",
        "method": "POST",
        "action": "registered-models/create",
        "status": 200,
        "name": facts.digest("Jane Doe"),
    }


def test_the_id_of_what_was_created_is_told_from_the_answer() -> None:
    told = json.dumps({"run": {"info": {"run_id": RUN, "experiment_id": "7", "run_name": "Jane"}}}).encode()
    line = Server(answer=told).ask("POST", "/api/2.0/mlflow/runs/create", body(experiment_id="7"))
    assert line
    assert (line["run_id"], line["experiment_id"]) == (RUN, "7")


def test_a_promotion_and_a_grant_tell_of_stage_and_permission() -> None:
    server = Server()
    path = "/api/2.0/mlflow/model-versions/transition-stage"
    line = server.ask("POST", path, body(name="m", version="3", stage="Production"))
    assert line
    assert (line["version"], line["stage"]) == ("3", "Production")
    line = server.ask("POST", "/api/3.0/mlflow/users/permissions/grant", body(username="bob", permission="EDIT"))
    assert line
    assert (line["username"], line["permission"]) == (facts.digest("bob"), "EDIT")


@pytest.mark.parametrize(
    ("method", "path", "action", "kind"),
    [
        ("POST", "/api/2.0/mlflow/runs/log-batch", "runs/log-batch", Kind.CHANGE),
        ("DELETE", "/api/2.0/mlflow/registered-models/alias", "registered-models/alias", Kind.CHANGE),
        ("PATCH", f"/api/2.0/mlflow/logged-models/{MODEL}/tags", "logged-models/{}/tags", Kind.CHANGE),
        ("PUT", FILE, "artifacts/upload", Kind.CHANGE),
        ("DELETE", FILE, "artifacts/delete", Kind.CHANGE),
        ("GET", FILE, "artifacts/download", Kind.DOWNLOAD),
        ("POST", FILE.replace("/artifacts/7", "/mpu/create/7"), "artifacts/multipart-create", Kind.CHANGE),
        ("GET", "/get-artifact", "get-artifact", Kind.DOWNLOAD),
        ("GET", f"/ajax-api/2.0/mlflow/logged-models/{MODEL}/artifacts/files", None, Kind.DOWNLOAD),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts", "artifacts/list", None),
        ("GET", "/api/2.0/mlflow/runs/get", "runs/get", None),
        ("POST", "/api/2.0/mlflow/runs/search", "runs/search", None),
        ("POST", "/graphql", "graphql", None),
        ("POST", "/v1/traces", None, Kind.CHANGE),
        ("DELETE", "/api/3.0/mlflow/invented/Jane-Doe", "{}/{}", Kind.CHANGE),
    ],
)
def test_the_action_comes_from_the_route(method: str, path: str, action: str | None, kind: str | None) -> None:
    told = ACTIONS.of(method, path)
    assert told.kind == kind
    assert action in (None, told.name)


@pytest.mark.parametrize("path", ["/health", "/version", "/static-files/a.js", "/api/3.0/mlflow/server-info"])
def test_what_needs_no_account_is_not_told(path: str) -> None:
    assert ACTIONS.of("GET", path).free
    assert Server(status=403).ask("GET", path) is None


@pytest.mark.parametrize("path", ["/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/search", "/graphql", "/"])
@pytest.mark.parametrize("status", [401, 403, 429])
def test_every_refusal_is_told_and_no_plain_read(path: str, status: int) -> None:
    line = Server(status).ask("GET", path, who=("mallory", "guess"))
    assert line
    assert (line["status"], line["claimed"], "user" in line) == (status, facts.digest("mallory"), False)
    assert Server(200).ask("GET", path) is None


def test_a_forbidden_user_is_named_only_when_the_password_was_right() -> None:
    server = Server(403)
    assert (server.ask("GET", "/api/2.0/mlflow/runs/get") or {})["user"] == "alice"
    assert "user" not in (server.ask("GET", "/api/2.0/mlflow/runs/get", who=("alice", "wrong")) or {})


def test_an_artifact_passes_untouched_and_unread() -> None:
    server = Server()
    chunks = [body(name="Jane", run_id=RUN[::-1])] + [b"x" * 1_000_000] * 3
    line = server.ask("PUT", FILE, *chunks)
    assert server.bodies == [len(chunk) for chunk in chunks]
    assert line
    assert {"experiment_id": "7", "run_id": RUN}.items() <= line.items()
    assert "name" not in line


def test_a_long_batch_tells_of_its_run() -> None:
    long = body(run_id=RUN, metrics=[{"key": "k", "value": 1.0}] * 10_000)
    assert (Server().ask("POST", "/api/2.0/mlflow/runs/log-batch", long[:70_000], long[70_000:]) or {})["run_id"] == RUN


def test_a_server_that_fails_is_told() -> None:
    server = Server(status=0)
    with pytest.raises(ConnectionError):
        server.ask("POST", "/api/2.0/mlflow/runs/create", body())
    assert json.loads(server.kept[0])["status"] == 500


def test_the_meshs_own_request_id_is_taken() -> None:
    id_ = "7f1d0b5e-2d5c-4f3a-9e43-6c5b3b4f9a10"
    assert (Server().ask("POST", "/api/2.0/mlflow/runs/create", x_request_id=id_) or {})["request"] == id_
    assert (Server().ask("POST", "/api/2.0/mlflow/runs/create", x_request_id="Jane Doe") or {})["request"] != "Jane Doe"


def test_the_sinks_end_with_the_application() -> None:
    server = Server()

    async def nothing(*_: object) -> Any: ...

    asyncio.run(server.trail({"type": "lifespan"}, nothing, nothing))
    assert server.kept == ["closed"]


SECRET = st.text(min_size=6, max_size=20, alphabet="äöüÄÖÜ ß§")
"""What stands nowhere else, so that it can be looked for."""


@given(SECRET, st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET"]), st.sampled_from([*RULES, FILE]))
def test_nothing_that_a_person_wrote_is_told(words: str, method: str, path: str) -> None:
    server = Server(status=403)
    fields = dict.fromkeys(("name", "username", "stage", "run_id", "version", "experiment_id", "value"), words)
    fields |= {"params": [{"key": words, "value": words}], "tags": {words: words}, words: words}
    path = path.replace("<model_id>", words) + f"/{words}"
    line = server.ask(method, path, json.dumps(fields).encode(), who=(words, words), query=f"path={words}&name={words}")
    assert line
    text = json.dumps(line, ensure_ascii=False)
    assert words not in text
