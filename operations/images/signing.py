"""Signatures of images, as cosign makes and verifies them: an in-toto statement of the image's digest in a bundle.

The bundle is cosign's own format since its version 3 (sigstore/cosign, specs/BUNDLE_SPEC.md), attached to the image
like its bill of materials. The older one, a tag `sha256-DIGEST.sig`, has room for one signature only where tags never
move, and names the registry in what is signed: an image that is copied to another stack would have to be signed anew.
"""

import base64
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from operations.account.access import Access, code, explained, told
from operations.refused import Refused

VARIABLE: Final = "PARAPET_IMAGE_KEY"
TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
SIGNED: Final = "https://sigstore.dev/cosign/sign/v1"
"""What a statement says of its subject: that it was signed, no more."""
ANNOTATIONS: Final = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": SIGNED}
COSIGN: Final = re.compile(r"awskms://[^/]*/")
"""What cosign has before the name of a key of KMS."""
REGION: Final = re.compile(r"arn:aws[\w-]*:kms:(?P<region>[a-z0-9-]+):")
HOW: Final = (
    f"Name a key (--key or {VARIABLE}): the ARN or alias of one of KMS, ECC_NIST_P256 for SIGN_VERIFY; "
    "docs/first-account.md says how to make one."
)


@dataclass(frozen=True)
class Key:
    """A P-256 key by which images are signed, or its public half alone."""

    name: str
    public: Any
    """cryptography's EllipticCurvePublicKey."""
    kms: Any = None
    """KMS' client, for a key that is there."""

    def sign(self, digest: str) -> bytes:
        """The bundle that signs what has the digest. Raises Refused where the key does not, or may not be used."""
        if self.kms is None:
            raise Refused(f"{self.name} is a public key, and signs nothing. {HOW}")
        statement = json.dumps(
            {
                "_type": STATEMENT,
                "subject": [{"digest": {"sha256": digest.partition(":")[2]}}],
                "predicateType": SIGNED,
                "predicate": {},
            }
        ).encode()
        asked = {"Message": _encoded(statement), "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
        with told():
            try:
                signature: bytes = self.kms.sign(KeyId=self.name, **asked)["Signature"]
            except ClientError as error:
                raise Refused(f"The key {self.name} does not sign: {explained(error)}") from None
        bundle = json.dumps(
            {
                "mediaType": TYPE,
                "verificationMaterial": {"publicKey": {"hint": _text(sha256(self._der()).digest())}},
                "dsseEnvelope": {
                    "payload": _text(statement),
                    "payloadType": PAYLOAD,
                    "signatures": [{"sig": _text(signature)}],
                },
            }
        ).encode()
        if why := self.amiss(bundle, digest):
            raise Refused(f"The key {self.name} does not sign: what KMS gave is {why}.")
        return bundle

    def amiss(self, bundle: bytes, digest: str) -> str:
        """What is wrong with a bundle as this key's signature of a digest; empty where it is one."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            envelope = json.loads(bundle)["dsseEnvelope"]
            (signature,) = [base64.b64decode(each["sig"], validate=True) for each in envelope["signatures"]]
            payload = base64.b64decode(envelope["payload"], validate=True)
            kind = envelope["payloadType"]
            statement = json.loads(payload)
            said, subjects = statement["predicateType"], [each["digest"]["sha256"] for each in statement["subject"]]
        except (ValueError, KeyError, TypeError):
            return "no bundle of one signature over a statement"
        try:
            self.public.verify(signature, _encoded(payload), ECDSA(SHA256()))
        except InvalidSignature:
            return "a signature by another key"
        if (kind, statement.get("_type"), said) != (PAYLOAD, STATEMENT, SIGNED):
            return "a statement of another kind"
        if subjects != [digest.partition(":")[2]]:
            return f"a signature of another digest, sha256:{', '.join(map(str, subjects))}"
        return ""

    def _der(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        found: bytes = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return found


def key(named: str, access: Access) -> Key:
    """The key of a name: a file of a public one, or the ARN, alias or id of one of KMS. Raises Refused."""
    file = Path(named)
    if file.is_file():
        return Key(named, _public(named, file.read_bytes(), der=False))
    name = COSIGN.sub("", named)
    region = REGION.match(name)
    kms = access.elsewhere("kms", region["region"] if region else access.region)
    with told():
        try:
            content = kms.get_public_key(KeyId=name)["PublicKey"]
        except ClientError as error:
            if code(error) in ("NotFoundException", "ValidationException", "InvalidArnException"):
                raise Refused(f"There is no key {named}, neither a file here nor in KMS. {HOW}") from None
            raise Refused(f"The key {named} cannot be used: {explained(error)}") from None
    return Key(name, _public(named, content, der=True), kms)


def _public(named: str, content: bytes, *, der: bool) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        found = (load_der_public_key if der else load_pem_public_key)(content)
    except (ValueError, UnsupportedAlgorithm):
        raise Refused(f"{named} is no public key in PEM. Write it: cosign public-key --key awskms:///KEY.") from None
    if not (isinstance(found, EllipticCurvePublicKey) and isinstance(found.curve, SECP256R1)):
        raise Refused(f"The key {named} is of another kind. {HOW}")
    return found


def _encoded(payload: bytes) -> bytes:
    """What is signed of it (DSSE, protocol, pre-authentication encoding)."""
    return f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(payload)} ".encode() + payload


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
