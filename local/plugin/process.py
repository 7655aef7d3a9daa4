"""A plugin's process: serves the engine's protocol on a loopback port that it prints, and nothing else, to stdout."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Served(NamedTuple):
    """What a plugin serves: its servicer for an engine and the environment, and what to import once it listens."""

    servicer: Callable[[str, Mapping[str, str]], Any]
    preload: Callable[[], None]


async def _serve(engine: str, parent: int, load: Callable[[], Served]) -> None:
    # Imported here, so that what stops them from loading is told in a line.
    import grpc.aio
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
    from pulumi.runtime.proto import provider_pb2_grpc

    environment = dict(os.environ)
    served = load()
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(served.servicer(engine, environment), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # The engine starts plugins in a process group of their own, so that no Ctrl-C of the terminal reaches them, and
    # ends them with SIGINT; what does not go then is killed after five seconds.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    loop.run_in_executor(None, served.preload)
    watching = asyncio.create_task(_watch_engine(stop, parent))
    await stop.wait()
    watching.cancel()
    await server.stop(1)


async def _watch_engine(stop: asyncio.Event, parent: int) -> None:
    # An engine that was killed tells nobody: its children are then handed to another parent.
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


def run(name: str, load: Callable[[], Served], debug: str) -> None:
    """Start as the engine does: `pulumi-resource-NAME ENGINE_ADDRESS`.

    `load` imports what is served. `debug` names the environment variable with which a traceback is printed.
    """
    # The engine asks for one resource after the other, and each question passes through three threads: with the default
    # of 5 ms each may wait longer than all of its work takes.
    sys.setswitchinterval(0.0005)
    # What it imports stays, and what a message leaves has hardly a cycle: by default, looking for one takes a fifth of
    # the imports' time.
    gc.set_threshold(50_000)
    parent = os.getppid()
    command = f"pulumi-resource-{name}"
    parser = argparse.ArgumentParser(prog=command, description=f"stand-in for the {name} provider plugin")
    parser.add_argument("engine", help="address of the engine")
    known, _ = parser.parse_known_args()
    try:
        asyncio.run(_serve(known.engine, parent, load))
    except Exception as error:
        if os.environ.get(debug):
            traceback.print_exc()
        sys.exit(f"{command}, the stand-in for the {name} provider, stopped: {type(error).__name__}: {error}")
