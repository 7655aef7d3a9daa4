"""What went wrong, as the engine is told it: a status, and a sentence that says what to do."""

from __future__ import annotations

import grpc

from local.aws.calls import ApiError, CallError, Cancelled
from local.aws.convert import ConversionError
from local.aws.declaration import DeclarationError, resource_type
from local.aws.expression import ExpressionError
from local.plugin.failures import UserError, unexpected
from local.plugin.servicer import token_of


def explained(error: Exception, operation: str, subject: str) -> tuple[grpc.StatusCode, str]:
    """The status and the message for an error of an operation on a resource (by URN) or a data source (by token)."""
    match error:
        case Cancelled():
            return grpc.StatusCode.CANCELLED, "cancelled"
        case UserError() | ApiError() | CallError():
            advice = _advice(error, subject)
            return grpc.StatusCode.UNKNOWN, f"{error}. {advice}" if advice else str(error)
        case ConversionError() | DeclarationError() | ExpressionError() | LookupError():
            misfit = f"{operation} of {subject}: the stand-in's declaration does not fit: {error}"
            return grpc.StatusCode.INTERNAL, misfit
        case _:
            return unexpected(error, operation, subject, "PARAPET_AWS_DEBUG")


def _advice(error: Exception, subject: str) -> str | None:
    if not isinstance(error, ApiError) or "::" not in subject:
        return None
    declared = resource_type(token_of(subject))
    return declared.explain.get(error.code) if declared else None
