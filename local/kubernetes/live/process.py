"""A container as a process of this machine: what is started, and where it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.workspace import Workspace

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Place:
    """What a part is given of this machine."""

    workspace: Workspace
    folder: Path
    """Its own, with `kubeconfig` and, where it asks for one, a token for istiod."""
    network: str
    """The first three numbers of the stack's loopback addresses."""
    server: str
    """The API server's URL."""
    endpoint: str
    """The AWS API's."""

    def address(self, last: int) -> str:
        return f"{self.network}.{last}"


@dataclass(frozen=True)
class Process:
    """What stands for a container."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: str
    """The URL that answers once it may be called."""
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Where the Services in front of it are here: `ADDRESS:PORT` by `NAMESPACE/NAME` and the Service's own port."""


def container(pod: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A pod's container, one of those that start first among them; raises LookupError where it has none."""
    spec = pod["spec"]
    for each in (*spec.get("initContainers", []), *spec["containers"]):
        if each["name"] == name:
            return dict(each)
    raise LookupError(f"the pod {pod['metadata']['namespace']}/{pod['metadata']['name']} has no container {name}")


def variables(pod: Mapping[str, Any], of: Mapping[str, Any]) -> dict[str, str]:
    """A container's variables, those that refer to the pod's own fields and to its limits resolved."""
    found: dict[str, str] = {}
    for each in of.get("env", []):
        source = each.get("valueFrom", {})
        if "fieldRef" in source:
            found[each["name"]] = _field(pod, source["fieldRef"]["fieldPath"])
        elif "resourceFieldRef" in source:
            found[each["name"]] = _amount(of, **source["resourceFieldRef"])
        elif not source:
            found[each["name"]] = each.get("value", "")
    return found


def _field(pod: Mapping[str, Any], path: str) -> str:
    kind, _, rest = path.partition(".")
    name, _, key = rest.partition("[")
    # The pod's addresses are KWOK's and come late: nothing here has them.
    value: Any = pod.get(kind, {}).get(name, "") if kind != "status" else ""
    return str(value.get(key[1:-2], "") if key else value)


def _amount(of: Mapping[str, Any], resource: str, divisor: str = "1", **_more: str) -> str:
    kind, _, name = resource.partition(".")
    found = quantity(of.get("resources", {}).get(kind, {}).get(name, "0")) / (quantity(divisor) or 1)
    return str(-int(-found // 1))  # rounded up, as a kubelet does


def quantity(text: str) -> float:
    """The number that a Kubernetes quantity says."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
