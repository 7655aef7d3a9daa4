"""ACM: a private certificate is signed by the private authority that its program names, with a key of the kind asked.

Sources: AWS Certificate Manager API Reference, "RequestCertificate", "RenewCertificate"; its User Guide, "Request a
private certificate".
"""

from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.acm.responses import AWSCertificateManagerResponse
from moto.acmpca.models import CertificateAuthority, acmpca_backends
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from local.aws.api.mending import replace

LIFE = timedelta(days=395)
"""13 months, and never past the authority's own end."""
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
    "EC_secp521r1": ec.SECP521R1,
}
EXPORTED = "parapet_exported"
USUAL = "RSA_2048"
"""The kind of key where a program names none."""

_kind: ContextVar[str] = ContextVar("kind", default=USUAL)
_request = AWSCertificateManagerResponse.request_certificate
_export = AWSCertificateManagerBackend.export_certificate
_import = AWSCertificateManagerBackend.import_certificate
_generate = CertBundle.generate_cert.__func__  # type: ignore[attr-defined]


def request_certificate(response: AWSCertificateManagerResponse) -> ActionResult:
    """Make a certificate; moto's own model is not told the kind of its key."""
    before = _kind.set(response._get_param("KeyAlgorithm") or USUAL)  # pyright: ignore[reportPrivateUsage] # as moto's
    try:
        return _request(response)
    finally:
        _kind.reset(before)


def generate(
    kind: type[CertBundle],
    domain_name: str,
    account_id: str,
    region: str,
    sans: list[str] | None = None,
    cert_authority_arn: str | None = None,
) -> CertBundle:
    """The certificate, signed by its authority; one that could not sign makes a certificate that has failed.

    Of authorities that are not in this API, and of public ones, nothing is known here: these are moto's.
    """
    authority = _authority(cert_authority_arn)
    if authority is None:
        made: CertBundle = _generate(kind, domain_name, account_id, region, sans, cert_authority_arn)
        return made
    if authority.certificate is None or authority.status != "ACTIVE":
        made = _generate(kind, domain_name, account_id, region, sans, cert_authority_arn)
        made.status = "FAILED"
        return made
    key = _key()
    signed = _signed(authority, authority.certificate, key.public_key(), [domain_name, *(sans or [])])
    bundle: Any = kind(  # its metaclass hides its type
        certificate=signed.public_bytes(serialization.Encoding.PEM),
        private_key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        cert_type="PRIVATE",
        cert_status="ISSUED",
        cert_authority_arn=authority.arn,
        account_id=account_id,
        region=region,
    )
    bundle.chain = b"\n".join(each.strip() for each in _chain(authority)) + b"\n"
    return bundle


def import_certificate(
    backend: AWSCertificateManagerBackend,
    certificate: bytes,
    private_key: bytes,
    chain: bytes | None,
    arn: str | None,
    tags: list[dict[str, str]],
) -> str:
    """Import one; in the place of another it has that one's authority, users and tags."""
    before = backend.get_certificate(arn) if arn else None
    made = _import(backend, certificate, private_key, chain, arn, tags)
    if before:
        _succeed(backend.get_certificate(made), before)
    return made


def renew_certificate(response: AWSCertificateManagerResponse) -> EmptyResult:
    """Sign it anew, for the same names and with a new key of the same kind, where a private authority did before.

    One that was never exported ACM renews by its own calendar alone (its User Guide, "Force certificate renewal").
    """
    backend, arn = response.acm_backend, response._get_param("CertificateArn")  # pyright: ignore[reportPrivateUsage] # as moto's
    before = backend.get_certificate(arn)
    if _authority(before.cert_authority_arn) is None:
        raise AWSError(f"The certificate {arn} is of no private authority here", "ValidationException")
    if not vars(before).get(EXPORTED):
        raise AWSError(
            f"The certificate {arn} was not exported, so it is not renewed by request", "ValidationException"
        )
    key = x509.load_pem_x509_certificate(before.cert).public_key()
    kinds = [name for name in CURVES if isinstance(key, ec.EllipticCurvePublicKey) and str(key.key_size) in name]
    token = _kind.set(kinds[0] if kinds else USUAL)
    try:
        name, *others = before.sans
        made = generate(CertBundle, name, backend.account_id, backend.region_name, others, before.cert_authority_arn)
    finally:
        _kind.reset(token)
    if made.status == "ISSUED":
        made.arn = arn
        _succeed(made, before)
        backend._certificates[arn] = made  # pyright: ignore[reportPrivateUsage]
    return EmptyResult()


def export_certificate(
    backend: AWSCertificateManagerBackend, certificate_arn: str, passphrase: str
) -> tuple[str, str, str]:
    """Export it, which is known of it from then on."""
    told = _export(backend, certificate_arn, passphrase)
    vars(backend.get_certificate(certificate_arn))[EXPORTED] = True
    return told


def _succeed(made: CertBundle, before: CertBundle) -> None:
    made.cert_authority_arn, made.in_use_by, made.tags = before.cert_authority_arn, before.in_use_by, before.tags
    made.type = before.type
    vars(made)[EXPORTED] = vars(before).get(EXPORTED, False)


def _authority(arn: str | None) -> CertificateAuthority | None:
    if arn is None:
        return None
    _, _, _, region, account, _ = arn.split(":", 5)
    return acmpca_backends[account][region].certificate_authorities.get(arn)


def _chain(authority: CertificateAuthority) -> list[bytes]:
    return [each for each in (authority.certificate_bytes, authority.certificate_chain) if each]


def _key() -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    kind = _kind.get()
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind]())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("RSA_")))


def _signed(
    authority: CertificateAuthority,
    above: x509.Certificate,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    names: list[str],
) -> x509.Certificate:
    """By the extensions of Private CA's template EndEntityCertificate (its User Guide, "Template definitions")."""
    now = utcnow()
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(above.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(min(now + LIFE, above.not_valid_after_utc.replace(tzinfo=None)))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in dict.fromkeys(names)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def mend() -> None:
    """moto's private certificates are signed by a key that is thrown away, as if Amazon's, and all have RSA keys; it
    renews none, and forgets of one that is replaced who uses it.
    """
    replace(AWSCertificateManagerResponse, "request_certificate", request_certificate)
    replace(CertBundle, "generate_cert", classmethod(generate))
    replace(AWSCertificateManagerBackend, "export_certificate", export_certificate)
    replace(AWSCertificateManagerBackend, "import_certificate", import_certificate)
    setattr(AWSCertificateManagerResponse, "renew_certificate", renew_certificate)  # noqa: B010 (moto has none)
