"""YAML as lists of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from local.kubernetes.provider.normal import DEFINITION
from local.kubernetes.provider.objects import Identity, Kind, Object, identity_of, kind_of, part
from local.plugin.failures import UserError

NAMESPACE = Kind("v1", "Namespace")


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def decode(text: str, source: str) -> list[Object]:
    """The objects of a YAML text, those in lists among them. `source` says in an error where the text is from."""
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{source}{where}: no YAML: {getattr(error, 'problem', error)}") from error
    return list(expanded([_with_text_keys(one) for one in documents if one], source))


def _with_text_keys(value: Any) -> Any:
    """A mapping as JSON has it: the key `on`, which YAML takes for a flag, is `true` there (as kubectl has it)."""
    if isinstance(value, dict):
        return {_key(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def expanded(objects: Iterable[Any], source: str) -> Iterator[Object]:
    """The objects, with a list's items in its place; each has a kind and a name."""
    for one in objects:
        if not isinstance(one, dict) or not one.get("kind") or not one.get("apiVersion"):
            raise UserError(f"{source}: an object has no apiVersion or no kind; a manifest needs both")
        if str(one["kind"]).endswith("List") and isinstance(one.get("items"), list):
            yield from expanded(one["items"], source)
        else:
            yield one


def located(objects: Iterable[Object], namespace: str, namespaced: dict[Identity, bool | None]) -> list[Object]:
    """Copies, in the namespace where they name none and their kind has one."""
    found = []
    for one in objects:
        metadata = {key: value for key, value in (one.get("metadata") or {}).items() if value is not None}
        if not metadata.get("name"):
            raise UserError(f"{kind_of(one)} in the manifest has no metadata.name; it needs one")
        if not metadata.get("namespace") and namespaced.get(identity_of(one)):
            metadata["namespace"] = namespace
        found.append({**one, "metadata": metadata})
    return found


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Namespaces and definitions first, what calls or guards the others last."""
    return sorted(objects, key=lambda one: _RANK.get(one["kind"], 5))


def before(one: Object, others: Iterable[Object]) -> list[Object]:
    """Which of the others must be there before it: its namespace and its kind's definition."""
    return [other for other in others if other is not one and _needs(one, other)]


def _needs(one: Object, other: Object) -> bool:
    kind = kind_of(other)
    if kind == NAMESPACE:
        return bool(part(one, "namespace") == part(other, "name"))
    if kind == DEFINITION:
        spec = other.get("spec") or {}
        mine = kind_of(one)
        return (spec.get("group"), (spec.get("names") or {}).get("kind")) == (mine.group, mine.kind)
    return False


_RANK = {
    "Namespace": 0,
    "CustomResourceDefinition": 1,
    "PriorityClass": 2,
    "ResourceQuota": 2,
    "LimitRange": 2,
    "ServiceAccount": 2,
    "Secret": 2,
    "ConfigMap": 2,
    "StorageClass": 2,
    "PersistentVolume": 2,
    "PersistentVolumeClaim": 2,
    "ClusterRole": 3,
    "Role": 3,
    "ClusterRoleBinding": 4,
    "RoleBinding": 4,
    "APIService": 6,
    "MutatingWebhookConfiguration": 7,
    "ValidatingWebhookConfiguration": 7,
}
