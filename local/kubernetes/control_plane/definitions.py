"""What the API server holds from the first moment on: the parts' own permissions, and resource definitions that no
chart of the stack brings along. Written by the field manager `parapet-local`.
"""

import time
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.control_plane import pki
from local.kubernetes.control_plane.api import APPLY, Api, ApiError

MANAGER = "parapet-local"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BUNDLES = ("gateway-api", "secrets-store")
"""Folders of the toolchain's `crds`. Istio's, Karpenter's and Argo Rollouts' definitions come with charts; those of the
Secrets Store come with an add-on on EKS, and are here because no add-on runs.
"""
DEADLINE = 30.0  # seconds until every definition is established

_READ = ["get", "list", "watch"]
# What KWOK's controller does with nodes, pods and node leases; its own role in the module also holds its resource
# definitions, which are not installed here.
PERMISSIONS: dict[str, list[dict[str, list[str]]]] = {
    "kwok": [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": _READ},
        {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": [*_READ, "delete", "patch", "update"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": [*_READ, "create", "patch", "update"],
        },
    ],
    "nodes": [{"apiGroups": [""], "resources": ["nodes"], "verbs": [*_READ, "create", "patch", "delete"]}],
    "pulls": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": [*_READ, "patch"]},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]},
    ],
    "egress": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}],
    "live": [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": _READ},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": _READ},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["pods/status", "services/status"], "verbs": ["patch"]},
        {"apiGroups": ["secrets-store.csi.x-k8s.io"], "resources": ["secretproviderclasses"], "verbs": _READ},
        {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": _READ},
    ],
    "workloads": [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": _READ},
        {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": _READ},
        {"apiGroups": ["secrets-store.csi.x-k8s.io"], "resources": ["secretproviderclasses"], "verbs": _READ},
    ],
}


class NotEstablished(Exception):
    """The API server did not take a resource definition. The text names it."""


def permit(api: Api) -> None:
    """Gives each part of our own its role and nothing more."""
    for name, rules in PERMISSIONS.items():
        role = f"parapet:{name}"
        group = "/apis/rbac.authorization.k8s.io/v1"
        user = pki.ISSUED[name][1]
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        _apply(api, f"{group}/clusterroles/{role}", _object("ClusterRole", role, rules=rules))
        binding = _object("ClusterRoleBinding", role, subjects=[subject], roleRef=reference)
        _apply(api, f"{group}/clusterrolebindings/{role}", binding)


def are_applied(folder: Path, stamp: Path) -> bool:
    """Whether the definitions under `folder` are those that were applied last."""
    return stamp.exists() and stamp.read_text() == _digest(folder)


def define(api: Api, folder: Path, stamp: Path) -> None:
    """Creates the definitions of `BUNDLES` under `folder` and waits until the API server serves them all.

    `stamp` remembers what was applied: it lies beside the etcd data, and goes with it.
    """
    if are_applied(folder, stamp):
        return
    names = []
    for definition in _definitions(folder):
        name = definition["metadata"]["name"]
        _create(api, name, definition)
        names.append(name)
    limit = time.monotonic() + DEADLINE
    for name in names:  # one after the other: all of them are a megabyte, at each look
        while not _established(api, name):
            if time.monotonic() > limit:
                missing = sorted(each for each in names if not _established(api, each))
                raise NotEstablished(
                    f"The API server does not serve these definitions after {DEADLINE:.0f} s: {missing}"
                )
            time.sleep(0.1)
    stamp.write_text(_digest(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(file for bundle in BUNDLES for file in (folder / bundle).rglob("*.yaml"))


def _digest(folder: Path) -> str:
    return sha256(b"\0".join(file.read_bytes() for file in _files(folder))).hexdigest()


def _definitions(folder: Path) -> Iterator[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled
    for file in _files(folder):
        for document in yaml.load_all(file.read_text(), loader):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield document


def _established(api: Api, name: str) -> bool:
    conditions = api.call("GET", f"{DEFINITIONS}/{name}").get("status", {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


def _object(kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, **content}


def _create(api: Api, name: str, definition: dict[str, Any]) -> None:
    """Creates it, or applies it over the one that is there: a create takes a quarter of the time of an apply."""
    try:
        api.call("POST", f"{DEFINITIONS}?fieldManager={MANAGER}", definition)
    except ApiError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        _apply(api, f"{DEFINITIONS}/{name}", definition)


def _apply(api: Api, path: str, content: dict[str, Any]) -> None:
    # JSON is YAML. Forced: what we define here is ours, whoever wrote it last.
    api.call("PATCH", f"{path}?fieldManager={MANAGER}&force=true", content, APPLY)
