"""One entry of an incident's record: what was seen, decided or done, by whom, and when."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from delivery.incidents.owners import Audience, Boundary, Words
from delivery.incidents.places import Place
from delivery.registry.documents import LINE, Digest, Instant, Name, Number, Version, Word, digest_of
from delivery.registry.entry import Who

LONGEST: Final = 500
Text = Annotated[str, Meta(min_length=10, max_length=LONGEST, pattern=LINE)]


Offset = Annotated[str, Meta(pattern=r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]\Z")]
"""Of a place's clocks from UTC."""


class Severity(StrEnum):
    """Alerts and incidents are of the same two."""

    PAGE = "page"
    """Somebody is woken: patients, PHI, or all of a service are at stake."""
    TICKET = "ticket"
    """It waits for the morning."""


class What(StrEnum):
    """What an entry tells of."""

    DECLARED = "declared"
    """Comes first, and once."""
    DETECTED = "detected"
    """Somebody knew at that time, earlier than was said: the first counts."""
    SEEN = "seen"
    DECIDED = "decided"
    DONE = "done"
    TOLD = "told"
    """One of the audiences was told."""
    KEPT = "kept"
    """Evidence was put where nobody alters it."""
    SEVERITY = "severity"
    """It is graver than was thought, or less so."""
    MITIGATED = "mitigated"
    """No more harm is done. Of this and the next, the last one counts."""
    RECOVERED = "recovered"
    """All is as it was before."""
    CLOSED = "closed"
    REVIEWED = "reviewed"
    """Comes after it was closed."""
    STRUCK = "struck"
    """The words of an entry may name somebody, and nobody is shown them any more."""


class Names(StrEnum):
    """By what the words of an entry may name somebody: what could be told of that without saying it."""

    NAME = "name"
    DATE = "date"
    AGE = "age"
    NUMBER = "number"
    CONTACT = "contact"
    """An address, a telephone, an e-mail address."""
    PLACE = "place"
    """Where somebody lies or lives."""
    HEALTH = "health"
    """What somebody has, or what was done."""
    OTHER = "other"


class About(Struct, frozen=True, forbid_unknown_fields=True):
    """What an incident is of."""

    runbook: Word
    text: Digest
    """Of the runbook, as it was then."""
    boundary: Boundary
    team: Words
    """The owner of the boundary."""
    detected: Instant
    """When the first alert or person knew."""
    alert: Annotated[str, Meta(pattern=r"^([0-9a-f]{16}|[A-Z][A-Za-z]{2,60}(/[a-z0-9._-]{1,50}){0,2})\Z")] | None = None
    """As its message has it, NAME/MODEL/KIND; or a fingerprint, by who can see one."""
    model: Name | None = None
    version: Version | None = None


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was kept."""

    place: Place
    digest: Digest | None = None
    """Of its bytes, where it is one file."""


class Struck(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry whose words are left out wherever the record is shown."""

    entry: Number
    """Its number."""
    names: Names


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """Its fields beside `text` are those that its kind asks for (`rules.py`)."""

    format: Literal["parapet-incident/1"]
    incident: Name
    sequence: Number
    previous: Digest | None
    """Of the entry before it; none for the first."""
    at: Instant
    """When it was written."""
    happened: Instant
    """When that of which it tells came to pass."""
    who: Who
    what: What
    text: Text
    about: About | None = None
    severity: Severity | None = None
    told: Audience | None = None
    evidence: Evidence | None = None
    answers: dict[Word, Text] = {}
    """By what its runbook asks before it is over."""
    offset: Offset | UnsetType = UNSET
    """Of the place where it was detected, as far as that was said: its days are those that the law counts."""
    strikes: Struck | UnsetType = UNSET

    @property
    def subject(self) -> str:
        return self.incident

    @property
    def digest(self) -> str:
        return digest_of(self)
