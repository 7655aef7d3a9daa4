"""The log-in around a pretended application: who is let in, how often one may try, which passwords are taken."""

import asyncio
import json
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parapet_mlflow.asgi import Message, Receive, Scope, Send
from parapet_mlflow.gate.routes import load
from parapet_mlflow.login import address, basic, limits, passwords
from parapet_mlflow.login.basic import Checks, Passwords
from parapet_mlflow.login.handed import caller
from parapet_mlflow.login.limits import OF_ADDRESS, OF_NAME, OF_SIGN_INS
from parapet_mlflow.login.login import Login
from tests.delivery.pretended import Counts
from tests.examples import examples

pytestmark = pytest.mark.process

GOOD = "correct-horse-battery-staple"


@dataclass
class User:
    username: str


@dataclass
class Server:
    """An application behind a log-in that knows one account, whose check takes a moment."""

    remembers: bool = False
    counts: Counts = field(default_factory=Counts)
    checked: list[str] = field(default_factory=list)
    passed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known: set[tuple[str, str]] = set()
        checks = Checks(self._remembered, self._check, lambda name, password: (name, password.encode()))
        self.login = Login(self._application, load().is_free, Passwords(checks, self.counts))

    def _remembered(self, *who: str) -> User | None:
        return User(who[0]) if who in self.known else None

    def _check(self, name: str, password: str) -> User | None:
        self.checked.append(name)
        time.sleep(0.01)
        if (name, password) != ("alice", GOOD):
            return None
        if self.remembers:
            self.known.add((name, password))
        return User(name)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = caller()
        self.passed.append({**scope, "caller": user and user.username})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def call(
        self, *authorization: str, path: str = "/api/2.0/mlflow/runs/get", method: str = "GET", at: str = "10.0.0.1"
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "client": (at, 1),
            "headers": [(b"authorization", each.encode()) for each in authorization],
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.login(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, json.loads(sent[1]["body"] or b"{}")

    def ask(self, *authorization: str, **options: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        return asyncio.run(self.call(*authorization, **options))


def typed(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


ALICE = typed("alice", GOOD)


def test_whoever_is_known_is_let_in_and_handed_on() -> None:
    server = Server()
    assert server.ask(ALICE)[0] == 200
    (passed,) = server.passed
    assert (passed["caller"], passed["parapet.user"]) == ("alice", "alice")
    assert caller() is None


@pytest.mark.parametrize(
    "authorization",
    [
        (),
        ("",),
        ("Basic",),
        ("Basic ***",),
        ("Bearer x",),
        ("Basic " + b64encode(b"alice").decode(),),
        ("Basic " + b64encode(b"\xff:x").decode(),),
        (typed("al\0ice", GOOD),),
        (typed("alice", "wrong"),),
        (typed("nobody", "wrong"),),
    ],
)
def test_whoever_is_not_known_gets_the_same_words(authorization: tuple[str, ...]) -> None:
    server = Server()
    told = server.ask(*authorization)
    assert told == Server().ask()
    assert (told[0], told[1]["www-authenticate"], told[2]["error_code"]) == (
        401,
        'Basic realm="mlflow"',
        "UNAUTHENTICATED",
    )
    assert not server.passed


def test_two_headers_are_none() -> None:
    server = Server()
    assert server.ask(ALICE, typed("bob", "x"))[0] == 400
    assert not server.passed


@pytest.mark.parametrize("path", ["/health", "/version", "/static-files/a/b.js", "/api/3.0/mlflow/server-info"])
def test_what_is_free_asks_nobody(path: str) -> None:
    server = Server()
    assert server.ask(path=path)[0] == 200
    assert server.passed[0]["caller"] is None
    assert server.ask(path=path, method="POST")[0] == 401


@pytest.mark.parametrize(
    "path", ["/", "/healthy", "/static", "/static-files", "/health/", "/x/mlflow/server-info", "/sign"]
)
def test_what_only_looks_free_is_not(path: str) -> None:
    assert Server().ask(path=path)[0] == 401


def test_what_is_no_http_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    server = Server()
    asyncio.run(server.login({"type": "websocket", "path": "/health", "headers": []}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert not server.passed


def test_a_name_has_ten_tries_and_then_pauses_that_grow() -> None:
    server = Server()
    told = [server.ask(typed("alice", f"guess-{number}"))[0] for number in range(84)]
    assert told == [401] * 10 + [429] * 74
    assert len(server.checked) == 10
    pauses = []
    for _ in range(12):
        status, headers, words = server.ask(ALICE)  # the right one is not even looked at
        assert (status, words["error_code"]) == (429, "REQUEST_LIMIT_EXCEEDED")
        pauses.append(int(headers["retry-after"]))
        server.counts.now += pauses[-1]
        assert server.ask(typed("alice", "one-more"))[0] == 401
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    server.counts.now += 900
    assert [server.ask(ALICE)[0] for _ in range(3)] == [200] * 3


def test_a_stranger_takes_no_tries_from_the_owner_elsewhere_nor_from_others_beside_him() -> None:
    server = Server()
    for number in range(40):
        server.ask(typed("alice", f"guess-{number}"))
    assert server.ask(ALICE, at="10.0.0.2")[0] == 200
    assert server.ask(typed("bob", "wrong"))[0] == 401


def test_an_address_has_fifty_tries_whatever_the_names() -> None:
    server = Server()
    told = [server.ask(typed(f"name-{number}", "one-guess"))[0] for number in range(84)]
    assert told == [401] * 50 + [429] * 34
    assert server.ask(ALICE)[0] == 429
    assert server.ask(ALICE, at="10.0.0.2")[0] == 200


def test_one_wrong_job_stops_no_other_of_its_address_however_long_it_goes_on() -> None:
    server = Server()
    for _ in range(200):
        server.counts.now += OF_NAME.longest
        assert server.ask(typed("a-wrong-job", "an old password"))[0] == 401
    assert server.ask(ALICE)[0] == 200


def test_whoever_was_right_from_an_address_is_not_stopped_by_what_others_try_there() -> None:
    server = Server()
    assert server.ask(ALICE)[0] == 200
    told = [server.ask(typed(f"name-{number}", "one-guess"))[0] for number in range(84)]
    assert told[-1] == 429
    assert server.ask(ALICE)[0] == 200
    # That buys nobody a guess: neither at other names, nor at hers.
    assert server.ask(typed("one-more", "one-guess"))[0] == 429
    told = [server.ask(typed("alice", f"guess-{number}"))[0] for number in range(20)]
    assert told == [401] * 10 + [429] * 10


def test_whoever_was_right_a_moment_ago_goes_on_while_others_guess() -> None:
    server = Server(remembers=True)
    assert server.ask(ALICE)[0] == 200
    for number in range(40):
        server.ask(typed("alice", f"guess-{number}"))
    assert server.ask(ALICE)[0] == 200


def test_a_client_with_many_connections_makes_one_try() -> None:
    server = Server()

    async def all_at_once() -> list[int]:
        return [told[0] for told in await asyncio.gather(*(server.call(ALICE) for _ in range(60)))]

    assert set(asyncio.run(all_at_once())) == {200}
    assert len(server.checked) == 1


def test_many_guesses_at_once_are_as_many_tries() -> None:
    server = Server()

    async def all_at_once() -> list[int]:
        guesses = (server.call(typed("alice", f"guess-{number}")) for number in range(60))
        return [told[0] for told in await asyncio.gather(*guesses)]

    assert sorted(asyncio.run(all_at_once()))[10:] == [429] * 50


@pytest.mark.parametrize("limit", [OF_NAME, OF_ADDRESS, OF_SIGN_INS], ids=["name", "address", "sign-in"])
def test_no_pause_is_for_ever(limit: limits.Limit) -> None:
    assert [limit.pause(tries) for tries in (0, limit.free - 1, limit.free, 10**9)] == [0, 0, 1, limit.longest]
    assert limit.longest <= 900


@settings(max_examples=examples(), deadline=None)
@given(st.text(), st.text(), st.text())
def test_a_count_tells_no_name(name: str, other: str, at: str) -> None:
    of_name, of_address = limits.password(name, at).counts
    assert (limits.password(other, at).counts[0].key == of_name.key) == (name == other)
    assert limits.password(other, at).counts[1] == of_address
    assert limits.sign_in(at).counts[0].key not in (of_name.key, of_address.key)
    assert {len(key) for key in (of_name.key, limits.password(name, at).known)} == {64}


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (("10.1.2.3", 5), "10.1.2.3"),
        (("2001:db8::1:2:3:4", 5), "2001:db8::/64"),
        (("a socket", 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_one_client(client: object, told: str) -> None:
    assert address.of({"client": client, "headers": [(b"x-forwarded-for", b"10.9.9.9")]}) == told


GATEWAY = "spiffe://cluster.local/ns/ingress/sa/ingress"
JOB = "spiffe://cluster.local/ns/training/sa/trainer"


def certificate(identity: str) -> str:
    return f'By=spiffe://cluster.local/ns/mlflow/sa/mlflow;Hash=0a;Subject="";URI={identity}'


@pytest.mark.parametrize(
    ("certificates", "forwarded", "told"),
    [
        (certificate(GATEWAY), "10.1.2.3", "10.1.2.3"),
        (certificate(GATEWAY), "10.9.9.9, 10.1.2.3", "10.1.2.3"),
        (certificate(GATEWAY), "10.1.2.3, made up", "unknown"),
        (certificate(GATEWAY), None, "unknown"),
        (certificate(JOB), "10.9.9.9", JOB),
        (f"{certificate(GATEWAY)},{certificate(JOB)}", "10.9.9.9", JOB),
        (f'Subject="{certificate(GATEWAY)},{certificate(JOB)}', "10.9.9.9", JOB),
        (None, "10.9.9.9", "127.0.0.6"),
    ],
)
def test_in_the_mesh_the_gateway_alone_is_believed_of_addresses(
    certificates: str | None, forwarded: str | None, told: str
) -> None:
    given = {b"x-forwarded-client-cert": certificates, b"x-forwarded-for": forwarded}
    headers = [(name, value.encode()) for name, value in given.items() if value is not None]
    assert address.of({"client": ("127.0.0.6", 1), "headers": headers}, GATEWAY) == told


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "password1234", "aaaaaaaaaaaa", "123456789012", "Password123!", "changeme12345"),
        *("qwertyuiop123", "alice.smith1", "smithsmithsmith", "alicealicealice", "a" * 10_000),
    ],
)
def test_a_password_that_is_soon_guessed_is_not_taken(password: str) -> None:
    told = passwords.weakness("alice.smith", password)
    assert told
    assert "password` needs 12 characters" in told
    assert not password or password not in told


@pytest.mark.parametrize(
    "password", [GOOD, "the-password-of-carol", "x7#Kp2!vQm9z", "vier wörter hinter einander" * 40]
)
def test_a_password_that_is_not_is_taken_in_a_moment(password: str) -> None:
    assert passwords.weakness("alice", password) is None


@pytest.mark.parametrize(("stored", "right"), [("hash of x", True), ("hash of y", False), (None, False)])
def test_a_name_that_nobody_has_costs_one_check_too(stored: str | None, right: bool) -> None:
    checks: list[str] = []

    def check(hashed: str, password: str) -> bool:
        checks.append(hashed)
        return hashed == f"hash of {password}"

    assert passwords.right(stored, "hash of x", "x", check) == right
    assert len(checks) == 1


def test_no_password_is_shown() -> None:
    given = basic.credentials(ALICE.encode())
    assert given
    assert GOOD not in repr(given)
    assert given.header == ALICE.encode()
