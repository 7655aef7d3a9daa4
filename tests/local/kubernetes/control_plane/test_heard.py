"""What a watch tells is what a list would: of all that is made, changed and taken away, and after it was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from local.kubernetes.control_plane.api import Api, ApiError
from local.kubernetes.control_plane.heard import Heard
from tests.cluster import Cluster, wait_for

PATH = "/api/v1/namespaces/default/configmaps?labelSelector=told%3Dby-watch"


def thing(uid: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Pretended:
    """A server whose watch tells what is put into it; None ends it."""

    def __init__(self, *lists: list[dict[str, Any]] | None) -> None:
        self.lists, self.asked, self.watched = list(lists), list[str](), list[str]()
        self.tells: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def call(self, method: str, path: str) -> Any:
        self.asked.append(f"{method} {path}")
        items = self.lists[min(len(self.asked), len(self.lists)) - 1]
        if items == []:
            raise ConnectionError("nobody answers")
        return {"metadata": {"resourceVersion": str(10 * len(self.asked))}, "items": items}

    def watch(self, path: str, version: str, _: int) -> Iterator[dict[str, Any]]:
        self.watched.append(f"{path} since {version}")
        while (event := self.tells.get()) is not None:
            yield event


def uids(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["metadata"]["uid"], each["metadata"]["resourceVersion"]) for each in found]


def test_it_asks_once_and_hears_of_the_rest() -> None:
    server = Pretended([thing("a"), thing("b")])
    heard = Heard(lambda: server)
    assert uids(heard("/pods?x=y")) == [("a", "1"), ("b", "1")]
    for event in (("MODIFIED", thing("a", 2)), ("DELETED", thing("b", 3)), ("ADDED", thing("c", 4))):
        server.tells.put({"type": event[0], "object": event[1]})
    wait_for(lambda: uids(heard("/pods?x=y")) == [("a", "2"), ("c", "4")])
    assert server.asked == ["GET /pods?x=y&resourceVersion=0"]
    assert server.watched == ["/pods?x=y since 10"]


@pytest.mark.parametrize("end", [None, {"type": "ERROR", "object": {"code": 410}}, {"unreadable": 1}])
def test_where_the_watch_ends_it_asks_again_and_says_what_keeps_it_from_that(end: Any) -> None:
    server = Pretended([thing("a")], [], None)
    heard = Heard(lambda: server)
    heard("/pods")
    server.tells.put(end)
    with pytest.raises(ConnectionError, match="nobody answers"):
        wait_for(lambda: heard("/pods") and False)
    assert heard("/pods") == []
    wait_for(lambda: server.watched == ["/pods since 10", "/pods since 30"])


@pytest.mark.cluster
@pytest.mark.xdist_group("cluster")
def test_the_api_servers_own_watch_tells_all_that_a_list_would(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    ask = Api.call
    monkeypatch.setattr(Api, "call", lambda api, method, path: asked.append(path) or ask(api, method, path))
    plane = cluster.workspace.kubernetes
    port = int(cluster.kubectl("config", "view", "--output=jsonpath={.clusters[0].cluster.server}").rpartition(":")[2])
    connections = list[Api]()

    def connect() -> Api:
        connections.append(Api(plane / "pki", "admin", port))
        return connections[-1]

    heard = Heard(connect)

    def told() -> dict[str, Any]:
        return {each["metadata"]["name"]: each["data"] for each in heard(PATH)}

    def put(name: str, value: str, kept: str = "by-watch") -> None:
        meta = {"name": name, "namespace": "default", "labels": {"told": kept}}
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}})

    put("first", "1")
    wait_for(lambda: told() == {"first": {"value": "1"}})
    put("second", "1")
    put("first", "2")
    put("other", "1", "otherwise")
    wait_for(lambda: told() == {"first": {"value": "2"}, "second": {"value": "1"}})
    put("second", "1", "otherwise")  # the selector does not choose it any more
    wait_for(lambda: told() == {"first": {"value": "2"}})
    assert len(asked) == 1
    assert connections[0]._connection.sock
    connections[0]._connection.sock.shutdown(2)  # as a server that is killed ends it
    put("third", "1")
    wait_for(lambda: told() == {"first": {"value": "2"}, "third": {"value": "1"}})
    assert len(asked) == 2
    cluster.kubectl("delete", "configmap", "--namespace=default", "first", "second", "third", "other")
    wait_for(lambda: told() == {})
    with pytest.raises(ApiError, match="404"):
        heard("/apis/nobodys.example.org/v1/things")
