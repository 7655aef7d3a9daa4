"""Ends the server when a secret changed, so that the kubelet starts it with the new one."""

import os
import random
import threading
import time
from collections.abc import Callable

from parapet_mlflow.refusal import Refused
from parapet_mlflow.secret_files import SecretFiles

SPREAD, DEFAULT_SPREAD = "PARAPET_RESTART_SPREAD", 60.0
INTERVAL = 2.0
"""Seconds between two looks at the files, which are few and small."""


def start(secrets: SecretFiles, began_with: str, end: Callable[[], None]) -> None:
    """Calls `end` once, from a thread, a random time after the secrets are no longer those of that fingerprint.

    At most PARAPET_RESTART_SPREAD seconds (60 where it is not set), so that replicas do not go together.
    """
    threading.Thread(target=_watch, args=(secrets, began_with, end), name="secrets", daemon=True).start()


def _watch(secrets: SecretFiles, began_with: str, end: Callable[[], None]) -> None:
    while not _changed(secrets, began_with):
        time.sleep(INTERVAL)
    delay = random.uniform(0, float(os.environ.get(SPREAD, DEFAULT_SPREAD)))  # noqa: S311 # spreads, hides nothing
    print(f"parapet-mlflow: a secret changed; ending in {delay:.0f} s to start with the new one", flush=True)
    time.sleep(delay)
    end()


def _changed(secrets: SecretFiles, began_with: str) -> bool:
    try:
        return secrets.fingerprint() != began_with
    except Refused:  # half mounted, or gone: the server goes on with what it has
        return False
