"""How many requests a worker works on at once.

MLflow's calls take a second connection to the database while they hold one. With anyio's 40 threads over SQLAlchemy's
15 connections, a crowd of clients has all of them, each call waits for another's, and after 30 s they fail. Calls that
have a third of the connections never wait for one; and since Python runs one at a time, more would only make all of
them slower. Who does not get a thread waits in the order of coming.
"""

import anyio.to_thread

from parapet_mlflow.asgi import Application, Receive, Scope, Send
from parapet_mlflow.configuration import THREADS


class Threads:
    """An ASGI application around another, with so many threads, from the start of its event loop."""

    def __init__(self, application: Application) -> None:
        self.application, self._limited = application, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._limited:
            anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
            self._limited = True
        await self.application(scope, receive, send)
