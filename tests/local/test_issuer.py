"""Tokens of the local stand-in for an identity provider, by the code that a model's server verifies them with."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from local import issuer
from local.workspace import Workspace
from mlops.serving.tokens import Tokens
from parapet_serving.callers.keys import Keys
from parapet_serving.callers.tokens import Bearers
from parapet_serving.refusal import Wrong
from parapet_serving.settings import Tokens as Taken


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(home=tmp_path / "home")
    issuer.ensure(made)
    return made


def bearers(workspace: Workspace, folder: Path) -> Bearers:
    """What a server takes whose stack was told of this issuer."""
    told = Tokens.model_validate_json(workspace.issuer.read_text())
    (folder / "keys.json").write_text(told.keys)
    declared = told.declared((), str(folder / "keys.json"), "")
    taken = Taken(declared["issuer"], declared["audiences"], declared["keys"], scopes=declared["scopes"])
    return Bearers(taken, Keys(taken))


def test_a_server_takes_its_tokens(workspace: Workspace, tmp_path: Path) -> None:
    token = issuer.token(workspace, "data-scientist")
    assert asyncio.run(bearers(workspace, tmp_path).caller(f"Bearer {token}")) == "data-scientist"


WRONG: dict[str, tuple[dict[str, Any], int]] = {
    "for another": ({"aud": "mlflow"}, 401),
    "of an hour ago": ({"exp": int(time.time()) - 60}, 401),
    "without the scope": ({"scope": "other"}, 403),
}


@pytest.mark.parametrize("what", WRONG)
def test_and_none_that_says_something_else(workspace: Workspace, tmp_path: Path, what: str) -> None:
    claims, status = WRONG[what]
    with pytest.raises(Wrong) as refused:
        asyncio.run(bearers(workspace, tmp_path).caller(f"Bearer {issuer.token(workspace, 'a', **claims)}"))
    assert refused.value.status == status


def test_nor_one_of_another_workspace(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(home=tmp_path / "other")
    issuer.ensure(other)
    with pytest.raises(Wrong):
        asyncio.run(bearers(workspace, tmp_path).caller(f"Bearer {issuer.token(other, 'a')}"))


def test_the_key_stays_and_is_its_owners(workspace: Workspace) -> None:
    before = workspace.issuer.read_bytes()
    issuer.ensure(workspace)
    assert workspace.issuer.read_bytes() == before
    key = workspace.issuer.with_name(issuer.KEY)
    assert key.stat().st_mode & 0o77 == 0
    (public,) = json.loads(json.loads(before)["keys"])["keys"]
    assert "d" in json.loads(key.read_bytes())
    assert "d" not in public
