"""A pod's container as a process of this machine: the same command, arguments, variables and files.

A container has a network and a file system of its own, and a process has not. So where the pod names an address or a
path of its own, the process gets one of this machine's: `0.0.0.0` is 127.0.0.1, as is 127.0.0.6, where the proxy of a
mesh calls a container from; a port of the container's is a free port here, and a mounted volume, or a file of the
image's, is a folder or a file under the pod's own. Nothing else of what the pod says is changed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from local.kubernetes.live.process import variables
from local.kubernetes.workloads.sources import name_of

LOOPBACK: Final = "127.0.0.1"
ADDRESSES: Final = {
    "0.0.0.0": LOOPBACK,  # noqa: S104 (it is what is replaced)
    # Istio's iptables, which are not here, make a proxy's calls come from there (`InboundPassthroughBindIpv4`).
    "127.0.0.6": LOOPBACK,
}
FIELD: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
HTTP: Final = "http"
"""The name of the port at which a workload is called."""


@dataclass(frozen=True)
class Process:
    """What is started in a container's place."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Pod:
    """A pod's template, as the API server has it, and the name of the image whose container runs here."""

    template: Mapping[str, Any]
    image: str

    @property
    def spec(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.template["spec"]
        return found

    @cached_property
    def container(self) -> Mapping[str, Any]:
        """The one that runs here; raises LookupError where none has the image."""
        for each in self.spec["containers"]:
            if name_of(each["image"]) == self.image:
                return dict(each)
        raise LookupError(f"no container of the pod has the image {self.image}")

    @property
    def initial(self) -> list[Mapping[str, Any]]:
        """Those of the image that end before it starts."""
        return [
            each
            for each in self.spec.get("initContainers", [])
            if name_of(each["image"]) == self.image and each.get("restartPolicy") != "Always"
        ]

    @property
    def ports(self) -> dict[str, int]:
        """The ports that the container listens on, by their names."""
        return {each.get("name", ""): each["containerPort"] for each in self.container.get("ports", [])}

    @property
    def service_account(self) -> str:
        """Whom the pod runs as."""
        return str(self.spec.get("serviceAccountName") or "default")

    @property
    def volumes(self) -> dict[str, dict[str, Any]]:
        """The pod's volumes, by their names."""
        return {each["name"]: each for each in self.spec.get("volumes", [])}

    @property
    def user(self) -> tuple[int, int]:
        """Whom its processes are, and their group."""
        context = self.spec["securityContext"]
        return context["runAsUser"], context["runAsGroup"]

    @property
    def grace(self) -> float:
        """Seconds that it is given to end in."""
        return float(self.spec.get("terminationGracePeriodSeconds", 30))


@dataclass(frozen=True)
class Here:
    """Where what a pod calls its own is on this machine."""

    ports: Mapping[int, int]
    """The port here for each of the container's."""
    paths: Mapping[str, Path]
    """The file or folder here for each path; none where the pod's are mounted as it names them."""

    def text(self, said: str) -> str:
        """An argument, a variable or a value, as it is here."""
        if said in ADDRESSES:
            return ADDRESSES[said]
        if said.isdigit() and int(said) in self.ports:
            return str(self.ports[int(said)])
        # A path, or one below it: at the start of the text, or after `=` or `,`. All at once, the longest first: what
        # one was replaced by is not looked at again.
        paths = "|".join(map(re.escape, sorted(self.paths, key=len, reverse=True)))
        if not paths:
            return said
        return re.sub(rf"(?:^|(?<=[=,]))({paths})(?=/|$|[,&])", lambda found: str(self.paths[found[1]]), said)

    def document(self, said: str) -> str:
        """A file's content: of a document of JSON each value, and of all else nothing, as it is here."""
        try:
            read: object = json.loads(said)
        except ValueError:
            return said
        # A text or a number alone is no document.
        return json.dumps(self._value(read), sort_keys=True) if said.lstrip().startswith(("{", "[")) else said

    def _value(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._value(each) for name, each in value.items()}
            case list():
                return [self._value(each) for each in value]
            case str():
                return self.text(value)
            case bool():
                return value
            case int():
                return self.ports.get(value, value)
        return value


def mounted(container: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The folder of each volume that the container mounts, by the path that it mounts it at; all lie in `folder`."""
    return {mount["mountPath"]: folder / mount["name"] for mount in container.get("volumeMounts", [])}


def process(pod: Mapping[str, Any], container: Mapping[str, Any], here: Here) -> Process:
    """The process of a container. `pod`: it, or its template, whose own fields the variables refer to."""
    words = [*container.get("command", []), *container.get("args", [])]
    given = variables(pod, container)
    return Process(
        tuple(here.text(word) for word in words),
        {name: here.text(value) for name, value in given.items()},
    )


def told(pod: Pod, here: Here) -> Iterator[tuple[str, str, str]]:
    """What the pod's volumes say of itself (the downward API): volume, file and content."""
    for name, volume in pod.volumes.items():
        for item in volume.get("downwardAPI", {}).get("items", []):
            path = item.get("fieldRef", {}).get("fieldPath", "")
            if not (field := FIELD.fullmatch(path)):
                raise LookupError(
                    f"the volume {name} wants {path or 'a resource'}, and here it has labels and annotations"
                )
            found = pod.template.get("metadata", {}).get(field[1], {})
            yield name, item["path"], here.document(str(found.get(field[2], "")))
