"""Which kinds an API server serves, under which path, and whether in namespaces: asked once for each group."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

from local.kubernetes.provider.connection import Connection
from local.kubernetes.provider.objects import Identity, Kind

# Kubernetes documentation, "The Kubernetes API", section "Aggregated discovery".
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_AGAIN = 0.5  # seconds before a kind that was not served is asked for again


@dataclass(frozen=True)
class Served:
    """A kind as the server has it."""

    plural: str
    namespaced: bool
    verbs: frozenset[str]


class Discovery:
    """What one server serves. A kind that is not there may come with its CustomResourceDefinition."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kinds: dict[str, dict[str, Served]] = {}
        self._asked: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def served(self, kind: Kind) -> Served | None:
        """The kind, None where the server does not have it."""
        with self._lock:
            lock = self._locks.setdefault(kind.api_version, threading.Lock())
        with lock:
            known = self._kinds.get(kind.api_version, {})
            if kind.kind in known or time.monotonic() < self._asked.get(kind.api_version, 0) + _AGAIN:
                return known.get(kind.kind)
            answer = self._connection.find(root(kind.api_version)) or {}
            self._kinds[kind.api_version] = {
                one["kind"]: Served(one["name"], one["namespaced"], frozenset(one["verbs"]))
                for one in answer.get("resources", [])
                if "/" not in one["name"]
            }
            self._asked[kind.api_version] = time.monotonic()
            return self._kinds[kind.api_version].get(kind.kind)

    def every(self) -> tuple[str, ...]:
        """All kinds, as `group/version` and `group/version/Kind`."""
        found: dict[str, None] = {}
        for root_path in ("/api", "/apis"):
            answer = self._connection.request("GET", root_path, accept=_AGGREGATED)
            for group in answer.get("items", []):
                for version in group.get("versions", []):
                    name = f"{group['metadata'].get('name', '')}/{version['version']}".lstrip("/")
                    found[name] = None
                    kinds = [one.get("responseKind") or {} for one in version.get("resources", [])]
                    found |= {f"{name}/{one['kind']}": None for one in kinds if one.get("kind")}
        return tuple(found)

    def forget(self) -> None:
        """Ask again: definitions have changed."""
        with self._lock:
            self._kinds.clear()
            self._asked.clear()


def root(api_version: str) -> str:
    """The path of a group's version."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def path(identity: Identity, served: Served) -> str:
    """Where an object lies; where all of its kind lie, if it has no name."""
    within = f"/namespaces/{quote(identity.namespace, safe='')}" if served.namespaced and identity.namespace else ""
    name = f"/{quote(identity.name, safe='')}" if identity.name else ""
    return f"{root(identity.kind.api_version)}{within}/{served.plural}{name}"
