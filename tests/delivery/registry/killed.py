"""A decision that is killed before its nth write to anything outside, as a process of its own.

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

from delivery.registry.__main__ import main

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def decided(asked: Mapping[str, Any], variables: Mapping[str, str], writes: int) -> int | None:
    """The exit status of `delivery.registry` that is killed before the write after so many."""
    child = FORKS.Process(target=_decide, args=(json.dumps(asked), dict(variables), writes))
    child.start()
    child.join()
    return child.exitcode


def _decide(asked: str, variables: dict[str, str], writes: int) -> None:
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
        status = main()
    if status:
        print(said.getvalue(), file=sys.__stderr__)
    sys.exit(status)
