"""What of the guide to the first account runs without one, run as it stands there."""

import pytest

from local import images
from tests.docs.guide import GUIDE, Block, blocks, says
from tests.e2e.user import ONE_STACK, User

pytestmark = ONE_STACK
AUTHORITY = "parapet-ca.pem"
"""The file that the guide has a laptop trust."""
RUN = [block for block in blocks(GUIDE.read_text()) if block.is_run]


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.body.strip().splitlines()[0])
def test_a_command_of_the_guide_prints_what_the_guide_says(user: User, said_by_up: str, block: Block) -> None:
    # A scientist has MLflow; here it is the image's.
    scientist = f'PATH="{images.environment("mlflow_server") / "bin"}:$PATH"'
    status, said = user.shell(f"{{ set -e\nexport {scientist}\n{block.script}\n}}", options=["--credentials"])
    (user.root / AUTHORITY).unlink(missing_ok=True)
    assert status == 0, said
    assert says(said, block.printed) is None, said


def test_the_stack_that_runs_here_is_priced_as_if_nothing_of_it_were_there(user: User, said_by_up: str) -> None:
    status, said = user.shell("./parapet cost --stack local")
    assert status == 0, said
    assert "Private CA" in said
