"""Bound tokens of service accounts, as a kubelet gets them for a pod, and kubeconfigs that hold one."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.files import write_private
from local.kubernetes.control_plane.api import Api

LIFE = 3600  # seconds, as a kubelet asks for
RENEWED_AT = 0.8  # of its life (kubelet's token manager)
KUBECONFIG, TOKEN, MESH_TOKEN = "kubeconfig", "token", "var/run/secrets/tokens/istio-token"
MESH_AUDIENCE = "istio-ca"


def give(api: Api, pod: Mapping[str, Any], folder: Path, server: str, authority: Path, *, meshed: bool) -> bool:
    """Writes what the pod's process shows the API server and istiod; whether anything had to be written anew."""
    renewed = _renew(api, pod, folder / TOKEN, None)
    if meshed:
        renewed = _renew(api, pod, folder / MESH_TOKEN, MESH_AUDIENCE) or renewed
    if not (folder / KUBECONFIG).exists() or renewed:
        content = _kubeconfig(folder / TOKEN, server, authority)
        write_private(folder / KUBECONFIG, yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False).encode())
    return renewed


def _renew(api: Api, pod: Mapping[str, Any], file: Path, audience: str | None) -> bool:
    named = file.with_name(f"{file.name}.pod")
    uid = pod["metadata"]["uid"]
    given = file.exists() and named.exists() and named.read_text() == uid
    if given and time.time() - file.stat().st_mtime < LIFE * RENEWED_AT:
        return False
    namespace, account = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": uid}
    wanted: dict[str, Any] = {"expirationSeconds": LIFE, "boundObjectRef": bound}
    if audience:
        wanted["audiences"] = [audience]
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}
    answer = api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(file, answer["status"]["token"].encode())
    named.write_text(uid)
    return True


def _kubeconfig(token: Path, server: str, authority: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "pod", "user": {"tokenFile": str(token)}}],  # client-go reads it anew
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "pod"}}],
        "current-context": "here",
    }
