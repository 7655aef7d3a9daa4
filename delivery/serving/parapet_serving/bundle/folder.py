"""A model's folder, read once: what was verified is what is used, whatever happens to the folder later."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from parapet_serving.bundle.manifest import (
    BESIDE,
    CONTRACT,
    LARGEST_MANIFEST,
    MANIFEST,
    MODEL,
    SIGNATURE,
    Declared,
    Manifest,
    read,
)
from parapet_serving.refusal import Refused

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A file's name: in this folder and in no other."""
LARGEST_SIGNATURE = 80
"""Bytes of an ECDSA signature over P-256 in DER: 72 at most, and a little."""


@dataclass(frozen=True)
class Bundle:
    """A model whose signature and digests were right."""

    manifest: Manifest
    declared: Declared
    digest: str
    """Of the manifest, and so of everything."""
    model: bytes


def load(folder: Path, keys: list[Path], name: str, version: str, digest: str) -> Bundle:
    """The model of that name, version and digest, signed by one of these keys. Raises Refused for anything else."""
    there = _listed(folder)
    for needed in (MANIFEST, SIGNATURE):
        if needed not in there:
            raise Refused(f"{folder} has no {needed}. A model is a signed bundle: manifest, signature and files.")
    raw = _content(folder, MANIFEST, LARGEST_MANIFEST)
    if (found := f"sha256:{sha256(raw).hexdigest()}") != digest:
        raise Refused(f"The model in {folder} is {found}, and {digest} was asked for. Deliver that one.")
    _verify(raw, _content(folder, SIGNATURE, LARGEST_SIGNATURE), keys)
    manifest = read(raw, Manifest, MANIFEST)
    if (manifest.name, manifest.version) != (name, version):
        raise Refused(
            f"The model in {folder} is {manifest.name} {manifest.version}, and {name} {version} was asked for."
        )
    files = _files(folder, manifest, there)
    return Bundle(manifest, read(files[CONTRACT], Declared, CONTRACT), digest, files[MODEL])


def _listed(folder: Path) -> frozenset[str]:
    try:
        return frozenset(each.name for each in folder.iterdir())
    except OSError as error:
        raise Refused(f"The model's folder {folder} cannot be read: {error.strerror}.") from None


def _files(folder: Path, manifest: Manifest, there: frozenset[str]) -> Mapping[str, bytes]:
    for name in manifest.files:
        if not PLAIN.fullmatch(name) or name in (MANIFEST, SIGNATURE):
            raise Refused(f"{MANIFEST} names the file {name!r}. Files lie in the folder itself, by plain names.")
    for needed in (CONTRACT, MODEL):
        if needed not in manifest.files:
            raise Refused(f"{MANIFEST} names no {needed}, which every model has.")
    if missing := sorted(manifest.files.keys() - there - {*BESIDE}):
        raise Refused(f"{folder} has no {missing[0]}, which {MANIFEST} names.")
    if extra := sorted(there - manifest.files.keys() - {MANIFEST, SIGNATURE}):
        raise Refused(f"{folder} has {extra[0]!r}, which {MANIFEST} does not name: nobody signed it. Take it away.")
    files = {}
    for name, file in manifest.files.items():
        if name not in there:
            continue
        files[name] = _content(folder, name, file.bytes)
        if f"sha256:{sha256(files[name]).hexdigest()}" != file.sha256:
            raise Refused(f"{folder / name} is not what {MANIFEST} says: its digest is another. Deliver it anew.")
    return files


def _content(folder: Path, name: str, most: int) -> bytes:
    """Of a regular file, and of no link to one. Raises Refused."""
    try:
        number = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"{folder / name} cannot be read as a plain file: {error.strerror}.") from None
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Refused(f"{folder / name} is no plain file.")
        content = file.read(most + 1)
    if len(content) > most:
        raise Refused(f"{folder / name} is longer than {most} bytes, which is all that it may have.")
    return content


def _verify(message: bytes, signature: bytes, keys: list[Path]) -> None:
    for key in [_key(file) for file in keys]:
        try:
            key.verify(signature, message, ECDSA(SHA256()))
            return
        except InvalidSignature:
            continue
    raise Refused(
        f"{SIGNATURE} is no signature of {MANIFEST} by any of the keys in {', '.join(map(str, keys))}. "
        "Have the model promoted, which signs it, or configure the key that it was signed with."
    )


def _key(file: Path) -> EllipticCurvePublicKey:
    try:
        raw = file.read_bytes()
        key = load_pem_public_key(raw) if raw.startswith(b"-----") else load_der_public_key(raw)
    except (OSError, ValueError) as error:
        raise Refused(f"The public key in {file} cannot be read: {error}.") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise Refused(f"The public key in {file} is not of the curve P-256 (KMS: ECC_NIST_P256).")
    return key
