"""`./parapet` as somebody types it, its programs of `delivery/` run in this process, where the AWS API of a test is.

As processes of their own they run in `tests/e2e/test_the_runbooks.py`.
"""

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from typer.testing import CliRunner

from cli.__main__ import app
from cli.programs import Packages


def program(
    self: Packages, name: str, asked: Mapping[str, Any], output: int | None
) -> subprocess.CompletedProcess[str]:
    """In the place of `Packages._ran`."""
    said, given = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(json.dumps(asked))
    try:
        with redirect_stdout(said):
            status = importlib.import_module(f"{name}.__main__").main()
    finally:
        sys.stdin = given
    if output is None:
        print(said.getvalue())
    return subprocess.CompletedProcess([], status, said.getvalue())


def typed(*words: str) -> tuple[int, str]:
    """How it ends, and all that is said."""
    told = CliRunner().invoke(app, list(words))
    if told.exception and not isinstance(told.exception, SystemExit):
        return 1, str(told.exception)
    return told.exit_code, told.output
