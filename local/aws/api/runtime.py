"""One invocation of a Python function, in a process of its own: `python -P runtime.py FOLDER`.

Reads `request.json` there, runs the handler of the code in `task` (and of the layers in `opt`), writes `answer.json`.
What the handler prints is its log. Source: AWS Lambda Developer Guide, "Building with Python".
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any


class Context:
    """What a handler can ask of its invocation."""

    def __init__(self, told: Mapping[str, str], timeout: float) -> None:
        self.__dict__.update(told)
        self._end = time.monotonic() + timeout  # seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return max(0, int((self._end - time.monotonic()) * 1000))


class Failed(Exception):
    """The runtime's own error; its kind as Lambda names it."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


def answer(request: Mapping[str, Any]) -> str:
    """What the handler returns, as JSON. Raises what it raises, and Failed where there is none."""
    module, _, name = request["handler"].rpartition(".")
    handler = getattr(import_module(module.replace("/", ".")), name, None)
    if handler is None:
        raise Failed("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'")
    returned = handler(request["event"], Context(request["context"], request["timeout"]))
    try:
        return json.dumps(returned)
    except (TypeError, ValueError) as error:
        raise Failed("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def failure(error: Exception, request: Mapping[str, Any]) -> str:
    """What Lambda answers of an error that left the handler, as JSON."""
    return json.dumps(
        {
            "errorMessage": str(error),
            "errorType": error.kind if isinstance(error, Failed) else type(error).__name__,
            "requestId": request["context"]["aws_request_id"],
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    )


def main() -> None:
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text())
    sys.path[:0] = [str(folder / "task"), str(folder / "opt" / "python")]
    os.chdir(folder / "task")
    try:
        told = {"payload": answer(request), "failed": False}
    except Exception as error:
        traceback.print_exc()
        told = {"payload": failure(error, request), "failed": True}
    (folder / "answer.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
