"""Tests that share a stack, a cluster or a server run on one worker, or each worker would make its own."""

import os

import pytest

from cli import checks


@pytest.mark.xdist_group("shared")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has no workers to share between")
def test_the_runner_sees_which_tests_share_something(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@shared"), "start it with --dist loadgroup, as ./parapet test does"
    assert not request.config.option.loadscopereorder, "start it with --no-loadscope-reorder, as ./parapet test does"


def test_fast_leaves_out_what_the_marks_say(pytestconfig: pytest.Config) -> None:
    marks = [str(each).partition(":") for each in pytestconfig.getini("markers")]
    assert {name for name, _, said in marks if "(left out by --fast)" in said} == set(checks.LEFT_OUT)
