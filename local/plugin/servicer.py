"""The engine's protocol where the SDK's framework has gaps.

The framework's requests lack the old inputs, its errors reach the user as `Unexpected <class ...>`, and a create that
stopped half-way cannot be told. Each call runs in a thread, since clients of APIs block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2
from pulumi.provider.experimental import provider as framework
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import status_pb2

from local.plugin.checks import Failure, Proposal
from local.plugin.failures import Unfinished
from local.plugin.log import Log
from local.plugin.values import scrub

Result = TypeVar("Result")
DIFF_KINDS = {
    ("add", False): proto.PropertyDiff.ADD,
    ("add", True): proto.PropertyDiff.ADD_REPLACE,
    ("delete", False): proto.PropertyDiff.DELETE,
    ("delete", True): proto.PropertyDiff.DELETE_REPLACE,
    ("update", False): proto.PropertyDiff.UPDATE,
    ("update", True): proto.PropertyDiff.UPDATE_REPLACE,
}
"""The wire's word for a kind of change and whether it replaces."""


class _Unused(framework.Provider):
    """The framework wants a provider of its own kind; every request is answered here, before it."""


class PluginServicer(ProviderServicer):
    """Serves one engine. `environment` is what the process was started with, before it forgot the user's settings."""

    def __init__(self, version: str, engine: str, environment: Mapping[str, str], threads: int) -> None:
        super().__init__([], version, _Unused(), engine)
        self.environment = environment
        self.threads = ThreadPoolExecutor(threads)
        self.warn = Log(engine).warn

    def explained(self, error: Exception, operation: str, subject: str) -> tuple[grpc.StatusCode, str]:
        """The status and the message for an error of an operation on a resource (by URN) or a function (by token)."""
        raise NotImplementedError

    async def in_thread(
        self,
        context: Any,
        subject: str,
        operation: str,
        work: Callable[[], Result],
        texts: set[str],
        *,
        outputs: Callable[[dict[str, Any]], Any] | None = None,
        inputs: Any = None,
    ) -> Result:
        """Do the work in a thread; what goes wrong ends the call with a message that says what to do.

        `texts` never reach the message. What is there of a resource that is unfinished is kept, as `outputs` makes a
        message of it, with the `inputs` that it was asked for.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, work)
        except Unfinished as error:
            assert outputs is not None
            await _abort_unfinished(context, error, outputs(error.outputs), inputs, scrub(error.reason, texts))
        except Exception as error:
            status, message = self.explained(error, operation, subject)
            await context.abort(status, scrub(message, texts))
        raise AssertionError


def proposed(request: Any) -> Proposal | None:
    """The name that the engine proposes in a request to check, if it does."""
    if not request.HasField("autonaming"):
        return None
    modes = proto.CheckRequest.AutonamingOptions.Mode
    return Proposal(modes.Name(request.autonaming.mode).lower(), request.autonaming.proposed_name)


def told(failures: Iterable[Failure]) -> list[Any]:
    """What a check answers. With a property of its own, a failure is printed with the value, which may be secret."""
    return [proto.CheckFailure(reason=f"{one.property} {one.reason}".strip()) for one in failures]


def token_of(urn: str) -> str:
    """The type of what a URN names."""
    return urn.split("::")[2].split("$")[-1]


def name_of(urn: str) -> str:
    """The name that the program gave it."""
    return urn.split("::", 3)[3]


async def _abort_unfinished(context: Any, error: Unfinished, outputs: Any, inputs: Any, reason: str) -> NoReturn:
    detail = proto.ErrorResourceInitFailed(id=error.identifier, properties=outputs, reasons=[reason], inputs=inputs)
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, reason)
    raise AssertionError
