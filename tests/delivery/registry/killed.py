"""A program of delivery's that is killed before its nth write to anything outside, as a process of its own.

They are forked off a server that has imported everything: a decision takes less time than Python to start.
"""

import io
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from urllib3.connectionpool import HTTPConnectionPool

from delivery.incidents import __main__ as incidents
from delivery.registry import __main__ as registry

PROGRAMS = {"registry": registry.main, "incidents": incidents.main}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def decided(
    asked: Mapping[str, Any], variables: Mapping[str, str], writes: int, program: str = "registry"
) -> int | None:
    """The exit status of the program that is killed before the write after so many.

    Its environment is this process's as it is now, with `variables`: the server that forks it keeps the one of the test
    that came first, with the address of that test's S3.
    """
    child = FORKS.Process(target=_decide, args=(json.dumps(asked), {**os.environ, **variables}, writes, program))
    child.start()
    child.join()
    return child.exitcode


def _decide(asked: str, variables: dict[str, str], writes: int, program: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    left, send = writes, HTTPConnectionPool.urlopen

    def counted(self: HTTPConnectionPool, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """Both boto3 and requests send by this. To sign and to ask for one's name are posts to "/": no writes."""
        nonlocal left
        if method != "GET" and url != "/":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return send(self, method, url, *arguments, **options)

    said = io.StringIO()
    sys.stdin = io.StringIO(asked)
    with mock.patch.object(HTTPConnectionPool, "urlopen", counted), redirect_stdout(said), redirect_stderr(said):
        status = PROGRAMS[program]()
    if status:
        print(said.getvalue(), file=sys.__stderr__)
    sys.exit(status)
