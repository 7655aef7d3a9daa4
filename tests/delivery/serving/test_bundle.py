"""A model is served when it is the one that was signed, and refused with one line that says what it is not."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from parapet_serving.bundle import folder
from parapet_serving.bundle.manifest import File, Manifest, canonical
from parapet_serving.refusal import Refused
from tests.delivery.serving.bundles import NAME, VERSION, Bundle

GRAPH = b"stands for a graph; nobody loads it here"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path, GRAPH)


def load(bundle: Bundle, digest: str, name: str = NAME, version: str = VERSION) -> folder.Bundle:
    return folder.load(bundle.model, [bundle.public_key], name, version, digest)


def test_what_was_signed_is_loaded(bundle: Bundle) -> None:
    digest = bundle.write(files={"notes.txt": b"more"})
    found = load(bundle, digest)
    assert (found.digest, found.model) == (digest, GRAPH)
    assert (found.manifest.name, found.manifest.version) == (NAME, VERSION)
    assert [field.name for field in found.declared.inputs] == [field.name for field in bundle.inputs]


def test_one_of_several_keys_is_enough(bundle: Bundle, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    other.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    digest = bundle.write()
    assert folder.load(bundle.model, [other, bundle.public_key], NAME, VERSION, digest).digest == digest


def altered(bundle: Bundle, file: str) -> None:
    raw = (bundle.model / file).read_bytes()
    (bundle.model / file).write_bytes(bytes([raw[0] ^ 1]) + raw[1:])


def linked(bundle: Bundle, file: str) -> None:
    """The same content, elsewhere."""
    (bundle.folder / file).write_bytes((bundle.model / file).read_bytes())
    (bundle.model / file).unlink()
    (bundle.model / file).symlink_to(bundle.folder / file)


def other_key(bundle: Bundle) -> None:
    signed = (bundle.model / "manifest.sig").read_bytes()
    bundle.key = ec.generate_private_key(ec.SECP256R1())
    bundle.sign((bundle.model / "manifest.json").read_bytes())
    (bundle.model / "manifest.sig").write_bytes(signed)


def public_key(bundle: Bundle, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> None:
    bundle.public_key.write_bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


SPOILT: dict[str, tuple[Callable[[Bundle], object], str]] = {
    "no manifest": (lambda bundle: (bundle.model / "manifest.json").unlink(), "has no manifest.json"),
    "no signature": (lambda bundle: (bundle.model / "manifest.sig").unlink(), "has no manifest.sig"),
    "no model": (lambda bundle: (bundle.model / "model.onnx").unlink(), "has no model.onnx"),
    "another model": (lambda bundle: altered(bundle, "model.onnx"), "model.onnx is not what manifest.json says"),
    "another contract": (lambda bundle: altered(bundle, "contract.json"), "contract.json is not what"),
    "another manifest": (lambda bundle: altered(bundle, "manifest.json"), "was asked for"),
    "another signature": (lambda bundle: altered(bundle, "manifest.sig"), "no signature of manifest.json"),
    "a longer model": (lambda bundle: (bundle.model / "model.onnx").write_bytes(GRAPH + b"!"), "is longer than"),
    "an endless signature": (lambda bundle: (bundle.model / "manifest.sig").write_bytes(b"0" * 9999), "is longer than"),
    "a file more": (lambda bundle: (bundle.model / "more").write_bytes(b""), "which manifest.json does not name"),
    "a hidden file more": (lambda bundle: (bundle.model / ".more").write_bytes(b""), "does not name"),
    "a folder more": (lambda bundle: (bundle.model / "more").mkdir(), "does not name"),
    "a link to the model": (lambda bundle: linked(bundle, "model.onnx"), "cannot be read as a plain file"),
    "a link to the manifest": (lambda bundle: linked(bundle, "manifest.json"), "cannot be read as a plain file"),
    "a pipe": (
        lambda bundle: ((bundle.model / "model.onnx").unlink(), os.mkfifo(bundle.model / "model.onnx")),
        "is no plain file",
    ),
    "no folder": (lambda bundle: bundle.model.rename(bundle.folder / "gone"), "cannot be read"),
    "another key": (other_key, "no signature of manifest.json"),
    "a key of another curve": (
        lambda bundle: public_key(bundle, ec.generate_private_key(ec.SECP384R1()).public_key()),
        "is not of the curve P-256",
    ),
    "a key of another kind": (
        lambda bundle: public_key(bundle, rsa.generate_private_key(65537, 2048).public_key()),
        "is not of the curve P-256",
    ),
    "a key that is none": (lambda bundle: bundle.public_key.write_bytes(b"key"), "cannot be read"),
    "no key": (lambda bundle: bundle.public_key.unlink(), "cannot be read"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_was_not_signed_is_refused(bundle: Bundle, what: str) -> None:
    digest = bundle.write()
    spoil, said = SPOILT[what]
    spoil(bundle)
    with pytest.raises(Refused, match=said):
        load(bundle, digest)


@pytest.mark.parametrize(("name", "version"), [("other", VERSION), (NAME, "8")])
def test_another_model_than_was_asked_for_is_refused(bundle: Bundle, name: str, version: str) -> None:
    with pytest.raises(Refused, match=f"and {name} {version} was asked for"):
        load(bundle, bundle.write(), name, version)


def test_another_digest_than_was_asked_for_is_refused(bundle: Bundle) -> None:
    bundle.write()
    with pytest.raises(Refused, match="Deliver that one"):
        load(bundle, f"sha256:{'0' * 64}")


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a/b", ".hidden", "manifest.sig", "a\nb", ".."])
def test_a_path_out_of_the_folder_is_refused(bundle: Bundle, name: str) -> None:
    (bundle.folder / "model.onnx").write_bytes(GRAPH)
    with pytest.raises(Refused, match="by plain names"):
        load(bundle, bundle.write(files={name: GRAPH}))


def listed(raw: bytes) -> File:
    return File(f"sha256:{sha256(raw).hexdigest()}", len(raw))


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"{", "is not as it must be"),
        (b"[" * 4000, "is not as it must be"),
        (b"{}", "is not as it must be"),
        (b"x" * 5000, "is longer than 4096"),
    ],
    ids=["half", "deep", "empty", "long"],
)
def test_another_document_is_refused(bundle: Bundle, manifest: bytes, said: str) -> None:
    bundle.write()
    with pytest.raises(Refused, match=said):
        load(bundle, bundle.sign(manifest))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.replace(b'"name":', b'"name": '),
        lambda raw: raw.replace(b'"version":', b'"version":"6","version":'),
        lambda raw: raw.replace(b'{"facts"', b'{"more":1,"facts"'),
        lambda raw: raw + b"\n",
    ],
    ids=["spaces", "a name twice", "a name that is unknown", "a line's end"],
)
def test_a_manifest_that_could_mean_something_else_is_refused(bundle: Bundle, spoil: Callable[[bytes], bytes]) -> None:
    bundle.write()
    raw = (bundle.model / "manifest.json").read_bytes()
    assert spoil(raw) != raw
    with pytest.raises(Refused, match=r"manifest\.json is not"):
        load(bundle, bundle.sign(spoil(raw)))


def test_every_model_has_a_contract(bundle: Bundle) -> None:
    bundle.write()
    (bundle.model / "contract.json").unlink()
    files = {"model.onnx": listed(GRAPH), "other": listed(b"")}
    (bundle.model / "other").write_bytes(b"")
    with pytest.raises(Refused, match=r"names no contract\.json"):
        load(bundle, bundle.sign(canonical(Manifest("parapet-model/1", NAME, VERSION, files))))
