"""What went wrong, as the engine is told it: a status, and a sentence that says what to do."""

from __future__ import annotations

import grpc

from local.kubernetes.provider.connection import ApiError, Cancelled, Unreachable
from local.kubernetes.provider.waiting import NotReady
from local.plugin.failures import UserError, unexpected

DEBUG = "PARAPET_KUBERNETES_DEBUG"
_ADVICE = {
    401: "The kubeconfig's credentials are not taken",
    413: "The object is too large for the API server",
}


def explained(error: Exception, operation: str, subject: str) -> tuple[grpc.StatusCode, str]:
    """The status and the message for an error of an operation on a resource (by URN) or a function (by token)."""
    match error:
        case Cancelled():
            return grpc.StatusCode.CANCELLED, "cancelled"
        case ApiError():
            advice = f" {_ADVICE[error.status]}." if error.status in _ADVICE else ""
            return grpc.StatusCode.UNKNOWN, f"the Kubernetes API server refused the {operation}: {error}.{advice}"
        case UserError() | Unreachable() | NotReady():
            return grpc.StatusCode.UNKNOWN, str(error)
        case _:
            return unexpected(error, operation, subject, DEBUG)
