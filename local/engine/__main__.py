"""Serves the language host until the engine goes: prints the port, as the engine expects."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from local.engine import protocol


def main() -> None:
    protocol.alone()
    import grpc
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
    from pulumi.runtime.proto import language_pb2_grpc

    from local.engine.host import LanguageHost

    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    host = LanguageHost(addresses[0] if addresses else "")
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=_GRPC_CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)

    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_watch_engine, args=(over,), daemon=True).start()
    over.wait()
    host.stop()
    server.stop(grace=1).wait()


def _watch_engine(over: threading.Event) -> None:
    # An engine that was killed tells nobody: its children are then handed to another parent.
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(0.5)
    over.set()


if __name__ == "__main__":
    main()
