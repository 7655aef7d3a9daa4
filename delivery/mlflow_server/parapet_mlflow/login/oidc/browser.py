"""Signing on with a browser: the authorization code flow with PKCE (RFC 6749, 7636; OpenID Connect Core 1.0, 3.1)."""

import base64
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from parapet_mlflow.login.asgi import SIGNED_IN, USER, Answer, Headers, Scope, values
from parapet_mlflow.login.oidc import tokens
from parapet_mlflow.login.oidc.cookies import SESSION, SIGNING_IN, Cookies
from parapet_mlflow.login.oidc.provider import Provider
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


class Browser:
    """What is done for a browser, in a thread. `account` finds or makes the account of a person."""

    def __init__(
        self, settings: SignOn, provider: Provider, session_key: str, account: Callable[[Person], Any]
    ) -> None:
        self._settings, self._provider, self._account = settings, provider, account
        self._session = Cookies(SESSION, session_key, HOUR)
        self._signing_in = Cookies(SIGNING_IN, session_key, MINUTES)

    def person(self, headers: Headers) -> Person | None:
        """Whose session it is."""
        told = self._session.read(headers)
        if told is None or told.get("issuer") != self._settings.issuer:
            return None
        groups = self._settings.groups & set(told["groups"])
        return Person(told["issuer"], told["subject"], told["name"], groups)

    def comes_from_here(self, method: str, headers: Headers) -> bool:
        """Whether what would change something was sent by a page of this server (Fetch Metadata; RFC 6454 for browsers
        that do not say). A cookie goes along with whatever page sends it."""
        if method in SAFE:
            return True
        if site := values(headers, b"sec-fetch-site"):
            return site == [b"same-origin"]
        return values(headers, b"origin") == [self._settings.url.encode()]

    def answer(self, scope: Scope) -> Answer:
        """Of one of the three paths. Raises Unreachable, and NotTrusted."""
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["method"] != "GET":
            return page(405, "Open this page with a browser.", ("allow", "GET"))
        if scope["path"] == SIGN_OUT:
            return page(
                200, "You are signed out here. Your session at the identity provider goes on.", self._session.clearing()
            )
        if scope["path"] == DONE:
            return self._finish(asked, scope)
        return self._start(asked.get("next", "/"))

    def _start(self, wanted: str) -> Answer:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.url + DONE,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._provider.endpoint("authorization")
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "next": local(wanted)}
        where = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return redirect(where, self._signing_in.setting(kept))

    def _finish(self, told: Mapping[str, str], scope: Scope) -> Answer:
        began = self._signing_in.read(scope["headers"])
        if began is None or not compare_digest(told.get("state", "").encode(), began["state"].encode()):
            raise NotTrusted("it was not begun by this browser within the last ten minutes")
        if (issuer := told.get("iss")) != self._settings.issuer and (issuer or self._provider.says_who_answers()):
            raise NotTrusted("another provider answered")  # RFC 9207
        if not (code := told.get("code")):
            raise NotTrusted("the identity provider refused it")
        token = self._provider.token(code, began["verifier"], self._settings.url + DONE)
        claims = tokens.claims(token, self._settings, self._provider, began["nonce"])
        person = tokens.person(claims, self._settings)
        scope[USER], scope[SIGNED_IN] = self._account(person).username, True
        kept: dict[str, Any] = {
            "issuer": person.issuer,
            "subject": person.subject,
            "name": person.name,
            "groups": sorted(person.groups),
        }
        return redirect(began["next"], self._session.setting(kept), self._signing_in.clearing())


def to_sign_in(scope: Scope) -> Answer:
    """Sends a browser that has no session to get one, and back to what it wanted."""
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


def page(status: int, words: str, *headers: tuple[str, str]) -> Answer:
    """A page of constant words."""
    safe = (
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
    )
    head = '<!doctype html><meta charset="utf-8"><title>MLflow</title>'
    body = f'{head}<p>{escape(words)}</p><p><a href="{SIGN_IN}">Sign in</a></p>'
    return Answer(status, body.encode(), (*safe, *headers), "text/html; charset=utf-8")
