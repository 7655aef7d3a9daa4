"""The ledger of one model: an object for each entry in the locked audit bucket, written once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from delivery.registry import signing
from delivery.registry.documents import canonical
from delivery.registry.entry import Entry, Signed, head_of, message
from delivery.registry.objects import put_new
from delivery.registry.refused import Lost
from delivery.registry.signing import KmsKey
from delivery.registry.verification import Kept

PREFIX: Final = "models"
"""The ledgers' part of the audit bucket."""


@dataclass(frozen=True)
class Ledger:
    """Entries of one model, of which each names the one before, and each is signed with all that came before it."""

    s3: Any
    bucket: str
    key: KmsKey
    model: str
    seen: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Versions of objects that were read before, which never change."""

    def append(self, entry: Entry) -> None:
        """Raises Lost where another entry has its number by now; writing the same one again is nothing new."""
        signed = canonical(Signed(entry, signing.text(self.key.sign(message(entry)))))
        name = self.name(entry.sequence)
        if put_new(self.s3, self.bucket, name, signed, ContentType="application/json"):
            return
        if self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read() != signed:
            raise Lost(
                f"Somebody else decided on {self.model} at the same time, and was first. Look at "
                f"`./parapet model history {self.model}`, and ask again if it should still be."
            )

    def kept(self) -> list[Kept]:
        """Every object under the ledger's prefix, by name, with how many versions it has."""
        versions: dict[str, int] = {}
        latest: dict[str, tuple[str, datetime]] = {}
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self._prefix):
            for each in page.get("Versions", []):
                versions[each["Key"]] = versions.get(each["Key"], 0) + 1
                if each["IsLatest"]:
                    latest[each["Key"]] = each["VersionId"], each["LastModified"]
        found = []
        for name in sorted(versions):
            version, written = latest.get(name, (None, None))
            raw = self._version(name, version)
            found.append(Kept.of(name.removeprefix(self._prefix), raw, versions[name], written))
        return found

    def name(self, sequence: int) -> str:
        return f"{self._prefix}{sequence:08d}.json"

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}/{self.model}/"

    def _version(self, name: str, version: str | None) -> bytes | None:
        """None where the object is deleted, of which its versions know nothing."""
        if version is None:
            return None
        if (name, version) not in self.seen:
            told = self.s3.get_object(Bucket=self.bucket, Key=name, VersionId=version)
            self.seen[name, version] = told["Body"].read()
        return self.seen[name, version]


def models(s3: Any, bucket: str) -> list[str]:
    """The models that have a ledger."""
    found: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/", Delimiter="/"):
        found += [each["Prefix"].split("/")[1] for each in page.get("CommonPrefixes", [])]
    return found


def head(entries: Sequence[Entry]) -> str:
    """What the registry keeps of it."""
    return str(head_of(entries[-1]))
