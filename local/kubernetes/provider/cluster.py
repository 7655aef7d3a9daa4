"""What is done with the objects of one API server: read, applied, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.kubernetes.provider.connection import APPLY, ApiError, Connection
from local.kubernetes.provider.discovery import Discovery, Served, path
from local.kubernetes.provider.objects import Identity, Kind, Object, identity_of
from local.kubernetes.provider.schema import Schemas
from local.plugin.failures import UserError

STRANGERS = "https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"


class NoSuchKind(UserError):
    """A kind that the API server does not serve (yet)."""


class Conflict(UserError):
    """Fields that another manager holds."""


class Cluster:
    """One API server. `warn` is told what the server warns of."""

    def __init__(self, connection: Connection, warn: Callable[[str], None]) -> None:
        self.connection = connection
        self.discovery = Discovery(connection)
        self.schemas = Schemas(connection)
        self.warn = warn

    def served(self, kind: Kind) -> Served:
        """The kind as the server has it, or NoSuchKind."""
        served = self.discovery.served(kind)
        if served is None:
            raise NoSuchKind(
                f"the API server has no kind {kind}. Where a CustomResourceDefinition or a chart of the same program "
                "brings it, let this resource depend on that (depends_on)"
            )
        return served

    def version(self) -> str:
        """The API server's version."""
        return str(self.connection.get("/version").get("gitVersion", ""))

    def path(self, identity: Identity) -> str:
        """Where an object lies."""
        return path(identity, self.served(identity.kind))

    def find(self, identity: Identity) -> Object | None:
        """The live object, None where it is gone or its kind is."""
        try:
            return self.connection.find(self.path(identity))
        except NoSuchKind:
            return None

    def apply(self, manifest: Mapping[str, Any], manager: str, *, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply; what the object is afterwards. A misspelt field is an error, as is another's field."""
        identity = identity_of(manifest)
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        try:
            answer, warnings = self.connection.request_with_warnings(
                "PATCH", self.path(identity), query, manifest, APPLY
            )
        except ApiError as error:
            if error.status == 409 and any(one.get("reason") == "FieldManagerConflict" for one in error.causes):
                raise Conflict(_conflict(identity, error)) from error
            raise
        for warning in warnings:
            self.warn(f"{identity}: {warning}")
        return answer

    def delete(self, identity: Identity, propagation: str) -> bool:
        """Asks for a deletion; whether there was something to delete."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        try:
            self.connection.request("DELETE", self.path(identity), body=body)
        except NoSuchKind:
            return False
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def _conflict(identity: Identity, error: ApiError) -> str:
    held = [
        f"{one.get('field', '?')} ({str(one.get('message', '')).removeprefix('conflict with ')})"
        for one in error.causes
        if one.get("reason") == "FieldManagerConflict"
    ]
    return (
        f"{identity}: {len(held)} of its fields are held by another manager: {', '.join(held)}. To take them over, "
        'annotate the resource with pulumi.com/patchForce: "true" or set enablePatchForce on the provider; to leave '
        f"them, take them out of the program or into ignore_changes ({STRANGERS})"
    )
