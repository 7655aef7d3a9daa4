"""The words of the SDK that the user writes: a message names a property as the program does.

Pulumi's Python SDKs call in snake_case what the providers call in camelCase, in nested objects too. What the user names
(a tag, a label) stays, and so does a custom resource of Kubernetes: it is written as its definition has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

Words: TypeAlias = Callable[[str], str]

MAPS = frozenset(
    {
        "annotations",
        "binaryData",
        "data",
        "environmentVariables",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "requests",
        "stringData",
        "tags",
        "tagsAll",
        "variables",
    }
)
"""Properties of either provider whose content has names that the user chose."""

_NAME = re.compile(r"[a-z][A-Za-z0-9]*")
# An acronym is one word, in the plural too: hostIPC, externalIPs.
_WORD = re.compile(r"[A-Z]+[0-9]*s(?![a-z])|[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z0-9]+")

_TYPED_GROUPS = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "auditregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "settings.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
"""Groups of the Kubernetes API that the SDK has classes for, of those with a dot in their names."""


def as_written(path: str) -> str:
    """The provider's own words."""
    return path


@cache
def snake_case(path: str) -> str:
    """A dotted path as the Python SDK writes it: `rules.0.cidrBlocks` is `rules.0.cidr_blocks`."""
    said: list[str] = []
    parts = path.split(".")
    for place, part in enumerate(parts):
        said.append("_".join(_WORD.findall(part)).lower() if _NAME.fullmatch(part) else part)
        if part in MAPS:
            return ".".join([*said, *parts[place + 1 :]])
    return ".".join(said)


def words_of(type_: str) -> Words:
    """How a program names the properties of a resource of this type."""
    group = type_.removeprefix("kubernetes:").partition("/")[0]
    if type_.startswith("kubernetes:") and "." in group and group not in _TYPED_GROUPS:
        return as_written
    return snake_case
