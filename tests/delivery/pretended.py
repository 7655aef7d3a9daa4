"""A log-in with sign-on around a pretended application, with a pretended provider, accounts and counts of tries."""

import asyncio
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, RSAKey

from parapet_mlflow.asgi import Answer, Message, Origin, Receive, Scope, Send
from parapet_mlflow.gate.routes import load
from parapet_mlflow.login.basic import Checks, Passwords
from parapet_mlflow.login.handed import caller
from parapet_mlflow.login.limits import Begun, Counted, Try
from parapet_mlflow.login.login import Login
from parapet_mlflow.login.oidc import provider
from parapet_mlflow.login.oidc.asking import Rejected, Unreachable
from parapet_mlflow.login.oidc.caller import SignedOn
from parapet_mlflow.login.oidc.provider import Provider
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import Person

ISSUER, URL = "https://id.example.org", "https://mlflow.example.org"
DECLARED = {
    "issuer": ISSUER,
    "clientId": "mlflow",
    "url": URL,
    "audiences": ["api://mlflow"],
    "roles": {"ward-7": "readers", "lab": "writers"},
    "administrators": "admins",
}
SETTINGS = SignOn.parse(json.dumps(DECLARED))
RSA, EC, STRANGERS = (
    RSAKey.generate_key(2048, {"kid": "rsa"}),
    ECKey.generate_key("P-256", {"kid": "ec"}),
    RSAKey.generate_key(2048, {"kid": "rsa"}),
)
with warnings.catch_warnings(action="ignore"):
    SMALL = RSAKey.generate_key(1024, {"kid": "small"})


@dataclass
class Pretended:
    """A provider's answers, and how often it was asked for keys."""

    keys: list[Key] = field(default_factory=lambda: [RSA, EC])
    metadata: dict[str, Any] = field(default_factory=dict)
    id_token: str = ""
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)
    now: float = 0.0
    silent: bool = False
    rejects: str = ""

    def ask(self, url: str, **form: Any) -> Mapping[str, Any]:
        self.asked.append(url)
        if self.silent:
            raise Unreachable("it is silent")
        if url == ISSUER + provider.WELL_KNOWN:
            endpoints = {"authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token"}
            return {"issuer": ISSUER, **endpoints, "jwks_uri": f"{ISSUER}/keys", **self.metadata}
        if url == f"{ISSUER}/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        self.forms.append(form)
        if self.rejects:
            raise Rejected(self.rejects)
        return {"id_token": self.id_token}


@dataclass
class User:
    username: str


@dataclass
class Accounts:
    known: set[str] = field(default_factory=set)
    seen: list[Person] = field(default_factory=list)
    asked_by: list[Origin] = field(default_factory=list)
    signed_out: dict[str, float] = field(default_factory=dict)

    def user(self, person: Person, asked_by: Origin, *, may_be_new: bool) -> User | None:
        self.seen.append(person)
        self.asked_by.append(asked_by)
        if may_be_new:
            self.known.add(person.subject)
        ended = person.since < self.signed_out.get(person.subject, 0)
        return User(person.name) if person.subject in self.known and not ended else None

    def sign_out(self, person: Person) -> None:
        self.signed_out[person.subject] = time.time()


@dataclass
class Counts:
    """`tries.Tries` in memory, with a clock that stands still."""

    tries: dict[str, int] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    now: float = 0.0

    def begin(self, tried: Try) -> Begun:
        before = dict(self.tries), dict(self.until)
        counted: list[Counted] = []
        for each in tried.counts[:1] if tried.known in self.known else tried.counts:
            if (left := self.until.get(each.key, 0) - self.now) > 0:
                self.tries, self.until = before
                return Begun(wait=int(left))
            counted.append(each)
            self.tries[each.key] = self.tries.get(each.key, 0) + 1
            self.until[each.key] = self.now + each.limit.pause(self.tries[each.key])
            if self.tries[each.key] > each.limit.free:
                break
        return Begun(tuple(counted))

    def succeed(self, tried: Try, begun: Begun) -> None:
        self.tries.pop(tried.counts[0].key), self.until.pop(tried.counts[0].key)
        self.take_back(Begun(begun.counted[1:]))
        self.known.add(tried.known)

    def take_back(self, begun: Begun) -> None:
        for each in begun.counted:
            self.tries[each.key] -= 1
            self.until[each.key] = self.now


class Server:
    """An application behind a log-in with sign-on, and a password for one job."""

    def __init__(self, keys: Sequence[str] = ("the session key",), **changed: Any) -> None:
        settings = SignOn.parse(json.dumps(DECLARED | changed))
        self.pretended, self.accounts, self.passed = Pretended(), Accounts(), list[dict[str, Any]]()
        self.counts, self.scope = Counts(), dict[str, Any]()
        asked = Provider(settings, "the client's secret", self.pretended.ask, lambda: self.pretended.now)
        signed_on = SignedOn(settings, asked, keys, self.accounts, self.counts)
        job = Checks(
            lambda *_: None, lambda *who: User("job") if who == ("job", "right") else None, lambda *_: ("", b"")
        )
        self.login = Login(self._application, load().is_free, Passwords(job, self.counts), signed_on)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.passed.append({**scope, "caller": caller().username})
        await Answer(200, b"{}").send(send)

    def ask(self, path: str = "/api", method: str = "GET", **headers: str) -> tuple[int, list[tuple[str, str]], str]:
        place = urlsplit(path)
        scope = {
            "type": "http",
            "method": method,
            "path": place.path,
            "query_string": place.query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        self.scope = scope
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.login(scope, receive, send))
        told = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        return sent[0]["status"], told, sent[1]["body"].decode()

    def sign_in(
        self, wanted: str = "/", state: str = "", nonce: str = "", **claims: Any
    ) -> tuple[int, dict[str, str], str]:
        """As a browser does; returns the last answer and the cookies by then."""
        status, headers, _ = self.ask(f"/sign-in?next={wanted}")
        assert status == 302
        asked = {name: values[0] for name, values in parse_qs(urlsplit(dict(headers)["location"]).query).items()}
        self.pretended.id_token = token(nonce=nonce or asked["nonce"], **claims)
        back = f"/sign-in/done?code=x&state={state or asked['state']}"
        status, headers, _ = self.ask(back, cookie=kept(headers))
        return status, dict(headers), kept(headers)


def kept(headers: list[tuple[str, str]]) -> str:
    """The Cookie header of a browser that got these."""
    cookies = (value.partition(";")[0] for name, value in headers if name == "set-cookie")
    return "; ".join(cookie for cookie in cookies if not cookie.endswith("="))


class AnyHeader(jws.JWSRegistry):
    """Of a provider that says in it what it likes."""

    max_header_length = 16_384

    def check_header(self, header: Any) -> None:
        pass


def token(key: Key = RSA, alg: str = "RS256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    told = {"iss": ISSUER, "aud": "mlflow", "sub": "4711", "iat": now, "exp": now + 300, "preferred_username": "jdoe"}
    told = {name: value for name, value in (told | claims).items() if value is not None}
    registry = AnyHeader(algorithms=[alg])
    return jwt.encode(header or {"alg": alg, "kid": key.kid}, told, key, registry=registry)


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}
