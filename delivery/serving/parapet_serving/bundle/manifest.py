"""The two documents of a model's folder: the list of its files, which is signed, and the contract."""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from parapet_serving.refusal import Refused

MANIFEST, SIGNATURE, CONTRACT, MODEL = "manifest.json", "manifest.sig", "contract.json", "model.onnx"
BESIDE = ("profile.json", "noise.json")
"""What a check of drift reads, elsewhere. A manifest may name them, and a server needs neither of them."""
LARGEST_MANIFEST = 4096
"""Bytes. KMS signs a message of that size itself (Sign, MessageType RAW); a longer one only by its digest."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?\Z")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
Field = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}\Z")]
Text = Annotated[str, Meta(max_length=500)]


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the folder."""

    sha256: Digest
    bytes: Annotated[int, Meta(ge=0)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed: which model this is, and the digest of every other file in the folder."""

    format: Literal["parapet-model/1"]
    name: Name
    version: Name
    files: Annotated[dict[str, File], Meta(min_length=2, max_length=16)]
    """By their names in the folder: `contract.json` and `model.onnx` at least."""
    facts: dict[Name, Text] = {}
    """Where it comes from: data set's digest, commit, image, seed; as the card shows them."""


class Input(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A column of the matrix that the model takes."""

    name: Field
    kind: Literal["number", "integer", "boolean", "category"]
    unit: Text = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: list[Annotated[str, Meta(min_length=1, max_length=100)]] = []
    """Of a category, in the order of their codes 0, 1, 2 ..., which the model was trained on."""
    nullable: bool = False
    """Whether a value may be missing: null, which the model sees as NaN."""
    description: Text = ""


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of one of the graph's outputs."""

    name: Field
    tensor: str
    """The graph's name for it."""
    column: Annotated[int, Meta(ge=0)] = 0
    """Which column of [rows, columns]; of [rows] the only one."""
    minimum: float = 0.0
    maximum: float = 1.0
    """What it is between; how the predictions are spread is counted between these two."""
    unit: Text = ""
    description: Text = ""


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A record, and what the model must say of it, within the tolerance."""

    inputs: dict[str, float | str | bool | None]
    outputs: dict[str, float]
    tolerance: Annotated[float, Meta(ge=0)] = 1e-5


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """What a reader should know before trusting a prediction."""

    title: Text = ""
    purpose: Text = ""
    limits: list[Text] = []
    measures: dict[Text, Text] = {}
    """What was measured, and what came out, with its interval."""
    contact: Text = ""


class Declared(Struct, frozen=True, forbid_unknown_fields=True):
    """`contract.json`."""

    inputs: Annotated[list[Input], Meta(min_length=1, max_length=2000)]
    outputs: Annotated[list[Output], Meta(min_length=1, max_length=50)]
    cases: Annotated[list[Case], Meta(min_length=1, max_length=1000)]
    card: Card = Card()


T = TypeVar("T", Manifest, Declared)


def canonical(document: Manifest | Declared) -> bytes:
    """The one way to write it: keys sorted, no spaces, defaults written out."""
    # Read once: a whole number that stands for a float is written as that from then on.
    document = msgspec.json.decode(msgspec.json.encode(document), type=type(document))
    return msgspec.json.encode(document, order="sorted")


def read(raw: bytes, kind: type[T], file: str) -> T:
    """Raises Refused where it is another document, or written in another way than the canonical one."""
    try:
        document = msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"{file} is not as it must be: {error}. Make the bundle anew.") from None
    if canonical(document) != raw:
        raise Refused(f"{file} is not in its canonical form, so that two could mean the same. Make the bundle anew.")
    return document
