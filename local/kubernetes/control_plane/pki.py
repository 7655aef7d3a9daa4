"""The control plane's certificates: who each part is, and whom it believes."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.certificates import issue, pem
from local.files import write_private

CA, ETCD_CA, FRONT_PROXY_CA = "ca", "etcd-ca", "front-proxy-ca"
SERVICE_ACCOUNT = "service-account"

# Certificate: its CA, its user and group as Kubernetes reads them (common name, organization), whether it also serves.
# etcd believes a CA of its own: whoever holds a certificate of the cluster's must not read past the API server.
ISSUED: dict[str, tuple[str, str, str | None, bool]] = {
    "etcd": (ETCD_CA, "etcd", None, True),
    "etcd-client": (ETCD_CA, "kube-apiserver", None, False),
    "kube-apiserver": (CA, "kube-apiserver", None, True),
    "front-proxy": (FRONT_PROXY_CA, "front-proxy", None, False),
    "admin": (CA, "parapet-admin", "system:masters", False),
    "kube-controller-manager": (CA, "system:kube-controller-manager", None, True),
    "kube-scheduler": (CA, "system:kube-scheduler", None, True),
    "kwok": (CA, "parapet:kwok", None, False),
    "nodes": (CA, "parapet:nodes", None, False),
    "pulls": (CA, "parapet:pulls", None, False),
    "workloads": (CA, "parapet:workloads", None, False),
    "egress": (CA, "parapet:egress", None, True),
    "live": (CA, "parapet:live", None, False),
}
ADDRESSES = ("127.0.0.1", "10.100.0.1")  # the second: the Service `kubernetes`, the first address of SERVICE_RANGE
NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
SERVICE_RANGE = "10.100.0.0/16"  # as the stack has it for the VPC of a stack that says nothing of one


def make(folder: Path) -> None:
    """Makes what is missing; what is there stays, so that a running part goes on being believed."""
    for name in (CA, ETCD_CA, FRONT_PROXY_CA):
        if not (folder / f"{name}.crt").exists():
            issue(folder, name, f"parapet local {name}")
    for name, (authority, user, group, serves) in ISSUED.items():
        if not (folder / f"{name}.crt").exists():
            hosts = (*NAMES, *ADDRESSES) if serves else ()
            issue(folder, name, user, group=group, authority=authority, hosts=hosts)
    if not (folder / f"{SERVICE_ACCOUNT}.pub").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(folder / f"{SERVICE_ACCOUNT}.key", pem(key))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(folder / f"{SERVICE_ACCOUNT}.pub", public)
