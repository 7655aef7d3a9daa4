"""`./parapet mlflow`: an owner shares an experiment, a registered model or a prompt with another account."""

import json
import os
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from cli.lookup import lookup
from cli.output import Refused, results

app = typer.Typer(
    help="Share what is in MLflow, as the account of MLFLOW_TRACKING_USERNAME; find a name in its audit trail.",
    no_args_is_help=True,
)
app.command()(lookup)

SERVER, USER, PASSWORD = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
AUTHORITY = "MLFLOW_TRACKING_SERVER_CERT_PATH"
"""What MLflow's own clients read."""
PATIENCE = 30.0  # seconds for an answer


class Kind(StrEnum):
    """What can be shared."""

    EXPERIMENT = "experiment"
    MODEL = "model"
    PROMPT = "prompt"


class Level(StrEnum):
    """MLflow's permissions."""

    READ = "READ"
    EDIT = "EDIT"
    MANAGE = "MANAGE"


What = Annotated[Kind, typer.Argument(help="What kind of thing.")]
Name = Annotated[str, typer.Argument(help="Its name.")]
Whom = Annotated[str, typer.Argument(help="The other account.")]


@app.command()
def share(
    kind: What,
    name: Name,
    user: Whom,
    permission: Annotated[Level, typer.Option(help="What the other may do with it.")] = Level.READ,
) -> None:
    """Give an account a permission on something, or another one than it has; needs MANAGE on it (docs/sharing.md)."""
    fields = _fields(kind, name, user)
    try:
        _call("POST", "3.0/mlflow/users/permissions/grant", **fields, permission=permission.value)
    except _There:
        _call("POST", "3.0/mlflow/users/permissions/revoke", **fields)
        _call("POST", "3.0/mlflow/users/permissions/grant", **fields, permission=permission.value)
    results.print(f"{user} has {permission.value} on the {kind.value} {name}.", markup=False)


@app.command()
def unshare(kind: What, name: Name, user: Whom) -> None:
    """Take away what an account was given on something; the next request of that account is refused."""
    _call("POST", "3.0/mlflow/users/permissions/revoke", **_fields(kind, name, user))
    results.print(f"{user} has nothing on the {kind.value} {name} any more.", markup=False)


class _There(Exception):
    """It has some permission already."""


def _fields(kind: Kind, name: str, user: str) -> dict[str, str]:
    if kind is Kind.EXPERIMENT:
        found = _call("GET", "2.0/mlflow/experiments/get-by-name", experiment_name=name)
        return {"username": user, "resource_type": "experiment", "resource_id": found["experiment"]["experiment_id"]}
    type_ = "registered_model" if kind is Kind.MODEL else "prompt"
    return {"username": user, "resource_type": type_, "resource_id": name}


def _call(method: str, path: str, **fields: str) -> dict[str, Any]:
    """Raises Refused with the server's own words."""
    server = _variable(SERVER).rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise Refused(f"{SERVER} is {server}, no http or https address. Set it to the MLflow server's.")
    asked = urllib.request.Request(f"{server}/api/{path}", method=method)  # noqa: S310 (the scheme was looked at)
    if method == "GET":
        asked.full_url += f"?{urlencode(fields)}"
    else:
        asked.data, asked.headers["Content-Type"] = json.dumps(fields).encode(), "application/json"
    who = f"{_variable(USER)}:{_variable(PASSWORD)}"
    asked.add_header("Authorization", f"Basic {b64encode(who.encode()).decode()}")
    trusted = ssl.create_default_context(cafile=os.environ.get(AUTHORITY)) if server.startswith("https") else None
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE, context=trusted) as answer:  # noqa: S310 (as above)
            told: dict[str, Any] = json.loads(answer.read() or b"{}")
            return told
    except urllib.error.HTTPError as error:
        code, message = _words(error)
        if code == "RESOURCE_ALREADY_EXISTS":
            raise _There from None
        raise Refused(f"MLflow refused it ({error.code}): {message}") from None
    except OSError as error:
        raise Refused(f"{server} does not answer: {error}. See {SERVER}.") from None


def _words(error: urllib.error.HTTPError) -> tuple[str, str]:
    text = error.read().decode(errors="replace")
    try:
        told = json.loads(text)
        return str(told["error_code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return "", text[:200]


def _variable(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise Refused(f'{name} is not set. For the local stack: eval "$(./parapet env --credentials)".')
