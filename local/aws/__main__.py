"""The plugin's process: serves the engine's protocol on a loopback port that it prints, and nothing else, to stdout."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import traceback


async def _serve(engine: str, parent: int) -> None:
    # Imported here, so that what stops them from loading is told in a line.
    import grpc.aio
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
    from pulumi.runtime.proto import provider_pb2_grpc

    from local.aws.environment import detach_from_user
    from local.aws.servicer import Servicer, preload

    environment = dict(os.environ)
    detach_from_user()
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(engine, environment), server)
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
    loop.run_in_executor(None, preload)
    watching = asyncio.create_task(_watch_engine(stop, parent))
    await stop.wait()
    watching.cancel()
    await server.stop(1)


async def _watch_engine(stop: asyncio.Event, parent: int) -> None:
    # An engine that was killed tells nobody: its children are then handed to another parent.
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


def main() -> None:
    """Start as the engine does: `pulumi-resource-aws ENGINE_ADDRESS`."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="pulumi-resource-aws", description="stand-in for the aws provider plugin")
    parser.add_argument("engine", help="address of the engine")
    known, _ = parser.parse_known_args()
    try:
        asyncio.run(_serve(known.engine, parent))
    except Exception as error:
        if os.environ.get("PARAPET_AWS_DEBUG"):
            traceback.print_exc()
        sys.exit(f"pulumi-resource-aws, the stand-in for the aws provider, stopped: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
