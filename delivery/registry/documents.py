"""The one form in which a document is written, signed and hashed; and the kinds of text that documents are made of."""

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from delivery.registry import harmless
from delivery.registry.refused import Refused


class Environment(StrEnum):
    """Where a model serves; each has a registered model of its own, NAME-ENVIRONMENT."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


# Each ends with \Z: before a newline at the end of a text there is a $ too.
NAME: Final = r"^[a-z0-9]([a-z0-9._-]{0,48}[a-z0-9])?\Z"
Name = Annotated[str, Meta(pattern=NAME)]
"""A model's. With an environment behind it, it is still a name that the inference server takes."""
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9._-]{0,62}\Z")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
FACT: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}\Z"
Fact = Annotated[str, Meta(pattern=FACT)]
"""A digest, a commit, a seed: no words, so that no sentence about a patient is one."""
Bucket = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")]
ACCOUNT: Final = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}\Z"
Account = Annotated[str, Meta(pattern=ACCOUNT)]
Version = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,9}\Z")]
Number = Annotated[int, Meta(ge=1, le=99_999_999)]
"""Of an entry: its object's name has eight digits."""
LINE: Final = (
    r"^[^\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]*\Z"
)
"""Of words that are shown beside others: nothing that ends a line, moves a terminal's cursor or turns the order of what
is read. Python's `isprintable`, by which the commands ask, knows of others with each version of Unicode."""
Reason = Annotated[str, Meta(min_length=10, max_length=300, pattern=LINE)]
_DAY: Final = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP: Final = r"(?:2[0-9](?:0[48]|[2468][048]|[13579][26])|2[048]00)-02-29"
INSTANT: Final = rf"^(?:2[0-9]{{3}}-{_DAY}|{_LEAP})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z\Z"
Instant = Annotated[str, Meta(pattern=INSTANT)]
"""UTC, to the second, of the years 2000 to 2999: a time that is one, and to which days and offsets can be added. What
reads it must not fail of a document that somebody else wrote."""

COMMIT: Final = r"[0-9a-f]{7,64}"
CHANGED: Final = "-and-changes"
"""Behind a commit: files were not as in it."""

T = TypeVar("T", bound=Struct)


def canonical(document: Struct) -> bytes:
    """Keys sorted, no spaces, defaults written out; numbers as their field's type has them."""
    document = msgspec.json.decode(msgspec.json.encode(document), type=type(document))
    return msgspec.json.encode(document, order="sorted")


def digest(raw: bytes) -> str:
    return f"sha256:{sha256(raw).hexdigest()}"


def digest_of(document: Struct) -> str:
    """Of its canonical form."""
    return digest(canonical(document))


def read(raw: bytes, kind: type[T], what: str) -> T:
    """Raises Refused where it is another document; a wrong value is not in the text."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"{what} is not as it must be: {told(error)}. Make it anew.") from None


def told(error: Exception) -> str:
    """msgspec's text without what it quotes of the document."""
    return re.sub(r"(value|field) [`'].*?[`'](?= - |$)", r"\1", str(error))


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


IDENTIFYING: Final = {
    "a number of six digits or more (a record's, an account's, a telephone's)": r"\d(?:[ .()/-]?\d){5,}",
    "a date": r"\b\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b|"
    r"(?i:\b\d{1,2}\.? ?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}\b)",
    "an e-mail address": r"[^\s@]+@[^\s@]+\.[^\s@]+",
    "a record's number": r"(?i:\b(?:mrn|ssn|patient|record)\s*(?:no\.?|number|id)?\s*[:#]?\s*[a-z]{0,3}\d+)",
    "an address in the network": r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?i:\bhttps?://)",
    "somebody's name with a title": r"\b(?:Mr|Mrs|Ms|Miss|Herr|Frau)\.? [A-Z]",
    "a patient's name": r"\b(?:[Pp]atient|[Pp]t\.?):? [A-Z][\w'-]+,? [A-Z]",
    "somebody's age": r"(?i:\bage[ds]?:? ?\d{1,3}\b|\b\d{1,3}[ -]years?[ -]old\b)",
    "a room or bed": r"(?i:\b(?:room|bed)s?:? ?(?:no\.? ?|number )?\d+)",
}
"""What names a person directly (45 CFR 164.514(b)(2)), as far as a pattern can tell. A bare name is not told."""


def reason(text: str) -> str:
    """What goes into the ledger for years: short, of one line, and about nobody. Raises Refused."""
    return plain(text, "reason", "the ledger")


def plain(text: str, called: str, where: str, most: int = 300, since: date | None = None) -> str:
    """The same of any text that is kept `where`; days from `since` on may be in it, where that is given.

    Raises Refused, by the place and the kind of what names somebody, and never with what it says.
    """
    text = " ".join(text.split())
    if not 10 <= len(text) <= most:
        raise Refused(f"The {called} has {len(text)} characters; it must have 10 to {most}. Say it in a sentence.")
    if not text.isprintable():
        raise Refused(f"The {called} has characters that cannot be printed. Write it in plain text.")
    looked = harmless.without(text, since)
    for what, pattern in IDENTIFYING.items():
        if found := re.search(pattern, looked):
            word = len(looked[: found.start()].split()) + (found.start() == 0 or looked[found.start() - 1] == " ")
            days = " A day of the incident is written like 2027-01-29, with its year." if since else ""
            raise Refused(
                f"The {called} has {what} in it (word {word}), and {where} keeps it for years: nothing that could name "
                f"a patient may be there. Say it without, or name a ticket of at most five digits.{days}"
            )
    return text
