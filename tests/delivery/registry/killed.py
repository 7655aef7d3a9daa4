"""A promotion that is killed before its nth write to anything outside; a program of its own.

Its standard input has the step that `delivery.registry` takes; its argument is n. Whether it came to that is its end.
"""

import os
import signal
import sys
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool

from delivery.registry.__main__ import main

left = int(sys.argv[1])
send = HTTPConnectionPool.urlopen


def counted(self: HTTPConnectionPool, method: str, url: str, *arguments: Any, **options: Any) -> Any:
    """Both boto3 and requests send by this. To sign and to ask for one's name are posts to "/", and write nothing."""
    global left
    if method != "GET" and url != "/":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return send(self, method, url, *arguments, **options)


HTTPConnectionPool.urlopen = counted  # type: ignore[method-assign]
sys.exit(main())
