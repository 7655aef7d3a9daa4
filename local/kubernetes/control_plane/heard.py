"""What the API server has, as watches tell it: who looks several times a second asks it once.

A list of all pods costs the server and its reader some milliseconds each time, and a look of those who keep this
machine equal to the cluster takes a dozen of lists.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock, Thread
from typing import Any, Final, Protocol, TypeAlias

ANEW_AFTER: Final = 60  # seconds, after which a list is asked for again, whatever was heard


Listed: TypeAlias = Callable[[str], list[dict[str, Any]]]
"""The objects at a path; raises what `Api.call` raises."""


class Asked(Protocol):
    """One connection to the API server: `api.Api`."""

    def call(self, method: str, path: str) -> Any: ...

    def watch(self, path: str, version: str, seconds: int) -> Iterator[Mapping[str, Any]]: ...


class Heard:
    """The lists at some paths, for one thread that asks. `connect` makes a connection for each of them."""

    def __init__(self, connect: Callable[[], Asked]) -> None:
        self._connect = connect
        self._lists: dict[str, _List] = {}

    def __call__(self, path: str) -> list[dict[str, Any]]:
        """The objects at a path, as of a moment ago: they are shared, and only read. Raises what `Api.call` raises."""
        if path not in self._lists:
            self._lists[path] = _List(self._connect(), path)
        return self._lists[path].objects()


class _List:
    def __init__(self, api: Asked, path: str) -> None:
        self._api, self._path = api, path
        self._lock = Lock()
        self._objects: dict[str, dict[str, Any]] = {}
        self._hears: Thread | None = None

    def objects(self) -> list[dict[str, Any]]:
        if self._hears is None or not self._hears.is_alive():  # else the connection is that thread's
            told = self._api.call("GET", with_query(self._path, "resourceVersion=0"))
            self._objects = {each["metadata"]["uid"]: each for each in told["items"] or []}
            self._hears = Thread(target=self._hear, args=(told["metadata"]["resourceVersion"],), daemon=True)
            self._hears.start()
        with self._lock:
            return list(self._objects.values())

    def _hear(self, version: str) -> None:
        """Until the server has nothing more to tell, for whatever reason: the next look asks, and is told why."""
        try:
            for event in self._api.watch(self._path, version, ANEW_AFTER):
                if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                    return
                self._take(event["type"], event["object"])
        except Exception:
            return  # an error of the server's or of the connection's is the next list's too

    def _take(self, what: str, changed: dict[str, Any]) -> None:
        with self._lock:
            if what == "DELETED":
                self._objects.pop(changed["metadata"]["uid"], None)
            else:
                self._objects[changed["metadata"]["uid"]] = changed


def asked_of(api: Asked) -> Listed:
    """Lists that are asked for each time: for who looks once."""
    return lambda path: list(api.call("GET", with_query(path, "resourceVersion=0"))["items"] or [])


def with_query(path: str, more: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{more}"
