"""What the engine shows its user while a plugin works."""

from __future__ import annotations

import contextlib
import threading

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Log:
    """Tells one engine, each line once."""

    def __init__(self, engine: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine))
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def warn(self, text: str) -> None:
        """Show a warning. An engine that does not listen any more is none to be told."""
        with self._lock:
            if text in self._said:
                return
            self._said.add(text)
        with contextlib.suppress(grpc.RpcError):
            self._engine.Log(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=text))
