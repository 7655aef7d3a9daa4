"""What a model is compared with: the profile in its signed bundle, and the reference's noise where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from delivery.monitoring.alerting.bounds import bounded
from delivery.monitoring.alerting.declared import Declared
from delivery.monitoring.alerting.noise import Noise, is_of_before, read_noise
from delivery.monitoring.daily import settings
from delivery.monitoring.daily.places import Place
from delivery.monitoring.profile import Profile
from delivery.monitoring.sound import sound
from delivery.registry import signing, watched
from delivery.registry.bundle import FILES, MANIFEST, NOISE, PROFILE, SIGNATURE, File, Manifest
from delivery.registry.documents import canonical, digest, read
from delivery.registry.refused import Refused

LARGEST: Final = 64 << 20
"""Bytes of a profile, whatever a manifest says: some 2,000 columns of many categories."""
LARGEST_SIGNATURE: Final = 80
OLD: Final = (
    "The noise that came with the model is of a form that held for windows of one size alone, and is not taken: it is "
    "judged by chance alone until a version comes that the pipeline made since."
)


class NoProfile(Refused):
    """The model was promoted without one."""


@dataclass(frozen=True)
class Known:
    """By which a window of the model is judged."""

    profile: Profile
    noise: Noise | None
    notes: Sequence[str] = ()
    """What of the noise is not taken."""


def known(model: settings.Model, place: Place, declared: Declared) -> Known:
    """Raises NoProfile, and Refused for anything that is not what was signed as this version, or is of another model
    than its contract tells of."""
    listed = _manifest(model, place).files
    if PROFILE not in listed:
        raise NoProfile(
            f"{model.told} has no {PROFILE} in its bundle: it was promoted before models had one, and nothing can be "
            "said of its drift. Run the pipeline anew, and promote what it registers."
        )
    contract = FILES[1]
    told = {name: _file(place, name, listed[name]) for name in (contract, PROFILE, NOISE) if name in listed}
    profile = read(told[PROFILE], Profile, f"{PROFILE} of {model.told}")
    sound(profile, f"{PROFILE} of {model.told}", watched.ANEW)
    watched.of_its_model(told[PROFILE], told.get(contract, b""), told.get(NOISE), model.told)
    if NOISE not in told:
        return Known(profile, None)
    if is_of_before(told[NOISE]):
        return Known(profile, None, [OLD])
    noise, notes = bounded(read_noise(told[NOISE]), {each.name for each in profile.columns}, declared)
    return Known(profile, noise, notes)


def _manifest(model: settings.Model, place: Place) -> Manifest:
    raw = _there(place, MANIFEST, signing.LARGEST)
    if (found := digest(raw)) != model.digest:
        raise Refused(f"{place.told}/{MANIFEST} is {found}, and {model.digest} was asked for: `./parapet model list`.")
    signature = _there(place, SIGNATURE, LARGEST_SIGNATURE)
    if not any(signing.verifies(key, raw, signature) for key in _keys(model.keys)):
        raise Refused(f"{place.told}/{SIGNATURE} is no signature of the model by any of the keys that are configured.")
    manifest = read(raw, Manifest, MANIFEST)
    if canonical(manifest) != raw or (manifest.name, manifest.version) != (model.name, model.version):
        raise Refused(f"{place.told} is {manifest.name}@{manifest.version}, and {model.told} was asked for.")
    return manifest


def _file(place: Place, name: str, said: File) -> bytes:
    raw = _there(place, name, min(said.bytes, LARGEST))
    if digest(raw) != said.sha256:
        raise Refused(
            f"{place.told}/{name} is not the one that was signed: its digest is another. Who put it there? Its older "
            "versions are in the bucket; promote the model anew if the right one is not."
        )
    return raw


def _there(place: Place, name: str, most: int) -> bytes:
    found = place.get(name, most)
    if found is None:
        raise Refused(f"{place.told} has no {name}: the model's bundle is not whole. Promote the model anew.")
    return found.raw


def _keys(files: Sequence[str]) -> list[signing.Public]:
    found: list[signing.Public] = []
    for file in files:
        try:
            raw = Path(file).read_bytes()
            key = load_pem_public_key(raw) if raw.startswith(b"-----") else load_der_public_key(raw)
        except (OSError, ValueError):
            raise Refused(f"The public key {file} cannot be read: the stack's signing key, PEM or DER.") from None
        if not signing.is_taken(key):
            raise Refused(f"The public key {file} is of another kind; models are signed by ECC_NIST_P256.")
        found.append(key)
    return found
