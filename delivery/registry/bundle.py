"""What the inference server loads: the model's files, the manifest that names them by digest, and its signature.

The server's own room says what it takes (delivery/serving/README.md, "A model: a folder"); this writes just that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from delivery.registry.documents import Digest, Environment, canonical, digest, read
from delivery.registry.entry import Entry
from delivery.registry.objects import get, put_new
from delivery.registry.refused import Refused
from delivery.registry.signing import KmsKey

FILES: Final = ("model.onnx", "contract.json")
PROFILE, NOISE = "profile.json", "noise.json"
BESIDE: Final = (PROFILE, NOISE)
"""What a check of drift reads (delivery/monitoring), and no server: not of each version, and of none of before."""
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
PREFIX: Final = "models"
"""The part of the artifacts' bucket that the inference server reads (platform/mlops/data_path.py, MODELS)."""


class File(Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Digest
    bytes: Annotated[int, Meta(ge=0)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["parapet-model/1"]
    name: str
    version: str
    files: dict[str, File]
    facts: dict[str, str]


def part(name: str) -> str:
    """What a file of a model is called in a ledger: `model`, `contract`."""
    return name.partition(".")[0]


def files_of(told: Iterable[str]) -> tuple[str, ...]:
    """The files of a model of which a decision, or a version, tells these parts."""
    there = frozenset(told)
    return (*FILES, *(name for name in BESIDE if part(name) in there))


def manifest(begun: Entry, version: str) -> bytes:
    """Of what a decision puts into its place; the same bytes, whoever ends it, and whoever looks at it afterwards."""
    assert begun.source
    names = files_of(begun.digests)
    parts = {part(name) for name in names}
    files = {name: File(begun.digests[part(name)], begun.sizes[part(name)]) for name in names}
    facts = {name: value for name, value in begun.digests.items() if name not in parts}
    facts |= {"author": begun.source.author, "decision": begun.digest, "stage": str(begun.to)}
    return canonical(Manifest("parapet-model/1", begun.model, version, files, facts))


@dataclass(frozen=True)
class Placed:
    """A manifest that lies in the bucket."""

    place: str
    where: str
    """Its environment."""
    version: str
    raw: bytes


@dataclass(frozen=True)
class Bundles:
    """The folders of the models in the artifacts' bucket, one for each version of an environment, written once."""

    s3: Any
    bucket: str
    key: KmsKey

    def place(self, model: str, where: Environment, version: str) -> str:
        return f"s3://{self.bucket}/{_folder(model, where, version)}"

    def write(self, model: str, where: Environment, version: str, files: Mapping[str, bytes], signed: bytes) -> None:
        """The signature comes last: without it no server takes the rest. Doing it again changes nothing."""
        folder = _folder(model, where, version)
        for name, raw in {**files, MANIFEST: signed}.items():
            if not self._put(f"{folder}/{name}", raw) and self._get(f"{folder}/{name}") != raw:
                raise Refused(
                    f"s3://{self.bucket}/{folder}/{name} is another file than this model's. Who put it there?"
                )
        name = f"{folder}/{SIGNATURE}"
        if not self._put(name, self.key.sign(signed)) and not self.key.verifies(signed, self._get(name) or b""):
            raise Refused(f"s3://{self.bucket}/{name} is no signature of this model. Who put it there?")

    def check(self, model: str, where: Environment, version: str, expected: str) -> None:
        """Raises Refused where the manifest is not the expected one, signed, with its files there."""
        folder = _folder(model, where, version)
        signed, signature = self._get(f"{folder}/{MANIFEST}") or b"", self._get(f"{folder}/{SIGNATURE}") or b""
        if digest(signed) == expected and self.key.verifies(signed, signature):
            listed = read(signed, Manifest, MANIFEST).files
            if all(digest(self._get(f"{folder}/{name}") or b"") == file.sha256 for name, file in listed.items()):
                return
        raise Refused(
            f"s3://{self.bucket}/{folder} does not hold what was signed as version {version} in {where}: a server "
            "would refuse it. Look for older versions of its objects; promote the model anew if there are none."
        )

    def file(self, model: str, where: Environment, version: str, name: str) -> bytes | None:
        """One of its files, whoever put it there; None where there is none."""
        return self._get(f"{_folder(model, where, version)}/{name}")

    def placed(self, model: str) -> list[Placed]:
        """The manifests of a model, by which a server could be told to load it."""
        found = []
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{PREFIX}/{model}/")
        for name in (each["Key"] for page in pages for each in page.get("Contents", [])):
            folder, _, last = name.rpartition("/")
            if last == MANIFEST and (raw := self._get(name)) is not None:
                where, _, version = folder.removeprefix(f"{PREFIX}/{model}/").rpartition("/")
                found.append(Placed(f"s3://{self.bucket}/{folder}", where, version, raw))
        return found

    def _put(self, name: str, raw: bytes) -> bool:
        """Whether it was not there."""
        return put_new(self.s3, self.bucket, name, raw)

    def _get(self, name: str) -> bytes | None:
        return get(self.s3, self.bucket, name)


def _folder(model: str, where: Environment, version: str) -> str:
    return f"{PREFIX}/{model}/{where}/{version}"
