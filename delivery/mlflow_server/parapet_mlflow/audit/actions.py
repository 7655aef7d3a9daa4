"""What a request does, told from its method and path without any part of the path that a person chose."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

PREFIXES = ("api", "ajax-api")
FREE = ("health", "version", "static-files", "favicon.ico", "server-info")
"""What MLflow answers without an account: one of these as the first word, or `server-info` behind the API's prefix."""
NATIVE = frozenset(("mlflow-artifacts", "artifacts", "traces", "gateway", "jobs", "mcp-servers", "assistant", "v1"))
"""Words of the routes that are not Flask's, which tell of themselves."""
READS = ("GET", "HEAD", "OPTIONS")
SEARCHES = frozenset(
    (
        "batchGetInfos",
        "calculate-filter-correlation",
        "get-latest-versions",
        "graphql",
        "metrics",
        "search",
        "search-datasets",
        "ui-telemetry",
    )
)
"""The last words of what is asked with POST and changes nothing."""
DOWNLOADS = ("get-artifact", "get-trace-artifact", "model-versions/get-artifact", "artifacts/presigned-download-url")
PROXY, UPLOAD = "mlflow-artifacts", "artifacts/upload"
FILES = frozenset((UPLOAD, "upload-artifact"))
"""Whose body is a file, and is not looked at."""
UNKNOWN = "{}"
"""What stands for a part of the path that is no word of any route: an identifier, a name, a file."""


REMEMBERED = 200
"""Characters of the longest path that is: the memory for them all stays below 2 MB."""


class Kind:
    """Why a request is written down when nobody refused it."""

    CHANGE, DOWNLOAD = "change", "download"


class Action(NamedTuple):
    """`name` is told; `kind` is None where only a refusal is written down, `free` where not even that."""

    name: str
    kind: str | None
    free: bool = False


@dataclass(frozen=True)
class Actions:
    """All that the server can be asked for. `words` are the fixed parts of its routes."""

    words: frozenset[str]

    @classmethod
    def of_rules(cls, rules: Iterable[str]) -> "Actions":
        """From Flask's rules, such as `/api/2.0/mlflow/logged-models/<model_id>/tags`."""
        return cls(NATIVE.union(*(set(_parts(rule)) for rule in rules)) - {""})

    def of(self, method: str, path: str) -> Action:
        """Such as `registered-models/create`. Paths that clients ask for again and again are remembered."""
        return (_told if len(path) <= REMEMBERED else _told.__wrapped__)(self.words, method, path)


def _parts(rule: str) -> Iterable[str]:
    return (part for part in rule.split("/") if "<" not in part)


@lru_cache(maxsize=4096)
def _told(words: frozenset[str], method: str, path: str) -> Action:
    parts = [part for part in path.split("/") if part]
    if parts and parts[0] in PREFIXES:
        # /api/2.0/mlflow/runs/create, /api/2.0/mlflow-artifacts/artifacts/FILE
        parts = parts[2:]
    if parts and parts[0] == "mlflow":
        parts = parts[1:]
    if not parts:
        return Action("/", None)
    if parts[0] in FREE and method in READS:
        return Action(parts[0], None, free=True)
    if parts[0] == PROXY:
        return _of_proxy(method, [part for part in parts if part != UNKNOWN])
    name = "/".join(part if part in words else UNKNOWN for part in parts)
    if name in DOWNLOADS or (parts[0] == "logged-models" and parts[-2:] == ["artifacts", "files"]):
        return Action(name, Kind.DOWNLOAD)
    if method in READS or (method == "POST" and parts[-1] in SEARCHES):
        return Action(name, None)
    return Action(name, Kind.CHANGE)


def _of_proxy(method: str, parts: list[str]) -> Action:
    """The files: a path follows, of which nothing is told."""
    service, *rest = parts[1:] or [""]
    if service == "mpu":
        step = rest[0] if rest and rest[0] in ("create", "complete", "abort") else UNKNOWN
        return Action(f"artifacts/multipart-{step}", Kind.CHANGE)
    if service == "presigned":
        return Action("artifacts/presigned", Kind.DOWNLOAD)
    if method in ("GET", "HEAD"):
        return Action("artifacts/download", Kind.DOWNLOAD) if rest else Action("artifacts/list", None)
    return Action({"PUT": UPLOAD, "DELETE": "artifacts/delete"}.get(method, f"artifacts/{UNKNOWN}"), Kind.CHANGE)
