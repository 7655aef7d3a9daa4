"""Runs one Pulumi program under the engine: started by the language host, by path, in the program's own environment.

It imports the SDK and nothing of Parapet, since a program's environment knows nothing of it. The host names the exit
status that tells it that the engine has been told what went wrong.
"""

import asyncio
import functools
import gc
import json
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.runtime.known_types import is_unknown
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.resource_cycle_breaker import _DEPENDENCIES_PROPERTY
from pulumi.runtime.stack import run_in_stack

NO_DEBUG = "PARAPET_NO_DEBUG"
"""Environment variable: the engine shows no messages for debugging, so that it is sent none."""
KNOWN = _DEPENDENCIES_PROPERTY
"""Attribute of a resource: those that it depends on, as the SDK keeps them."""
DEPENDED_ON = "_parapet_depended_on"
"""Attribute of a resource on which others depend."""
HOLDERS = (dict, list)
"""What holds other values."""
MACHINERY = {Path(pulumi.__file__).parent, Path(asyncio.__file__).parent}


def hasten() -> None:
    """Has the SDK leave out what takes a fifth of a program's time and nobody sees.

    A message for debugging goes to the engine at each step of each resource, and is waited for, thousands in a stack of
    a thousand resources. For circles it looks through all that is known at each dependency, see `declare`; and for
    each value it defines a function anew, see `holds_unknown`.
    """
    pulumi.runtime.resource._get_stack_trace = stack_trace
    pulumi.runtime.rpc.declare_dependency = declare
    pulumi.runtime.rpc.contains_unknowns = holds_unknown
    if os.environ.get(NO_DEBUG):
        pulumi.log.debug = lambda *_, **__: None


def declare(from_resource: pulumi.Resource, to_resource: pulumi.Resource) -> bool:
    """That one depends on another; False, and nothing is remembered, where this one is depended on by the other.

    It does what `declare_dependency` of the SDK's `runtime/resource_cycle_breaker.py` does, in a time that grows with
    the stack and not with its square: that one goes all ways from the other by a generator in a generator for each
    step, and copies all that is known for each that is added. On what nothing depends yet, no way leads to.
    """
    if from_resource is to_resource:
        return False
    known: set[Any] | None = getattr(from_resource, KNOWN, None)
    if known is None:
        known = set()
        setattr(from_resource, KNOWN, known)
    if to_resource in known:
        return True
    if hasattr(from_resource, DEPENDED_ON) and _leads(to_resource, from_resource):
        return False
    known.add(to_resource)
    setattr(to_resource, DEPENDED_ON, True)
    return True


def _leads(start: pulumi.Resource, end: pulumi.Resource) -> bool:
    """Whether one depends on another by some way."""
    seen: set[Any] = {start}
    left: list[Any] = [start]
    while left:
        for further in getattr(left.pop(), KNOWN, ()):
            if further is end:
                return True
            if further not in seen:
                seen.add(further)
                left.append(further)
    return False


def holds_unknown(val: Any) -> bool:
    """Whether something in a value is not known yet.

    It says what `contains_unknowns` of the SDK's `runtime/rpc.py` says, which is asked some fifty thousand times by a
    stack of a thousand resources, mostly about a text. That one leaves a function that refers to itself behind each
    time, of which most of a program's garbage is: to collect it takes half as long as the program.
    """
    if is_unknown(val):
        return True
    if not isinstance(val, HOLDERS):
        return False
    seen: set[int] = set()
    left: list[Any] = [val]
    while left:
        holder = left.pop()
        # By their keys: an object of the SDK's may have a property `values`.
        for item in [holder[key] for key in holder] if isinstance(holder, dict) else holder:
            if is_unknown(item):
                return True
            if isinstance(item, HOLDERS) and id(item) not in seen:
                seen.add(id(item))
                left.append(item)
    return False


def stack_trace() -> source_pb2.StackTrace:
    """Where the program makes a resource, as the SDK's `runtime/resource.py` tells the engine: the calls around the
    third constructor from within, the innermost first.

    That one looks at the file of each call anew, and reads its line, which nobody asks for.
    """
    constructors, frames = 0, list[source_pb2.StackFrame]()
    frame = sys._getframe(1)
    while frame:
        if constructors == 3:
            frames.append(source_pb2.StackFrame(pc=_position(frame.f_code.co_filename, frame.f_lineno)))
        else:
            constructors += frame.f_code.co_name == "__init__"
        frame = frame.f_back
    return source_pb2.StackTrace(frames=frames)


def _position(filename: str, line: int) -> source_pb2.SourcePosition | None:
    uri = _uri(filename)
    return source_pb2.SourcePosition(uri=uri, line=line) if uri else None


@functools.cache
def _uri(filename: str) -> str | None:
    try:
        return Path(filename).as_uri()
    except ValueError:  # no file's: `<frozen runpy>`
        return None


def explain(error: BaseException) -> str:
    """The traceback as the program's author reads it: without the frames of this runner and of the SDK."""
    told = traceback.TracebackException.from_exception(error)
    for one in _chain(told):
        own = [frame for frame in one.stack if _of_the_program(frame.filename)]
        one.stack = traceback.StackSummary.from_list(own or list(one.stack))
    return "".join(told.format())


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    one: traceback.TracebackException | None = told
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _of_the_program(filename: str) -> bool:
    return filename != __file__ and not filename.startswith("<frozen") and not MACHINERY & set(Path(filename).parents)


def run(entry: Path, workers: int, told: int) -> int:
    """Runs the program at `entry` (a file, or a folder with a `__main__.py`) and returns the exit status: `told` where
    the engine knows what went wrong."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=workers))
    loop.set_exception_handler(_stop_on_lost_engine)
    try:
        loop.run_until_complete(run_in_stack(lambda: _run_path(entry)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return told
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return 0  # the engine is going down, and has said why
        pulumi.log.error(f"The engine refused a call of the program: {error.details()}")
        return told
    except KeyboardInterrupt:
        return told
    except SystemExit as error:
        return _status(error.code, told)
    except BaseException as error:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{explain(error)}")
        return told
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                loop.run_until_complete(task)
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run_path(entry: Path) -> None:
    runpy.run_path(str(entry), run_name="__main__")


def _status(code: Any, told: int) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    pulumi.log.error(str(code))
    return told


def _stop_on_lost_engine(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), grpc.RpcError):
        loop.stop()
    else:
        loop.default_exception_handler(context)


def main(request: dict[str, Any]) -> int:
    """`request` is what the language host passes on of the engine's RunRequest."""
    pulumi.runtime.reset_options(**request["options"])
    sys.argv = [request["entry"], *request["args"]]
    entry = Path(request["entry"])
    folder = entry if entry.is_dir() else entry.parent
    # The SDK folder of this script must not shadow a module of the program.
    sys.path[0] = str(folder)
    return run(entry, max(request["options"]["parallel"] or 1, 1) * 4, request["told"])


if __name__ == "__main__":
    # A program makes much and drops little, the SDK's thousands of classes first. By default the collector would look
    # through all of it some thousand times: a tenth of the time of a program of a few resources.
    gc.set_threshold(1_000_000)
    hasten()
    status = main(json.loads(sys.argv[1]))
    # A thread of the SDK may still wait for an engine that is gone.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
