"""The files that the servers read: kubeconfigs, who may go unnamed, encryption at rest, and what is audited."""

import base64
import secrets
from pathlib import Path
from typing import Any

import yaml

from local.files import write_private
from local.kubernetes.control_plane import pki

NAME = "parapet-local"

AUTHENTICATION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AuthenticationConfiguration",
    # Whoever shows no certificate and no token may ask whether the server lives, and nothing else.
    "anonymous": {"enabled": True, "conditions": [{"path": path} for path in ("/livez", "/readyz", "/healthz")]},
}

_OWN_PARTS = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "parapet:kwok"]
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # The first rule that fits counts. Bodies are never kept: they may hold secrets.
    "rules": [
        {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi/*", "/api*"]},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {
            "level": "None",
            "users": [*_OWN_PARTS, "parapet:nodes", "parapet:pulls", "parapet:live", "parapet:egress"],
            "verbs": ["get", "list", "watch"],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"], "verbs": ["get", "list", "watch"]},
        {"level": "Metadata"},
    ],
}

KWOK = {
    "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
    "kind": "KwokConfiguration",
    "options": {
        "manageNodesWithAnnotationSelector": "kwok.x-k8s.io/node=fake",
        "nodeLeaseDurationSeconds": 40,  # the kubelet's own
        "cidr": "100.64.0.0/10",  # the pods' addresses: of no network that a VPC here has
        # Its port tells whether it lives. A kubelet's exec and logs would ask nobody for a certificate there.
        "enableDebuggingHandlers": False,
        "enableProfilingHandler": False,
        # These have no default once there is a configuration.
        "nodeLeaseParallelism": 4,
        "nodePlayStageParallelism": 4,
        "podPlayStageParallelism": 4,
        "podsOnNodeSyncParallelism": 4,
        "enablePodsOnNodeSyncStreamWatch": True,
    },
}


def egress(folder: Path, port: int) -> dict[str, Any]:
    """By what way the API server goes to Services: through the process at this port, where it runs."""
    files = {"caBundle": f"{pki.CA}.crt", "clientCert": "kube-apiserver.crt", "clientKey": "kube-apiserver.key"}
    tls = {name: str(folder / "pki" / file) for name, file in files.items()}
    through = {"tcp": {"url": f"https://127.0.0.1:{port}", "tlsConfig": tls}}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": through}}],
    }


def write(folder: Path, port: int, egress_port: int) -> None:
    """Writes every file anew except the encryption key, without which what etcd holds could not be read any more."""
    for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
        _write(folder / f"{name}.kubeconfig", kubeconfig(folder / "pki", name, port))
    _write(folder / "kubeconfig", kubeconfig(folder / "pki", "admin", port))
    _write(folder / "authentication.yaml", AUTHENTICATION)
    _write(folder / "audit.yaml", AUDIT)
    _write(folder / "egress.yaml", egress(folder, egress_port))
    _write(folder / "kwok.yaml", KWOK)
    if not (folder / "encryption.yaml").exists():
        _write(folder / "encryption.yaml", _encryption())


def kubeconfig(folder: Path, identity: str, port: int) -> dict[str, Any]:
    """A kubeconfig with everything in it, so that it works from any folder."""

    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": data(f"{pki.CA}.crt")}
    user = {"client-certificate-data": data(f"{identity}.crt"), "client-key-data": data(f"{identity}.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": identity}}],
        "current-context": NAME,
    }


def _encryption() -> dict[str, Any]:
    key = {"name": "local", "secret": base64.b64encode(secrets.token_bytes(32)).decode()}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        # No `identity` provider: a secret in clear text is not even read.
        "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": [key]}}]}],
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())
