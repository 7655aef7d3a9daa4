"""A pod's container as a process of this machine: the same command, arguments, variables and files.

A container has a network and a file system of its own, and a process has not. So where the pod names an address or a
path of its own, the process gets one of this machine's: `0.0.0.0` is 127.0.0.1, a port of the container's is a free
port here, and a mounted volume, or a file of the image's, is a folder or a file under the pod's own. Nothing else of
what the pod says is changed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANY_ADDRESS, LOOPBACK = "0.0.0.0", "127.0.0.1"  # noqa: S104 (it is what is replaced)


@dataclass(frozen=True)
class Process:
    """What is started in a container's place."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def process(
    pod: Mapping[str, Any], ports: Mapping[int, int], files: Mapping[str, Path], folder: Path, *, mounted: bool = False
) -> Process:
    """The process of a pod's one container.

    Args:
        pod: the pod's specification, as the API server has it.
        ports: the port here for each of `container_ports`.
        files: the file or folder here for each path of the image's.
        folder: what the pod's volumes lie in, a folder each.
        mounted: whether they are mounted where the pod names them, so that paths need no change.
    """
    container = pod["containers"][0]
    places = (
        {}
        if mounted
        else {mount["mountPath"]: folder / mount["name"] for mount in container.get("volumeMounts", [])} | dict(files)
    )
    words = [*container.get("command", []), *container.get("args", [])]
    given = {each["name"]: each.get("value", "") for each in container.get("env", [])}
    return Process(
        tuple(_here(word, ports, places) for word in words),
        {name: _here(value, ports, places) for name, value in given.items()},
    )


def container_ports(pod: Mapping[str, Any]) -> dict[str, int]:
    """The ports that the container listens on, by their names."""
    return {each.get("name", ""): each["containerPort"] for each in pod["containers"][0].get("ports", [])}


def service_account(pod: Mapping[str, Any]) -> str:
    """Whom the pod runs as."""
    return str(pod.get("serviceAccountName") or "default")


def volumes(pod: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The pod's volumes, by their names."""
    return {each["name"]: each for each in pod.get("volumes", [])}


def _here(text: str, ports: Mapping[int, int], places: Mapping[str, Path]) -> str:
    if text == ANY_ADDRESS:
        return LOOPBACK
    if text.isdigit() and int(text) in ports:
        return str(ports[int(text)])
    # A path, or one below it: at the start of the text, or after `=` or `,`. All at once, the longest first: what one
    # was replaced by is not looked at again.
    paths = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    return (
        re.sub(rf"(?:^|(?<=[=,]))({paths})(?=/|$|[,&])", lambda found: str(places[found[1]]), text) if paths else text
    )
