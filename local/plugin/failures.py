"""What goes wrong in any stand-in."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import grpc


class UserError(Exception):
    """Something that the user of the provider can act on, said in a sentence."""


class Unfinished(Exception):
    """A create or update that stopped half-way: what there is of the resource, for the engine to keep."""

    def __init__(self, identifier: str, outputs: dict[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.identifier = identifier
        self.outputs = outputs
        self.reason = reason


def unexpected(error: Exception, operation: str, subject: str, debug: str) -> tuple[grpc.StatusCode, str]:
    """The status and the message for an error that nobody foresaw. `debug`: as in `local.plugin.process.run`."""
    if os.environ.get(debug):
        traceback.print_exception(error, file=sys.stderr)
    reason = f"{operation} of {subject} failed inside the stand-in: {type(error).__name__}: {error}"
    return grpc.StatusCode.INTERNAL, reason
