"""The ledger of one model: a chain of its decisions, of which each is signed with all that came before it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from delivery.registry import signing
from delivery.registry.chain import Chain, Subjects, subjects
from delivery.registry.documents import canonical
from delivery.registry.entry import Entry, Signed, head_of, message
from delivery.registry.refused import Lost
from delivery.registry.signing import KmsKey
from delivery.registry.verification import Kept

PREFIX: Final = "models"
"""The ledgers' part of the audit bucket."""


@dataclass(frozen=True)
class Ledger:
    """Entries of one model."""

    s3: Any
    bucket: str
    key: KmsKey
    model: str
    seen: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Versions of objects that were read before, which never change."""

    def append(self, entry: Entry) -> None:
        """Raises Lost where another entry has its number by now; writing the same one again is nothing new."""
        signed = canonical(Signed(entry, signing.text(self.key.sign(message(entry)))))
        if not self._chain.add(entry.sequence, signed):
            raise Lost(
                f"Somebody else decided on {self.model} at the same time, and was first. Look at "
                f"`./parapet model history {self.model}`, and ask again if it should still be."
            )

    def kept(self) -> list[Kept]:
        """Every object under the ledger's prefix, by name, with how many versions it has."""
        return [Kept.of(each) for each in self._chain.stored()]

    @property
    def _chain(self) -> Chain:
        return Chain(self.s3, self.bucket, f"{PREFIX}/{self.model}/", self.seen)


def models(s3: Any, bucket: str) -> Subjects:
    """The models that have a ledger."""
    return subjects(s3, bucket, PREFIX)


def head(entries: Sequence[Entry]) -> str:
    """What the registry keeps of it."""
    return str(head_of(entries[-1]))
