"""What the runner of programs spares the SDK, and what stays as it was."""

import json
from pathlib import Path

import pytest
from pulumi.runtime import resource

from local.engine import program
from local.engine.run import HASTY
from tests.engine import Engine

SAID = "import pulumi\npulumi.log.debug('for who debugs')\npulumi.log.info('for everybody')\n"
THING = """import pulumi
class Thing(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("test:index:Thing", "thing")

Thing()
"""
NO_DEBUG = program.NO_DEBUG


class _Resource:
    """Made through as many constructors as a resource of the SDK's."""

    def __init__(self) -> None:
        # On one line, which is told too.
        self.told = resource._get_stack_trace(), program.stack_trace()


class _Custom(_Resource):
    def __init__(self) -> None:
        super().__init__()


class _Bucket(_Custom):
    def __init__(self) -> None:
        super().__init__()


def test_the_place_of_a_resource_is_told_as_the_sdk_tells_it() -> None:
    usual, ours = _Bucket().told
    assert usual.frames[0].pc.uri == Path(__file__).as_uri()
    assert ours == usual


@pytest.mark.engine
def test_the_state_says_which_line_made_a_resource(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", THING)
    told = engine(folder, "up", "--yes", "--skip-preview")
    assert told.returncode == 0, told.stdout
    (file,) = (engine.home / "state" / ".pulumi" / "stacks").rglob("dev.json")
    made = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
    assert [each["sourcePosition"] for each in made if each["type"] == "test:index:Thing"] == [
        "project:///__main__.py#6"
    ]


@pytest.mark.engine
def test_messages_for_debugging_are_sent_where_somebody_may_ask_for_them(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", SAID)
    assert HASTY[NO_DEBUG]
    told = engine(folder, "preview", "--debug")
    assert "for everybody" in told.stdout
    assert "for who debugs" not in told.stdout
    assert "for who debugs" in engine(folder, "preview", "--debug", **{NO_DEBUG: ""}).stdout
