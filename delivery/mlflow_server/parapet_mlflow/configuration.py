"""What MLflow reads from a file or the environment, made from the secrets and from what Parapet decided."""

import configparser
import os
import warnings
from pathlib import Path

from parapet_mlflow.secret_files import SecretFiles

CACHED = 60
"""Seconds for which a worker remembers that a password was right. A check takes tens of milliseconds by design, so that
without it every call would pay for one; with it, an account that was deleted or got a new password in another worker
can go on for a minute at most, shorter than any review of who may sign in. A start after a rotation forgets it all."""

LIMITS = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
"""libpq's options of a worker's connections: a search that one account sends does not hold one for ever."""

THREADS = 8
"""Requests that a worker works on at once (threads.py)."""

DECIDED = {
    # Connections that stay open, and more for a crowd; of the tracking store, and as many of the accounts.
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(THREADS),
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(2 * THREADS),
    # Calls to the project's own servers about how MLflow is used: nothing of a patient's data may be near them.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Scorers, assistants and jobs run code and call models; none of it is offered here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # A native route without a permission check of its own is denied.
    "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
    # uvicorn would take a client's address from a header of whoever comes from this machine, as all do behind a proxy.
    "FORWARDED_ALLOW_IPS": "",
    # Its lines have query strings, in which names stand; the audit trail tells who did what.
    "UVICORN_ACCESS_LOG": "false",
    # The accounts were reconciled before; a worker then needs no password of the administrator.
    "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED": "true",
}
NOISE = "starlette.middleware.wsgi is deprecated"  # MLflow's own choice, told at each start of each worker
DEFAULTS = {
    "PYTHONWARNINGS": f"ignore:{NOISE}",
    # Seconds for open requests when the server ends: less than the 30 that Kubernetes gives a pod by default.
    "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": "25",
}


def write(folder: Path, uri: str, administrator: str, *, sign_on: bool) -> Path:
    """MLflow's authentication settings, in a file of that folder. No secret is in it: the address has no password.

    With sign-on MLflow takes the user whom the log-in hands over. Without, it looks for the name and the password
    again, which it remembers from the log-in's check; its page then offers to change the password.
    """
    settings = configparser.ConfigParser(interpolation=None)
    settings["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": uri.replace("%", "%%"),  # MLflow reads it with interpolation
        "admin_username": administrator,
        "auth_cache_ttl_seconds": str(CACHED),
        **({"authorization_function": "parapet_mlflow.login.handed:authorization"} if sign_on else {}),
    }
    file = folder / "basic_auth.ini"
    with file.open("w") as out:
        settings.write(out)
    return file


def decide() -> None:
    """Sets what Parapet decided in this process and those that it starts, before MLflow is imported and reads it."""
    os.environ.update(DECIDED)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", message=NOISE)


def deliver(configuration: Path, secrets: SecretFiles) -> None:
    """Tells the workers, which are started later, where the settings are, and the session key: in no argument."""
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(configuration)
    # MLflow's own form for signing up uses it, which is not offered.
    os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = secrets.session_keys()[0]
    os.environ["PGOPTIONS"] = LIMITS
