"""The identity provider's public keys (JWKS, RFC 7517), from a file or from its own address."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

from parapet_serving.settings import Tokens

KEPT: Final = 3600.0
"""Seconds: a key that the provider withdrew is gone by then."""
PAUSE: Final = 30.0
"""Seconds between two questions: tokens with invented key ids make no more of them."""
LARGEST: Final = 1_048_576
SMALLEST_RSA: Final = 2048
PATIENCE: Final = 5.0


class Unreachable(Exception):
    """There are no keys, or none that are fresh enough."""


class Keys:
    """Asked from any thread; a question may wait for the provider."""

    def __init__(self, settings: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._keys: Mapping[str | None, Key] = {}
        self._learned = self._tried = float("-inf")

    def at_hand(self, kid: str | None) -> Key | None:
        """The key of that id, where it is known and fresh: without waiting."""
        return self._keys.get(kid) if self._clock() - self._learned < KEPT else None

    def key(self, kid: str | None) -> Key | None:
        """The key of that id; without one, the only key. Raises Unreachable."""
        with self._lock:
            stale = self._clock() - self._learned >= KEPT
            if (stale or kid not in self._keys) and self._clock() - self._tried >= PAUSE:
                self._learn()
            if self._clock() - self._learned >= KEPT:
                raise Unreachable
            return self._keys.get(kid)

    def _learn(self) -> None:
        self._tried = self._clock()
        try:
            self._keys = _usable(json.loads(self._fetched()))
        except (OSError, ValueError):  # and so all errors of requests
            return
        self._learned = self._tried

    def _fetched(self) -> bytes:
        where = self._settings.keys
        if not where.startswith("https://"):
            return Path(where).read_bytes()
        verify = str(self._settings.authorities) if self._settings.authorities else True
        with requests.get(where, timeout=PATIENCE, verify=verify, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                raise ValueError
            return next(answer.iter_content(LARGEST), b"")


def _usable(told: Any) -> Mapping[str | None, Key]:
    """By their ids, those that sign. One alone stands for a token without an id too."""
    listed = told.get("keys") if isinstance(told, dict) else None
    keys: dict[str | None, Key] = {}
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
    else:
        keys.pop(None, None)
    return keys
