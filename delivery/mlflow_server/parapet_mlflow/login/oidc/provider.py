"""The provider's own word: where its endpoints are, and the keys that it signs with (OpenID Connect Discovery 1.0)."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

from parapet_mlflow.login.oidc.asking import Ask, Rejected, Unreachable, asking
from parapet_mlflow.login.oidc.settings import SignOn, trusted
from parapet_mlflow.refusal import Refused

KEPT: Final = 3600.0
"""Seconds for which endpoints and keys are taken as they were: a key that the provider withdrew is gone by then."""
PAUSE: Final = 30.0
"""Seconds between two questions for keys: tokens with invented key ids make no more of them."""
SMALLEST_RSA: Final = 2048
WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Silent(Unreachable):
    """It is not asked again so soon. Why was told when it was."""


class Stale(Exception):
    """The provider takes the code of a sign-in for used, or for none of its own."""


class Provider:
    """Asked from threads, and as seldom as it can be."""

    def __init__(
        self,
        settings: SignOn,
        secret: str,
        ask: Ask | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._secret, self._clock = settings, secret, clock
        self._ask = ask or asking(settings.authorities)
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: Mapping[str | None, Key] = {}
        self._learned = self._tried = float("-inf")

    def key(self, kid: str | None) -> Key | None:
        """The key of that id; without one, the only key (OpenID Connect Core 1.0, 10.1). Raises Unreachable."""
        with self._lock:
            fresh = self._clock() - self._learned < KEPT
            if not fresh or (kid not in self._keys and self._clock() - self._tried >= PAUSE):
                self._learn()
            return self._keys.get(kid)

    def endpoint(self, name: str) -> str:
        """`authorization` or `token`, or `end_session`, which not every provider has: then it is empty. Raises
        Unreachable."""
        with self._lock:
            if self._clock() - self._learned >= KEPT:
                self._learn()
            return str(self._metadata.get(f"{name}_endpoint") or "")

    def says_who_answers(self) -> bool:
        """Whether an answer to a sign-in has the issuer in it (RFC 9207)."""
        return bool(self._metadata.get("authorization_response_iss_parameter_supported"))

    def token(self, code: str, verifier: str, redirect: str) -> str:
        """The ID token for a code, which the provider gives to this client for this verifier. Raises Stale, and
        Unreachable."""
        endpoint = self.endpoint("token")
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect}
        methods = self._metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        client = self._settings.client_id
        if "client_secret_basic" in methods:
            # Encoded as a form first (RFC 6749, 2.3.1).
            how: dict[str, Any] = {"data": form, "auth": (quote(client, safe=""), quote(self._secret, safe=""))}
        else:
            how = {"data": {**form, "client_id": client, "client_secret": self._secret}}
        try:
            told = self._ask(endpoint, **how)
        except Rejected as rejected:
            if rejected.error == "invalid_grant":
                raise Stale from None
            raise Unreachable(
                f"its token endpoint answered {rejected.error}. See clientId and the secret that clientSecretArn names"
            ) from None
        if not isinstance(token := told.get("id_token"), str):
            raise Unreachable("the token endpoint gave no ID token")
        return token

    def _learn(self) -> None:
        # Also where older keys are there: each who waits here waits for the one before.
        if self._clock() - self._tried < PAUSE and self._tried != self._learned:
            raise Silent
        self._tried = self._clock()
        told = self._ask(self._settings.issuer.rstrip("/") + WELL_KNOWN)
        if told.get("issuer") != self._settings.issuer:
            raise Unreachable("its metadata is of another issuer")
        try:
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                trusted(told.get(name), f"its {name}")
            if end := told.get("end_session_endpoint"):
                trusted(end, "its end_session_endpoint")
        except Refused as refusal:
            raise Unreachable(str(refusal)) from None
        self._keys = _keys(self._ask(told["jwks_uri"]))
        self._metadata, self._learned = told, self._tried


def _keys(told: Mapping[str, Any]) -> Mapping[str | None, Key]:
    """By their ids, those that sign. One alone stands for a token without an id too."""
    keys: dict[str | None, Key] = {}
    listed = told.get("keys")
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig":
            continue
        try:
            key = JWKRegistry.import_key(each)
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(key, ECKey) or (isinstance(key, RSAKey) and key.raw_value.key_size >= SMALLEST_RSA):
            keys[each.get("kid")] = key
    if len(keys) == 1:
        keys.setdefault(None, *keys.values())
    elif None in keys:
        del keys[None]
    return keys
