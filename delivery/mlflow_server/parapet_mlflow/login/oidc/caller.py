"""Who calls, by a token or by a session."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from parapet_mlflow.login.asgi import Answer, Headers, Scope, refusal
from parapet_mlflow.login.oidc import browser, tokens
from parapet_mlflow.login.oidc.browser import Browser
from parapet_mlflow.login.oidc.provider import Provider, Unreachable
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.oidc.tokens import NotTrusted, Person

AT_ONCE: Final = 8
CHALLENGE: Final = ("www-authenticate", 'Bearer realm="mlflow"')
"""Not `Basic`, for which a browser would ask for a password by itself."""
Told = TypeVar("Told")


class Accounts(Protocol):
    """`people.People`."""

    def user(self, person: Person, *, may_be_new: bool) -> Any: ...


class SignedOn:
    """Finds the user of a token or a session; answers on the paths of signing in and out."""

    def __init__(self, settings: SignOn, provider: Provider, session_key: str, accounts: Accounts) -> None:
        self._settings, self._provider, self._accounts = settings, provider, accounts
        self._browser = Browser(settings, provider, session_key, lambda who: accounts.user(who, may_be_new=True))
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sign-on")

    async def by_token(self, token: str) -> Any:
        """The user, or why not."""
        return await self._in_a_thread(lambda: self._of_token(token), _no_token)

    async def by_session(self, scope: Scope) -> Any:
        """The user, or where to sign in, or why not."""
        return await self._in_a_thread(lambda: self._of_session(scope), _no_token)

    async def answer(self, scope: Scope) -> Answer | None:
        """The answer on one of the paths of signing in and out; None on others."""
        if scope["path"] not in browser.PATHS:
            return None
        return await self._in_a_thread(lambda: self._browser.answer(scope), _no_sign_in)

    def _of_token(self, token: str) -> Any:
        person = tokens.person(tokens.claims(token, self._settings, self._provider), self._settings)
        return self._accounts.user(person, may_be_new=True)

    def _of_session(self, scope: Scope) -> Any:
        headers: Headers = scope["headers"]
        person = self._browser.person(headers)
        # An account that was deleted comes back by signing in, if the provider lets its owner: not by an old session.
        user = person and self._accounts.user(person, may_be_new=False)
        if user is None:
            return browser.to_sign_in(scope) if browser.navigates(scope) else NO_SESSION
        if not self._browser.comes_from_here(scope["method"], headers):
            return refusal(403, "PERMISSION_DENIED", browser.FOREIGN)
        return user

    async def _in_a_thread(self, ask: Callable[[], Told], refuse: Callable[[NotTrusted], Answer]) -> "Told | Answer":
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except NotTrusted as reason:
            return refuse(reason)
        except Unreachable as reason:
            print(f"log-in: the identity provider cannot be asked: {reason}", flush=True)
            return UNREACHABLE


NO_SESSION: Final = refusal(
    401,
    "UNAUTHENTICATED",
    "You are not signed in. Reload the page; a program gives a token as MLFLOW_TRACKING_TOKEN, a job its account's "
    "name and password.",
    CHALLENGE,
)
UNREACHABLE: Final = refusal(
    503, "TEMPORARILY_UNAVAILABLE", "The identity provider does not answer. Try again.", ("retry-after", "30")
)


def _no_token(reason: NotTrusted) -> Answer:
    challenge = (CHALLENGE[0], f'{CHALLENGE[1]}, error="invalid_token"')
    return refusal(401, "UNAUTHENTICATED", f"The token is not taken: {reason}. Get a new one.", challenge)


def _no_sign_in(reason: NotTrusted) -> Answer:
    return browser.page(403, f"You are not signed in: {reason}.")
