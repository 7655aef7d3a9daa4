"""What a Kubernetes object is called: by its type token, its identity, its id in the state, its annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from local.plugin.failures import UserError
from local.plugin.values import UNKNOWN

Object = dict[str, Any]

AUTONAMED = "pulumi.com/autonamed"
FIELD_MANAGER = "pulumi.com/patchFieldManager"
FORCE = "pulumi.com/patchForce"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"
SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT = "pulumi.com/timeoutSeconds"
WAIT_FOR = "pulumi.com/waitFor"


class Kind(NamedTuple):
    """Group, version and kind; `apiVersion` of the core group is its version alone."""

    api_version: str
    kind: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


class Identity(NamedTuple):
    """Which object it is; `namespace` is empty for one of the whole cluster."""

    kind: Kind
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """The id in the state, as the official provider writes it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.id}"


def kind_of_token(token: str) -> Kind:
    """The kind that a type token such as `kubernetes:core/v1:Namespace` names."""
    parts = token.split(":")
    if len(parts) != 3 or not all(parts):
        raise UserError(f"{token} is no type of pulumi_kubernetes: it has the form kubernetes:GROUP/VERSION:KIND")
    return Kind(parts[1].removeprefix("core/"), parts[2])


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The kind that a manifest says it is."""
    return Kind(str(manifest.get("apiVersion", "")).removeprefix("core/"), str(manifest.get("kind", "")))


def is_patch(token: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a resource only holds some fields of an object that is another's: `DeploymentPatch` of a Deployment."""
    kind = token.split(":")[-1]
    return kind.endswith("Patch") and inputs.get("kind", kind) == kind.removesuffix("Patch")


def identity_of(manifest: Mapping[str, Any]) -> Identity:
    """Which object a manifest describes."""
    return Identity(kind_of(manifest), str(part(manifest, "namespace") or ""), str(part(manifest, "name") or ""))


def part(manifest: Mapping[str, Any], name: str) -> Any:
    """A member of the metadata, or None where it is not given or not known."""
    metadata = manifest.get("metadata")
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    return None if value is UNKNOWN else value


def annotation(manifest: Mapping[str, Any], name: str) -> str:
    """The value of an annotation, empty where it is not given."""
    annotations = part(manifest, "annotations")
    value = annotations.get(name) if isinstance(annotations, Mapping) else None
    return "" if value is None or value is UNKNOWN else str(value)


def switched_on(manifest: Mapping[str, Any], name: str) -> bool:
    """Whether an annotation says true."""
    return annotation(manifest, name).lower() == "true"


def split_id(identifier: str) -> tuple[str, str]:
    """Namespace and name of an id in the state."""
    namespace, _, name = identifier.rpartition("/")
    return namespace, name


def owners(live: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The field managers of a live object, each with the fields that it holds (`fieldsV1`)."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in part(live, "managedFields") or []:
        if not entry.get("subresource"):
            found.setdefault(entry.get("manager", ""), []).append(entry.get("fieldsV1", {}))
    return found


def holds(fields: Mapping[str, Any], path: list[str]) -> bool:
    """Whether a set of managed fields has this one, or something below it."""
    here: Any = fields
    for key in path:
        here = here.get(f"f:{key}") if isinstance(here, Mapping) else None
        if here is None:
            return False
    return True
