"""Who calls, by a token or by a session."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final, TypeVar

from parapet_mlflow.asgi import Answer, Headers, Scope, origin, refusal
from parapet_mlflow.login.basic import Counting
from parapet_mlflow.login.oidc import browser, tokens
from parapet_mlflow.login.oidc.asking import Unreachable
from parapet_mlflow.login.oidc.browser import Accounts, Browser, Paused
from parapet_mlflow.login.oidc.provider import Provider, Silent
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted

AT_ONCE: Final = 8
"""Threads for sessions, as many for tokens, and as many for signing in: waiting for the provider, to which a stranger
can bring this server, holds up nobody who is signed in."""
CHALLENGE: Final = ("www-authenticate", 'Bearer realm="mlflow"')
"""Not `Basic`, for which a browser would ask for a password by itself."""
Told = TypeVar("Told")


class SignedOn:
    """Finds the user of a token or a session; answers on the paths of signing in and out."""

    def __init__(
        self, settings: SignOn, provider: Provider, session_keys: Sequence[str], accounts: Accounts, tries: Counting
    ) -> None:
        self._settings, self._provider, self._accounts = settings, provider, accounts
        self._browser = Browser(settings, provider, session_keys, accounts, tries)
        self._sessions, self._tokens, self._sign_ins = (
            ThreadPoolExecutor(AT_ONCE, thread_name_prefix=name) for name in ("session", "token", "sign-in")
        )

    async def by_token(self, token: str, scope: Scope) -> Any:
        """The user, or why not."""
        return await _in_a_thread(self._tokens, lambda: self._of_token(token, scope), _no_token)

    async def by_session(self, scope: Scope) -> Any:
        """The user, or where to sign in, or why not."""
        return await _in_a_thread(self._sessions, lambda: self._of_session(scope), _no_token)

    async def answer(self, scope: Scope) -> Answer | None:
        """The answer on one of the paths of signing in and out; None on others."""
        if scope["path"] not in browser.PATHS:
            return None
        try:
            return await _in_a_thread(self._sign_ins, lambda: self._browser.answer(scope), _no_sign_in, NO_PROVIDER)
        except Paused as paused:
            words = f"Too many sign-ins from this address failed. Try again in {paused.seconds} s."
            return browser.page(429, words, ("retry-after", str(paused.seconds)))

    def _of_token(self, token: str, scope: Scope) -> Any:
        person = tokens.person(tokens.claims(token, self._settings, self._provider), self._settings)
        return self._accounts.user(person, origin(scope), may_be_new=True)

    def _of_session(self, scope: Scope) -> Any:
        headers: Headers = scope["headers"]
        person = self._browser.person(headers)
        # An account that was deleted comes back by signing in, if the provider lets its owner: not by an old session.
        user = person and self._accounts.user(person, origin(scope), may_be_new=False)
        if user is None:
            return browser.to_sign_in(scope) if browser.navigates(scope) else NO_SESSION
        if not self._browser.comes_from_here(scope["method"], headers):
            return refusal(403, "PERMISSION_DENIED", browser.FOREIGN)
        return user


NO_SESSION: Final = refusal(
    401,
    "UNAUTHENTICATED",
    "You are not signed in. Reload the page; a program gives a token as MLFLOW_TRACKING_TOKEN, a job its account's "
    "name and password.",
    CHALLENGE,
)
_SILENT: Final = (
    "The identity provider gives no answer that can be used. Try again in half a minute. The server's log says why."
)
_LATER: Final = ("retry-after", "30")
UNREACHABLE: Final = refusal(503, "TEMPORARILY_UNAVAILABLE", _SILENT, _LATER)
NO_PROVIDER: Final = browser.page(503, _SILENT, _LATER)


async def _in_a_thread(
    threads: ThreadPoolExecutor,
    ask: Callable[[], Told],
    refuse: Callable[[NotTrusted], Answer],
    unreachable: Answer = UNREACHABLE,
) -> "Told | Answer":
    try:
        return await asyncio.get_running_loop().run_in_executor(threads, ask)
    except NotTrusted as reason:
        return refuse(reason)
    except Silent:
        return unreachable
    except Unreachable as reason:
        print(f"log-in: the identity provider cannot be asked: {reason}", flush=True)
        return unreachable


def _no_token(reason: NotTrusted) -> Answer:
    challenge = (CHALLENGE[0], f'{CHALLENGE[1]}, error="invalid_token"')
    answer = refusal(401, "UNAUTHENTICATED", f"The token is not taken: {reason}. Get a new one.", challenge)
    return replace(answer, reason=f"the token is not taken: {reason}")


def _no_sign_in(reason: NotTrusted) -> Answer:
    return replace(browser.page(403, f"You are not signed in: {reason}."), reason=f"not signed in: {reason}")
