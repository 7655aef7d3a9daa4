"""The control plane's certificates: who each part is, and whom it believes."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.kubernetes.control_plane.files import write_private

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
}
ADDRESSES = ("127.0.0.1", "172.20.0.1")  # the second: the Service `kubernetes`, the first address of SERVICE_RANGE
NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
SERVICE_RANGE = "172.20.0.0/16"  # what EKS takes where the VPC does not use it
LIFE = timedelta(days=3650)  # `down` throws them away; a stack that goes on for years must not stop at a date


def make(folder: Path) -> None:
    """Makes what is missing; what is there stays, so that a running part goes on being believed."""
    for name in (CA, ETCD_CA, FRONT_PROXY_CA):
        if not (folder / f"{name}.crt").exists():
            _issue(folder, name, _name(f"parapet local {name}", None), None, [])
    for name, (authority, user, group, serves) in ISSUED.items():
        if not (folder / f"{name}.crt").exists():
            uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if serves else [])]
            _issue(folder, name, _name(user, group), authority, uses)
    if not (folder / f"{SERVICE_ACCOUNT}.pub").exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(folder / f"{SERVICE_ACCOUNT}.key", _pem(key))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(folder / f"{SERVICE_ACCOUNT}.pub", public)


def _name(user: str, group: str | None) -> x509.Name:
    organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _issue(
    folder: Path, name: str, subject: x509.Name, authority: str | None, uses: Sequence[x509.ObjectIdentifier]
) -> None:
    """Writes a key and then its certificate, signed by `authority`, or by itself as an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, signer = subject, key
    if authority:
        issuer = x509.load_pem_x509_certificate((folder / f"{authority}.crt").read_bytes()).subject
        loaded = serialization.load_pem_private_key((folder / f"{authority}.key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(_key_usage(authority is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if ExtendedKeyUsageOID.SERVER_AUTH in uses:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(
                [
                    *(x509.DNSName(one) for one in NAMES),
                    *(x509.IPAddress(ipaddress.ip_address(one)) for one in ADDRESSES),
                ]
            ),
            critical=False,
        )
    write_private(folder / f"{name}.key", _pem(key))
    certificate = builder.sign(signer, hashes.SHA256())
    write_private(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
