"""What the guide does on the account before there is a stack, in its order, on a new account of the local AWS API."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import account
from cli.__main__ import app
from local.workspace import Workspace
from tests.docs.guide import GUIDE, ROOT, blocks, commands, says, settings
from tests.local.aws.conftest import LocalAws, local_aws, moto  # noqa: F401
from tests.operations.conftest import ACCOUNT, aws  # noqa: F401

pytestmark = pytest.mark.xdist_group("account")
THE_GUIDES = "111122223333"
"""The account of the guide is one of AWS's documentation; in its place here is the local AWS API's."""


def test_what_is_done_before_the_first_up_prints_what_the_guide_says(
    aws: LocalAws,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = GUIDE.read_text().replace(THE_GUIDES, ACCOUNT)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(settings(text))
    monkeypatch.setattr(account, "Workspace", lambda: Workspace(root=tmp_path))
    done = []
    for block in blocks(text):
        logins = [words[2] for words in commands(block.body) if words[:2] == ["pulumi", "login"]]
        if logins:
            # As that leaves it: the engine of this machine is not logged in anywhere else.
            monkeypatch.setenv("PULUMI_BACKEND_URL", logins[0])
        if block.info == "sh account":
            (words,) = commands(block.body)
            told = CliRunner().invoke(app, words[1:])
            assert says(told.output, block.printed) is None, told.output
            done.append(words[2])
    assert done == ["bootstrap", "bootstrap", "preflight"]
