"""One entry of the ledger: a decision that was begun, done or given up, and all that it rests on."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from delivery.registry.approval import Approval
from delivery.registry.documents import (
    Account,
    Digest,
    Environment,
    Fact,
    Instant,
    Name,
    Number,
    Reason,
    Version,
    Word,
    canonical,
    digest_of,
)
from delivery.registry.gates import Gate


class Who(Struct, frozen=True, forbid_unknown_fields=True):
    """Who acted, as the two systems know them that let them act."""

    account: Account
    """In MLflow."""
    role: Annotated[str, Meta(pattern=r"^arn:[a-z0-9-]+:(sts|iam)::[0-9]{12}:[A-Za-z0-9+=,.@_/:-]{1,300}\Z")]
    """In AWS."""


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """The version that a decision takes from."""

    environment: Environment
    version: Version
    author: Account
    """Who registered the first of its versions, as MLflow wrote it down."""
    started_by: Account | None = None
    """Who started the pipeline that made it, as they or it said: an author too, and never a reason to ask for less."""

    @property
    def authors(self) -> set[str]:
        return {self.author} | ({self.started_by} if self.started_by else set())


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """What serves once a decision is done."""

    version: Version
    """Of the environment's registered model."""
    model: Digest
    """Of the bytes of `model.onnx`."""
    manifest: Digest
    """By which the inference server is told to load it."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """A step of a decision on one model: `begun` says what is to be, `done` and `void` end it."""

    format: Literal["parapet-ledger/1"]
    model: Name
    sequence: Number
    previous: Digest | None
    """Of the entry before it; none for the first."""
    at: Instant
    who: Who
    action: Literal["promote", "rollback"]
    step: Literal["begun", "done", "void"]
    to: Environment
    why: Reason
    began: Number | None = None
    """The number of the entry that this one ends. A rollback is done at once."""
    source: Source | None = None
    digests: dict[Word, Fact] = {}
    """Of the model, its contract and gate report, its data set, code, image and environment; of what its drift is
    checked by, where it has that."""
    sizes: dict[Word, Annotated[int, Meta(ge=0)]] = {}
    """Bytes of each of the model's files, so that their manifest can be told from the ledger alone."""
    gates: list[Gate] = []
    approvals: list[Approval] = []
    override: list[Word] = []
    """The failed gates that two people let pass."""
    release: Release | None = None

    @property
    def subject(self) -> str:
        return self.model

    @property
    def digest(self) -> str:
        return digest_of(self)


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed for each entry: the chain up to it, in one digest."""

    format: Literal["parapet-ledger-head/1"]
    model: Name
    sequence: int
    digest: Digest

    def __str__(self) -> str:
        return f"{self.sequence} {self.digest}"


class Signed(Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the bucket."""

    entry: Entry
    signature: Annotated[str, Meta(max_length=200)]
    """Of the canonical form of its head, by the platform's key."""


def head_of(entry: Entry) -> Head:
    return Head("parapet-ledger-head/1", entry.model, entry.sequence, entry.digest)


def message(entry: Entry) -> bytes:
    """What is signed for it."""
    return canonical(head_of(entry))
