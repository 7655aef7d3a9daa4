"""What the guide does on the account before there is a stack, and when there is to be none any more, in its order, on a
new account of the local AWS API."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import account
from cli.__main__ import app
from local.workspace import Workspace
from operations import stack_settings
from operations.account.bootstrap import bootstrap
from tests.docs.guide import GUIDE, ROOT, Block, blocks, commands, says, settings
from tests.engine import Engine
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


PROGRAM = """
import pulumi
protected = pulumi.ResourceOptions(protect=pulumi.Config("parapet").require_bool("protect"))
pulumi.ComponentResource("test:index:Kept", "kept", {}, protected)
"""
"""Something that the setting protects, which is all that the platform is to the commands of the guide."""


@pytest.mark.engine
def test_the_engine_keeps_its_state_there_and_takes_everything_away_as_the_guide_says(
    aws: LocalAws,  # noqa: F811
    tmp_path: Path,
    engine: Engine,
) -> None:
    text = GUIDE.read_text().replace(THE_GUIDES, ACCOUNT)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.dev.yaml").write_text(settings(text))
    bootstrap(stack_settings.read(tmp_path, "dev"), lambda _: None)
    here = {"AWS_ENDPOINT_URL": aws.url, "PULUMI_BACKEND_URL": "", "PULUMI_SKIP_CONFIRMATIONS": "true"}

    def pulumi(*words: str) -> tuple[int, str]:
        # A host name a bucket is what a local API alone has not.
        here_too = [word.replace("awssdk=v2", "awssdk=v2&use_path_style=true") for word in words]
        told = engine(tmp_path, *here_too, **here)
        return told.returncode, told.stdout + told.stderr

    def states() -> Iterator[str]:
        bucket = f"parapet-state-{ACCOUNT}-us-east-1"
        for each in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", []):
            if each["Key"].endswith("stacks/parapet/dev.json"):
                yield each["Key"]

    def run(block: Block) -> None:
        told = [pulumi(*words[1:]) for words in commands(block.body)]
        assert {status for status, _ in told} == {0}, told
        said = "".join(output for _, output in told)
        assert says(said, block.printed) is None, said

    login, away = [block for block in blocks(text) if block.info == "sh engine"]
    run(login)
    assert pulumi("up", "--stack", "dev")[0] == 0
    assert len(list(states())) == 1
    # What a session that expired in the middle of an update leaves behind.
    (kept,) = states()
    lock = f"{kept.partition('stacks/')[0]}locks/organization/parapet/dev/a.json"
    aws.client("s3").put_object(Bucket=f"parapet-state-{ACCOUNT}-us-east-1", Key=lock, Body=b"{}")
    status, said = pulumi("up", "--stack", "dev")
    assert status != 0
    assert "the stack is currently locked" in said
    (row,) = [
        line for line in text.splitlines() if line.startswith("| the engine says that the stack is currently locked")
    ]
    (mended,) = [each for each in re.findall(r"`([^`]+)`", row) if each.startswith("pulumi")]
    assert pulumi(*mended.split()[1:])[0] == 0
    assert pulumi("up", "--stack", "dev")[0] == 0
    status, said = pulumi("destroy", "--stack", "dev")
    assert status != 0
    assert "protect" in said
    run(away)
    assert list(states()) == []
