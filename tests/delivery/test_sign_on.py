"""Sign-on with a pretended provider: which tokens are taken, how a browser signs in, what another site can do."""

import asyncio
import hmac
import json
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from parapet_mlflow.login.asgi import Answer, Message, Receive, Scope, Send
from parapet_mlflow.login.basic import Checks, Passwords
from parapet_mlflow.login.handed import caller
from parapet_mlflow.login.login import Login
from parapet_mlflow.login.oidc import browser, provider
from parapet_mlflow.login.oidc.caller import SignedOn
from parapet_mlflow.login.oidc.provider import Provider, Unreachable
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person
from parapet_mlflow.refusal import Refused

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
        return {"id_token": self.id_token}


@dataclass
class User:
    username: str


@dataclass
class Accounts:
    known: set[str] = field(default_factory=set)
    seen: list[Person] = field(default_factory=list)

    def user(self, person: Person, *, may_be_new: bool) -> User | None:
        self.seen.append(person)
        if may_be_new:
            self.known.add(person.subject)
        return User(person.name) if person.subject in self.known else None


class NoTries:
    def begin(self, counted: object) -> int:
        return 0

    def succeed(self, address: object, name: object) -> None: ...


class Server:
    """An application behind a log-in with sign-on, and a password for one job."""

    def __init__(self) -> None:
        self.pretended, self.accounts, self.passed = Pretended(), Accounts(), list[dict[str, Any]]()
        asked = Provider(SETTINGS, "the client's secret", self.pretended.ask, lambda: self.pretended.now)
        signed_on = SignedOn(SETTINGS, asked, "the session key", self.accounts)
        job = Checks(
            lambda *_: None, lambda *who: User("job") if who == ("job", "right") else None, lambda *_: ("", b"")
        )
        self.login = Login(self._application, Passwords(job, NoTries()), signed_on)

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


def token(key: Key = RSA, alg: str = "RS256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    told = {"iss": ISSUER, "aud": "mlflow", "sub": "4711", "iat": now, "exp": now + 300, "preferred_username": "jdoe"}
    told = {name: value for name, value in (told | claims).items() if value is not None}
    return jwt.encode(header or {"alg": alg, "kid": key.kid}, told, key, algorithms=[alg])


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    "good",
    [
        lambda: token(),
        lambda: token(EC, "ES256"),
        lambda: token(aud=["api://mlflow", "another"]),
        lambda: token(preferred_username="JDoe"),
        lambda: token(groups=["ward-7", "choir", 5]),
    ],
    ids=["by an RSA key", "by an elliptic curve", "for several audiences", "of a name with capitals", "with groups"],
)
def test_a_token_of_the_provider_is_taken(good: Callable[[], str]) -> None:
    server = Server()
    assert server.ask(**bearer(good()))[0] == 200
    (passed,) = server.passed
    assert (passed["caller"], passed["parapet.user"], passed["headers"]) == ("jdoe", "jdoe", [])
    (seen,) = server.accounts.seen
    assert seen == Person(ISSUER, "4711", "jdoe", seen.groups)
    assert seen.groups <= {"ward-7"}


def shared_secret(public: bytes) -> str:
    """Signed with what everybody knows, as if it were a secret of two."""
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=").decode()
    signed = f"{head}.{token().split('.')[1]}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def bad() -> dict[str, str]:
    """Made when it is asked for: a token that has also expired would be refused for that."""
    now = int(time.time())
    return {
        "another's signature": token(STRANGERS),
        "another issuer": token(iss="https://id.example.com"),
        "another audience": token(aud="another"),
        "no audience": token(aud=None),
        "expired": token(exp=now - 60),
        "never ends": token(exp=None),
        "ends at no number": token(exp="never"),
        "of the future": token(iat=now + 3600),
        "not yet": token(nbf=now + 3600),
        "no subject": token(sub=None),
        "empty subject": token(sub=""),
        "no name": token(preferred_username=None),
        "a name with a colon": token(preferred_username="a:b:c"),
        "a name of other letters": token(preferred_username="jdoé"),
        "unknown key": token(header={"alg": "RS256", "kid": "unknown"}),
        "which of two keys": token(header={"alg": "RS256"}),
        "the other key": token(header={"alg": "RS256", "kid": "ec"}),
        "another algorithm": token(alg="RS512"),
        "PSS": token(alg="PS256"),
        "a shared secret": shared_secret(RSA.as_pem(private=False)),
        "no signature": "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
        "cut": token()[:-4],
        "no token": "x",
        "empty": "",
        "another's body": ".".join([token().split(".")[0], token(sub="1").split(".")[1], token().split(".")[2]]),
        "too long": "a" * 20_000,
        "no ascii": "\u00e9.\u00e9.\u00e9",
        "a small key": token(SMALL),
        "a list for a header": "WyJhbGciXQ.e30.AA",
        "more groups than it can hold": token(_claim_names={"groups": "src1"}),
        "too many groups": token(hasgroups=True),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", bad())
def test_another_token_is_not(name: str) -> None:
    server = Server()
    server.pretended.keys.append(SMALL)
    status, headers, body = server.ask(**bearer(bad()[name]))
    assert (status, dict(headers)["www-authenticate"]) == (401, 'Bearer realm="mlflow", error="invalid_token"'), body
    assert not server.passed
    assert not [word for word in ("4711", "jdo") if word in body]


def test_a_job_has_its_password_still_and_no_browser_is_asked_for_one() -> None:
    server = Server()
    assert server.ask(authorization="Basic am9iOnJpZ2h0")[0] == 200
    assert (server.passed[0]["caller"], server.passed[0]["headers"]) == ("job", [])
    status, headers, _ = server.ask(authorization="Basic am9iOndyb25n")
    assert (status, dict(headers)["www-authenticate"]) == (401, 'Bearer realm="mlflow"')


def test_one_key_needs_no_id() -> None:
    server = Server()
    server.pretended.keys = [EC]
    assert server.ask(**bearer(token(EC, "ES256", {"alg": "ES256"})))[0] == 200


def test_a_new_key_is_learned_and_invented_ones_make_no_questions() -> None:
    server = Server()
    server.pretended.keys = [EC]
    assert server.ask(**bearer(token()))[0] == 401
    server.pretended.keys.append(RSA)
    for number in range(20):
        server.ask(**bearer(token(header={"alg": "RS256", "kid": f"invented-{number}"})))
    assert server.pretended.asked.count(f"{ISSUER}/keys") == 1
    server.pretended.now += provider.PAUSE
    assert server.ask(**bearer(token()))[0] == 200
    server.pretended.keys = [EC]
    server.pretended.now += provider.KEPT  # the provider withdrew it
    assert server.ask(**bearer(token()))[0] == 401


def test_a_group_that_is_alone_may_be_a_text() -> None:
    server = Server()
    assert server.ask(**bearer(token(groups="ward-7")))[0] == 200
    assert server.accounts.seen[0].groups == {"ward-7"}


def test_a_provider_that_falls_silent_is_not_asked_all_the_time_once_its_keys_are_old() -> None:
    server = Server()
    assert server.ask(**bearer(token()))[0] == 200
    server.pretended.silent = True
    server.pretended.now += provider.KEPT
    before = len(server.pretended.asked)
    assert [server.ask(**bearer(token()))[0] for _ in range(20)] == [503] * 20
    assert len(server.pretended.asked) == before + 1


def test_a_provider_that_is_silent_lets_nobody_in_and_is_not_asked_all_the_time() -> None:
    server = Server()
    server.pretended.silent = True
    assert [server.ask(**bearer(token()))[0] for _ in range(20)] == [503] * 20
    assert len(server.pretended.asked) == 1
    server.pretended.silent = False
    server.pretended.now += provider.PAUSE
    assert server.ask(**bearer(token()))[0] == 200


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://id.example.com"}, {"jwks_uri": "http://id.example.org/keys"}, {"token_endpoint": None}],
)
def test_a_provider_that_says_something_else_is_not_believed(metadata: dict[str, Any]) -> None:
    server = Server()
    server.pretended.metadata = metadata
    assert server.ask(**bearer(token()))[0] == 503


def test_a_browser_signs_in_and_comes_back_to_what_it_wanted() -> None:
    server = Server()
    status, headers, _ = server.ask("/index?a=b", accept="text/html")
    assert (status, dict(headers)["location"]) == (302, "/sign-in?next=%2Findex%3Fa%3Db")
    status, told, cookie = server.sign_in("%2Findex%3Fa%3Db", groups=["admins"])
    assert (status, told["location"]) == (302, "/index?a=b")
    ((form,),) = [tuple(server.pretended.forms)]
    assert form["auth"] == ("mlflow", "the%20client%27s%20secret")
    assert form["data"].keys() == {"grant_type", "code", "code_verifier", "redirect_uri"}
    assert form["data"]["redirect_uri"] == f"{URL}/sign-in/done"
    assert server.ask(cookie=f"a=b; {cookie}")[0] == 200
    assert server.passed[0]["caller"] == "jdoe"
    assert server.passed[0]["headers"] == [(b"cookie", b"a=b")]
    assert server.accounts.seen[-1].groups == {"admins"}


def test_the_cookies_are_for_this_host_and_its_pages_alone() -> None:
    server = Server()
    _, headers, _ = server.ask("/sign-in")
    (cookie,) = [value for name, value in headers if name == "set-cookie"]
    assert cookie.startswith("__Host-")
    assert cookie.partition("; ")[2] == "Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax"
    asked = parse_qs(urlsplit(dict(headers)["location"]).query)
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert not [value for value in asked["state"] + asked["nonce"] if value in cookie]


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "another"},
        {"nonce": "another"},
        {"aud": "api://mlflow"},
        {"aud": ["mlflow", "another"]},
        {"azp": "another"},
        {"exp": 1},
    ],
)
def test_a_sign_in_that_is_not_this_browsers_or_servers_is_none(changed: dict[str, Any]) -> None:
    server = Server()
    status, _, cookie = server.sign_in(**changed)
    assert (status, cookie) == (403, "")


@pytest.mark.parametrize("back", ["", "?state=x&code=y", "?error=access_denied&state=x"])
def test_an_answer_that_nobody_waits_for_is_none(back: str) -> None:
    status, headers, body = Server().ask(f"/sign-in/done{back}")
    assert (status, kept(headers)) == (403, "")
    assert "begun by this browser" in body


def test_a_provider_that_says_who_it_is_must_say_so() -> None:
    server = Server()
    server.pretended.metadata = {"authorization_response_iss_parameter_supported": True}
    assert server.sign_in()[0] == 403


def test_a_cookie_of_one_kind_is_none_of_another_and_none_is_made_elsewhere() -> None:
    server = Server()
    _, headers, _ = server.ask("/sign-in")
    value = kept(headers).partition("=")[2]
    assert server.ask(cookie=f"__Host-parapet-session={value}")[0] == 401
    _, _, cookie = server.sign_in()
    assert server.ask(cookie=cookie)[0] == 200
    for wrong in (cookie[:-3], f"{cookie}; {cookie}", cookie.replace("session", "signing-in")):
        assert server.ask(cookie=wrong)[0] == 401


def test_a_session_of_an_account_that_was_deleted_is_over_and_makes_no_new_one() -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    server.accounts.known.clear()
    assert server.ask(cookie=cookie)[0] == 401
    assert not server.accounts.known


def test_a_session_ends_within_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    later = time.time() + browser.HOUR
    monkeypatch.setattr(time, "time", lambda: later)
    assert server.ask(cookie=cookie)[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"origin": URL}, 200),
        ({}, 403),
        ({"sec_fetch_site": "cross-site", "origin": URL}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "none"}, 403),
        ({"origin": "https://models.example.org"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_another_sites_page_changes_nothing_with_a_persons_session(headers: dict[str, str], status: int) -> None:
    server = Server()
    _, _, cookie = server.sign_in()
    for method in ("POST", "PUT", "PATCH", "DELETE", "ODD"):
        assert server.ask("/api", method, cookie=cookie, **headers)[0] == status, method
    # What brings its own credentials needs no page.
    assert server.ask("/api", "POST", **bearer(token()))[0] == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/a%0d%0ab", "evil", "", "/%C3%A9", "/\t/evil"],
)
def test_nobody_is_sent_elsewhere(wanted: str) -> None:
    _, told, _ = Server().sign_in(wanted)
    assert told["location"] == "/"


def test_signing_out_takes_the_session_away() -> None:
    status, headers, _ = Server().ask("/sign-out")
    assert status == 200
    assert "__Host-parapet-session=; Max-Age=0" in dict(headers)["set-cookie"]


def test_a_program_without_a_session_is_sent_nowhere() -> None:
    for headers in ({}, {"accept": "application/json"}, {"accept": "text/html", "sec_fetch_mode": "cors"}):
        status, told, _ = Server().ask(**headers)
        assert (status, dict(told)["www-authenticate"]) == (401, 'Bearer realm="mlflow"')


def test_an_email_is_a_name_only_where_it_was_verified() -> None:
    settings = SignOn.parse(json.dumps(DECLARED | {"nameClaim": "email"}))
    from parapet_mlflow.login.oidc import tokens

    told = {"sub": "1", "email": "jdoe@example.org"}
    with pytest.raises(NotTrusted, match="not verified"):
        tokens.person(told, settings)
    assert tokens.person(told | {"email_verified": True}, settings).name == "jdoe@example.org"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issuer": "http://id.example.org"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"url": "mlflow.example.org"}, "url"),
        ({"clientId": None}, "clientId"),
        ({"roles": {"ward-7": "__user_1__"}}, "ward-7"),
        ({"roles": {"ward-7": 5}}, "ward-7"),
        ({"roles": []}, "roles"),
        ({"audiences": "x"}, "audiences"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_provider_that_is_declared_wrongly_is_told(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        SignOn.parse(json.dumps(DECLARED | changed))


@pytest.mark.parametrize("text", ["", "x", "[]", "null"])
def test_what_is_no_declaration_is_told(text: str) -> None:
    with pytest.raises(Refused, match="no JSON object"):
        SignOn.parse(text)


def test_nobody_administers_by_default() -> None:
    needed = {name: DECLARED[name] for name in ("issuer", "clientId", "url")}
    settings = SignOn.parse(json.dumps(needed))
    assert (settings.administrators, settings.groups) == ("", frozenset())
    assert SignOn.parse(json.dumps(needed | {"issuer": "http://127.0.0.1:5000"})).issuer
