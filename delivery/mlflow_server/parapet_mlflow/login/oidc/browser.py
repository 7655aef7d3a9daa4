"""Signing on with a browser: the authorization code flow with PKCE (RFC 6749, 7636; OpenID Connect Core 1.0, 3.1)."""

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from html import escape
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from parapet_mlflow.asgi import ADDRESS, USER, Answer, Headers, Origin, Scope, origin, values
from parapet_mlflow.login import limits
from parapet_mlflow.login.basic import Counting
from parapet_mlflow.login.oidc import tokens
from parapet_mlflow.login.oidc.asking import Unreachable
from parapet_mlflow.login.oidc.cookies import SESSION, SIGNING_IN, Cookies
from parapet_mlflow.login.oidc.provider import Provider, Stale
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person

SIGN_IN, DONE, SIGN_OUT = "/sign-in", "/sign-in/done", "/sign-out"
PATHS: Final = (SIGN_IN, DONE, SIGN_OUT)
HOUR: Final = 3600
"""Seconds of a session. Then the browser is sent to the provider, which may not even ask; whoever has left is out."""
MINUTES: Final = 600
"""Seconds in which a sign-in must be done."""
SAFE: Final = ("GET", "HEAD", "OPTIONS")

FOREIGN: Final = "This request comes from another site's page. Open this one's, and do it there."
SIGNED_OUT: Final = "You are signed out here, in all browsers within a minute."
# What is behind the # of an address, where MLflow's own pages are, no server is told: the browser itself puts it where
# it is kept through the sign-in.
GOES_ON: Final = (
    f"location.replace('{SIGN_IN}?next='+encodeURIComponent(location.pathname+location.search+location.hash))"
)


class Accounts(Protocol):
    """`people.People`."""

    def user(self, person: Person, asked_by: Origin, *, may_be_new: bool) -> Any: ...
    def sign_out(self, person: Person) -> None: ...


class Paused(Exception):
    """Too many sign-ins from this address failed; the next may come in so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class Browser:
    """What is done for a browser, in a thread."""

    def __init__(
        self, settings: SignOn, provider: Provider, session_keys: Sequence[str], accounts: Accounts, tries: Counting
    ) -> None:
        self._settings, self._provider, self._accounts, self._tries = settings, provider, accounts, tries
        self._session = Cookies(SESSION, session_keys, HOUR)
        self._signing_in = Cookies(SIGNING_IN, session_keys, MINUTES)

    def person(self, headers: Headers) -> Person | None:
        """Whose session it is."""
        told = self._session.read(headers)
        if told is None or told.get("issuer") != self._settings.issuer:
            return None
        groups = self._settings.groups & set(told["groups"])
        return Person(told["issuer"], told["subject"], told["name"], groups, told["at"], told["since"])

    def comes_from_here(self, method: str, headers: Headers) -> bool:
        """Whether what would change something was sent by a page of this server (Fetch Metadata; RFC 6454 for browsers
        that do not say). A cookie goes along with whatever page sends it."""
        if method in SAFE:
            return True
        if site := values(headers, b"sec-fetch-site"):
            return site == [b"same-origin"]
        return values(headers, b"origin") == [self._settings.url.encode()]

    def answer(self, scope: Scope) -> Answer:
        """Of one of the three paths. Raises Unreachable, NotTrusted and Paused."""
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["path"] == SIGN_OUT and scope["method"] == "POST":
            return self._end(scope)
        if scope["method"] != "GET":
            return page(405, "Open this page with a browser.", ("allow", "GET"))
        if scope["path"] == SIGN_OUT:
            return page(200, "Sign out of MLflow, in all browsers?", action=f'<form method="post">{BUTTON}</form>')
        if scope["path"] == DONE:
            return self._finish(asked, scope)
        return self._start(asked.get("next", "/"))

    def _end(self, scope: Scope) -> Answer:
        """Ends the person's sessions, and has the provider end its own, where it offers that (OpenID Connect
        RP-Initiated Logout 1.0)."""
        if not self.comes_from_here(scope["method"], scope["headers"]):
            return page(403, FOREIGN)
        if person := self.person(scope["headers"]):
            if user := self._accounts.user(person, origin(scope), may_be_new=False):
                scope[USER] = user.username
            self._accounts.sign_out(person)
        try:
            endpoint = self._provider.endpoint("end_session")
        except Unreachable:
            endpoint = ""
        if not endpoint:
            words = f"{SIGNED_OUT} Your session at the identity provider goes on."
            return page(200, words, self._session.clearing())
        # Without where to come back to, which the provider would have to know first: it says itself that it is done.
        where = with_query(endpoint, {"client_id": self._settings.client_id})
        return Answer(303, headers=(("location", where), self._session.clearing()))

    def _start(self, wanted: str) -> Answer:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.url + DONE,
            "scope": " ".join(("openid", *self._settings.scopes)),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._provider.endpoint("authorization")
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "next": local(wanted)}
        return redirect(with_query(endpoint, asked), self._signing_in.setting(kept))

    def _finish(self, told: Mapping[str, str], scope: Scope) -> Answer:
        began = self._signing_in.read(scope["headers"])
        if began is None or not compare_digest(told.get("state", "").encode(), began["state"].encode()):
            raise NotTrusted("it was not begun by this browser within the last ten minutes")
        if (issuer := told.get("iss")) != self._settings.issuer and (issuer or self._provider.says_who_answers()):
            raise NotTrusted("another provider answered")  # RFC 9207
        if not (code := told.get("code")):
            raise NotTrusted("the identity provider refused it")
        # From here on the provider is asked something for whoever calls.
        if (begun := self._tries.begin(limits.sign_in(scope[ADDRESS]))).wait:
            raise Paused(begun.wait)
        try:
            token = self._provider.token(code, began["verifier"], self._settings.url + DONE)
        except Stale:
            raise NotTrusted("the identity provider takes its code for used. Sign in again") from None
        claims = tokens.claims(token, self._settings, self._provider, began["nonce"])
        person = tokens.person(claims, self._settings)
        scope[USER] = self._accounts.user(person, origin(scope), may_be_new=True).username
        self._tries.take_back(begun)
        kept: dict[str, Any] = {
            "issuer": person.issuer,
            "subject": person.subject,
            "name": person.name,
            "groups": sorted(person.groups),
            "at": person.at,
            "since": time.time(),
        }
        return redirect(began["next"], self._session.setting(kept), self._signing_in.clearing())


def to_sign_in(scope: Scope) -> Answer:
    """Sends a browser that has no session to get one, and back to what it wanted."""
    if scope["path"] == "/":
        script = f"<script>{GOES_ON}</script>"
        return page(200, "You are sent to the identity provider.", action=script, script=GOES_ON)
    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"]) + (f"?{query}" if query else "")
    return redirect(f"{SIGN_IN}?{urlencode({'next': wanted})}")


def navigates(scope: Scope) -> bool:
    """Whether a person opens a page, and no page or program asks for data."""
    headers = scope["headers"]
    if mode := values(headers, b"sec-fetch-mode"):
        return scope["method"] == "GET" and mode == [b"navigate"]
    return scope["method"] == "GET" and any(b"text/html" in each for each in values(headers, b"accept"))


def local(wanted: str) -> str:
    """A path of this server, whatever was asked for: `//host` and `/\\host` are addresses to a browser."""
    plain = wanted.isascii() and wanted.isprintable() and " " not in wanted and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"


def redirect(where: str, *headers: tuple[str, str]) -> Answer:
    return Answer(302, headers=(("location", where), *headers))


def with_query(address: str, more: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(more)}"


BUTTON: Final = "<button>Sign out</button>"


def page(status: int, words: str, *headers: tuple[str, str], action: str = "", script: str = "") -> Answer:
    """A page of constant words, with a link to sign in and what else can be done there. No script runs but this."""
    allowed = base64.b64encode(sha256(script.encode()).digest()).decode()
    scripts = f"script-src 'sha256-{allowed}'; " if script else ""
    safe = (
        ("content-security-policy", f"default-src 'none'; {scripts}frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
    )
    head = '<!doctype html><meta charset="utf-8"><title>MLflow</title>'
    body = f'{head}<p>{escape(words)}</p>{action}<p><a href="{SIGN_IN}">Sign in</a></p>'
    return Answer(status, body.encode(), (*safe, *headers), "text/html; charset=utf-8")
