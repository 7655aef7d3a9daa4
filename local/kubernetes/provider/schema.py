"""What an API server's OpenAPI says of the lists in an object: which are sets, and which are maps by a key.

Kubernetes documentation, "Server-Side Apply", section "Merge strategy": a list without such a word is one value.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from local.kubernetes.provider.connection import ApiError, Connection, Unreachable
from local.kubernetes.provider.discovery import root
from local.kubernetes.provider.objects import Kind

_GVK = "x-kubernetes-group-version-kind"


class Schema:
    """A place in a kind's schema."""

    def __init__(self, document: Mapping[str, Any], node: Mapping[str, Any]) -> None:
        self._document = document
        self._node = self._resolved(node)

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while True:
            whole = node.get("allOf")
            if whole and len(whole) == 1:
                node = {**whole[0], **{key: value for key, value in node.items() if key != "allOf"}}
            if "$ref" not in node:
                return node
            found = self._document.get("components", {}).get("schemas", {}).get(node["$ref"].rsplit("/", 1)[1], {})
            node = {**found, **{key: value for key, value in node.items() if key.startswith("x-")}}

    def member(self, name: str) -> Schema:
        """What lies under a name."""
        properties = self._node.get("properties", {})
        return Schema(self._document, properties.get(name) or self._node.get("additionalProperties") or {})

    def items(self) -> Schema:
        """What is in the list."""
        return Schema(self._document, self._node.get("items") or {})

    @property
    def is_set(self) -> bool:
        """Whether the order of the list means nothing."""
        return bool(self._node.get("x-kubernetes-list-type") == "set")

    @property
    def keys(self) -> Sequence[str]:
        """The members by which the list's elements are told apart, if it is a map."""
        is_map = self._node.get("x-kubernetes-list-type") == "map"
        return self._node.get("x-kubernetes-list-map-keys", []) if is_map else []


NOTHING = Schema({}, {})
"""A place of which nothing is known."""


class Schemas:
    """The schemas of one API server, read when they are first asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._documents: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def of(self, kind: Kind) -> Schema:
        """A kind's schema; NOTHING where the server tells none, or is not there."""
        with self._lock:
            if kind.api_version not in self._documents:
                try:
                    found = self._connection.find(f"/openapi/v3{root(kind.api_version)}")
                except (ApiError, Unreachable):
                    return NOTHING
                self._documents[kind.api_version] = found or {}
        document = self._documents[kind.api_version]
        version = kind.api_version.rpartition("/")[2]
        wanted = {"group": kind.group, "version": version, "kind": kind.kind}
        for node in document.get("components", {}).get("schemas", {}).values():
            if wanted in node.get(_GVK, []):
                return Schema(document, node)
        return NOTHING

    def forget(self) -> None:
        """Ask again: definitions have changed."""
        with self._lock:
            self._documents.clear()
