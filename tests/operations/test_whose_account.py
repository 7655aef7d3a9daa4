"""A command that speaks to AWS for a stack looks first whether the account is the stack's."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.client import BaseClient
from typer.testing import CliRunner

from cli import account, filling, images, model
from cli.__main__ import app
from local.workspace import Workspace
from operations.refused import Refused
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import ACCOUNT, STACK
from tests.platform.project import PROJECT

pytestmark = pytest.mark.xdist_group("account")
ANOTHER = "999988887777"
ASKS_NOTHING = {
    "up": "a stack of this machine alone",
    "preview": "a stack of this machine alone",
    "down": "a stack of this machine alone",
    "status": "a stack of this machine alone",
    "env": "a stack of this machine alone",
    "cost": "list prices",
}
NEEDS = {
    "model serve": ["readmission"],
    "model rollback": ["readmission", "--why", "Too many calls."],
    "images sbom": ["mlflow"],
    "images verify": ["--key", "alias/images"],
}
"""What a command must be told besides."""


def commands(command: Any, *above: str) -> Iterator[tuple[str, ...]]:
    """The names of every command that takes a stack."""
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *above, name)
    if any("--stack" in each.opts for each in command.params) and " ".join(above) not in ASKS_NOTHING:
        yield above


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_credentials_of_another_account_are_told_and_nothing_more_is_asked(
    command: tuple[str, ...],
    aws: LocalAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.real.yaml").write_text(STACK.replace(ACCOUNT, ANOTHER))
    for module in (account, images, model):
        monkeypatch.setattr(module, "Workspace", lambda: Workspace(root=tmp_path))
    monkeypatch.setattr("cli.__main__.Workspace", lambda: Workspace(root=tmp_path))
    monkeypatch.setattr(filling, "ROOT", tmp_path)
    monkeypatch.setenv("PARAPET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("operations.tunnel.missing", lambda: "")
    asked, call = [], BaseClient._make_api_call

    def recorded(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        asked.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    told = CliRunner().invoke(app, [*command, *NEEDS.get(" ".join(command), ()), "--stack", "real"])
    said = f"{told.output}{told.exception if isinstance(told.exception, Refused) else ''}"
    assert f"The credentials are those of the account {ACCOUNT}" in said, said
    assert f"parapet:allowedAccountId is {ANOTHER}" in said
    assert told.exit_code
    assert set(asked) == {"GetCallerIdentity"}
