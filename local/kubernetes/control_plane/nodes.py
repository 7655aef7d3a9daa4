"""The process that keeps one KWOK node for each node that the local AWS API has: of a node group, or an instance."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import server
from local.aws.changes import Watched
from local.keeping import keep
from local.kubernetes.control_plane.api import MERGE, Api, ApiError
from local.kubernetes.control_plane.described import Described
from local.kubernetes.control_plane.instances import Instances
from local.kubernetes.control_plane.machines import GIVEN, OWNED
from local.kubernetes.control_plane.node_groups import NodeGroups
from local.workspace import Workspace

PATH = "/api/v1/nodes"


class Keeper:
    """Makes the nodes of the API server be the wanted ones, look by look."""

    def __init__(self, workspace: Workspace, api: Api) -> None:
        self._workspace = workspace
        self._api = api
        self._endpoint: str | None = None
        self._wanted: Watched[dict[str, dict[str, Any]]] | None = None
        self._told = ""

    def look(self) -> bool:
        """Whether anything had to be changed. Where one side does not answer, the nodes stay as they are."""
        try:
            if not (told := self._reach()):
                return False
            # In this order, or a node whose instance was ended between the two would be made again.
            found = _found(self._api)
            return _make_equal(self._api, found, told.told())
        except (BotoCoreError, ClientError, LookupError) as error:
            self._tell(f"The AWS API does not tell its nodes, so they stay: {error}")
        except (ApiError, OSError) as error:
            self._tell(f"The API server does not take the nodes: {error}")
        else:
            self._tell("")
        return False

    def _reach(self) -> Watched[dict[str, dict[str, Any]]] | None:
        # Looked up each time: the AWS API may start later than this, and again on another port.
        endpoint = server.url(self._workspace)
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            self._wanted = Watched(endpoint, _wanted(Described(endpoint))) if endpoint else None
        if not endpoint:
            self._tell("The AWS API does not run: waiting for it.")
        return self._wanted

    def _tell(self, text: str) -> None:
        if text and text != self._told:
            print(text, flush=True)
        self._told = text


def _wanted(described: Described) -> Callable[[], dict[str, dict[str, Any]]]:
    """Asks for the nodes that the AWS API has, by name."""
    groups, instances = NodeGroups(described), Instances(described)
    return lambda: groups.nodes() | instances.nodes()


def _found(api: Api) -> dict[str, dict[str, Any]]:
    listed = api.call("GET", f"{PATH}?labelSelector={OWNED}&resourceVersion=0")["items"] or []
    return {node["metadata"]["name"]: node for node in listed}


def _make_equal(api: Api, found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> bool:
    missing = [node for name, node in wanted.items() if name not in found]
    surplus = [name for name, node in found.items() if name not in wanted and not _goes(node)]
    outdated = [name for name in found if name in wanted and _given(found[name]) != _given(wanted[name])]
    for node in missing:
        api.call("POST", PATH, node)
        print(f"added {node['metadata']['name']}", flush=True)
    for name in surplus:
        _remove(api, name)
        print(f"removed {name}", flush=True)
    for name in outdated:
        api.call("PATCH", f"{PATH}/{name}", _change(found[name], wanted[name]), MERGE)
        print(f"changed {name}", flush=True)
    return bool(missing or surplus or outdated)


def _goes(node: dict[str, Any]) -> bool:
    """Whether it is being deleted: what has put a finalizer on it takes that off."""
    return "deletionTimestamp" in node["metadata"]


def _remove(api: Api, name: str) -> None:
    try:
        api.call("DELETE", f"{PATH}/{name}")
    except ApiError as error:
        if error.status != 404:  # whoever ended the instance was quicker
            raise


def _given(node: dict[str, Any]) -> str | None:
    found: str | None = node["metadata"].get("annotations", {}).get(GIVEN)
    return found


def _change(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What takes back the labels and taints that the group gave before, and gives the new ones; others' stay."""
    before = json.loads(_given(found) or "{}")
    labels: dict[str, str | None] = dict.fromkeys(before.get("labels", {}))
    taints = [taint for taint in found["spec"].get("taints", []) if _bare(taint) not in before.get("taints", [])]
    return {
        "metadata": {
            # A node that somebody else has changed meanwhile is left to the next look.
            "resourceVersion": found["metadata"]["resourceVersion"],
            "labels": labels | wanted["metadata"]["labels"],
            "annotations": wanted["metadata"]["annotations"],
        },
        "spec": {"taints": [*taints, *wanted["spec"]["taints"]]},
    }


def _bare(taint: dict[str, str]) -> dict[str, str]:
    return {"key": taint["key"], "value": taint.get("value", ""), "effect": taint["effect"]}


def main() -> None:
    home, port = sys.argv[1:]
    workspace = Workspace(home=Path(home))
    keep(Keeper(workspace, Api(workspace.kubernetes / "pki", "nodes", int(port))).look)


if __name__ == "__main__":
    main()
