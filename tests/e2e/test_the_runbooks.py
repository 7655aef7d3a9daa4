"""What of the runbooks a stack of this machine serves, run as it stands there: what two of them say alike, once."""

from collections.abc import Iterator

import pytest

from delivery.incidents import runbooks
from tests.docs.guide import ROOT, Block, blocks, says
from tests.e2e.user import ONE_STACK, User

pytestmark = ONE_STACK
FOLDER = ROOT / "runbooks"
MARK = "-- what was asked next:"


def local() -> Iterator[tuple[str, Block]]:
    for name in ("README", *runbooks.names(FOLDER)):
        for block in blocks((FOLDER / f"{name}.md").read_text()):
            if block.info == "sh local":
                yield name, block


@pytest.fixture(scope="module")
def answers(user: User, said_by_up: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block printed, all of them in one shell."""
    # What is drafted stays, and is not drafted over.
    script, asked = ["set -e", f"export TMPDIR='{tmp_path_factory.mktemp('drafts')}'"], set[str]()
    for _, block in local():
        script.append(f"echo '{MARK}'")
        for line in block.body.replace("\\\n", " ").splitlines():
            # A look at the cluster is the same whoever looks; what has a variable belongs to its block.
            if line not in asked or "$" in line or block.printed:
                script.append(line)
            asked.add(line)
    status, said = user.shell("\n".join(script), options=["--credentials"])
    assert status == 0, said
    return said.split(MARK)[1:]


def test_each_block_of_the_runbooks_runs_and_prints_what_is_said(answers: list[str]) -> None:
    found = list(local())
    assert len(answers) == len(found) >= 10
    for (name, block), said in zip(found, answers, strict=True):
        assert says(said, block.printed) is None, f"{name}: {said}"
