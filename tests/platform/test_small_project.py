"""The small project of the tests of killed runs, under mocks: it goes on fitting the components that it is made of."""

import runpy

import pulumi

from tests.e2e import small
from tests.platform.mocked import Recorder, record, stack_settings


def test_it_has_both_halves_and_the_second_waits_for_the_first() -> None:
    def program() -> None:
        pulumi.runtime.set_all_config({f"parapet:{name}": value for name, value in stack_settings().items()})
        runpy.run_path(str(small.PROGRAM / "__main__.py"))

    recorder = record(program, Recorder())
    kinds = [each.type.partition(":")[0] for each in recorder.made]
    assert kinds.count("aws") > 30
    assert kinds.count("kubernetes") > 40
    assert max(at for at, kind in enumerate(kinds) if kind == "aws") < kinds.index("kubernetes")
