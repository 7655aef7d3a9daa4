"""The documents that are kept from window to window: an alert, and what is known of a model's."""

from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

from delivery.monitoring.alerting.declared import Boundary, Kind, Severity
from delivery.registry.documents import Digest, Instant, canonical, read

Model = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,48}(@[1-9][0-9]{0,9})?\Z")]
"""NAME, or NAME@VERSION."""
Fingerprint = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


class Told(Struct, frozen=True, forbid_unknown_fields=True):
    """One of those who are told of an alert: what of, how grave it is to them, and what they do."""

    kind: Kind
    severity: Severity
    boundary: Boundary
    runbook: str


class Alert(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that somebody is told. Names of columns that the reference has, counts and moments; nothing else."""

    fingerprint: Fingerprint
    """The same for the same cause of the same model, over windows, restarts, and an end that did not last."""
    model: Model
    kind: Kind
    """Of the cause; what it explains is in `moves`."""
    moves: list[Kind]
    """All kinds that have moved, the cause's first."""
    columns: list[str]
    cause: str
    """In a few words: where the columns come from, if that is one place."""
    severity: Severity
    boundary: Boundary
    runbook: str
    began: Instant
    windows: Annotated[int, Meta(ge=1)]
    """In which it was there, or not yet over."""
    summary: str
    tells: Annotated[list[Told], Meta(min_length=1)]
    """Each owner of what has moved, once; that of the cause first."""


class Open(Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that is not over."""

    alert: Alert
    grown: Annotated[int, Meta(ge=0)]
    """The window in which it last grew, by the state's count."""
    calm: Annotated[int, Meta(ge=0)]
    """Judged windows in a row in which nothing of it was out of the ordinary."""
    confirmed: bool
    """Whether it was there in as many windows in a row as a page asks for, or is no matter of chance."""
    signals: list[str]
    """What it is made of, KIND:COLUMN; `layout:COLUMN` for a column that came or stands elsewhere."""
    unheard: dict[str, int] = {}
    """Of these the windows in a row in which nothing was heard of them, where that is any."""


class Past(Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that is over, and the window in which it ended."""

    alert: Alert
    ended: Annotated[int, Meta(ge=0)]


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """What speaks for a drift of one column."""

    weight: Annotated[float, Meta(ge=0)]
    """The logarithm of the e-value over the windows since it last spoke against one."""
    streak: Annotated[int, Meta(ge=0)]
    """Judged windows in a row in which it was out of the ordinary."""


class Figures(Struct, frozen=True, forbid_unknown_fields=True):
    """What was there to look at in a window, and was not looked at."""

    seen: Annotated[int, Meta(ge=0)] = 0
    """Rows of the version, also where they are too few to judge."""
    elsewhere: Annotated[int, Meta(ge=0)] = 0
    """Rows of the model's other versions."""
    outcomes: Annotated[int, Meta(ge=0)] = 0
    joined: Annotated[int, Meta(ge=0)] = 0
    """Of these outcomes those whose prediction is known."""
    unread: Annotated[int, Meta(ge=0)] = 0
    """Files that are not as they must be."""
    callers: Annotated[int, Meta(ge=0)] = 0
    """Whose rows are otherwise than in their windows before, in several windows in a row."""
    heard: Instant | None = None
    """Until when no outcome is missed: when some last came, of whichever version; before the first one, when the model
    was first asked."""


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of a model before a window."""

    format: Literal["parapet-alerting-state/1"]
    model: Model
    reference: Digest
    until: Instant | None = None
    """The end of the last window; one that ends before it was there."""
    since: Instant | None = None
    """Its start: of two that end on one day, the one that starts later is the later one."""
    windows: Annotated[int, Meta(ge=0)] = 0
    rows: Annotated[int, Meta(ge=0)] | None = 0
    """Of the last window; None where it had none and need not have any, so that nothing is told of it; 0 where it had
    none, where for longer than alerting.yaml lets them be gathered they were too few to judge, or where for a day no
    later window came."""
    gathers: Instant | None = None
    """Where the last window had too few rows, its start: the next one begins there."""
    unjudged: Instant | None = None
    """Where the last window had too few rows, since when no version had enough."""
    moved: Instant | None = None
    """When a check last had a later window than the one before."""
    evidence: dict[str, Evidence] = {}
    open: list[Open] = []
    past: list[Past] = []
    silenced: Annotated[int, Meta(ge=0)] = 0
    """Of the last judged windows those in which something drifted by the check's own tests, no alert is open of it, and
    that is so by the noise alone."""
    usual: list[bool] = []
    """Of each of the last judged windows whether it is one of these."""
    lately: list[Instant] = []
    """The ends of the last windows that were judged, as many as an alert takes to be over."""
    figures: Figures = Figures()
    """Of the last window."""
    beside: list["State"] = []
    """The model's other versions that are checked in turn with this one; none has any beside it."""

    @property
    def raw(self) -> bytes:
        """Its one form."""
        return canonical(self)


def read_state(raw: bytes) -> State:
    """Raises Refused where it is no such document; none of its values is in the text."""
    return read(raw, State, "The state of the alerts")


def fingerprint(model: str, kind: Kind, cause: str, columns: list[str]) -> str:
    """Of the name without its version: the next version has the same upstream."""
    told = "\n".join([model.partition("@")[0], kind, cause, *sorted(columns)])
    return sha256(told.encode()).hexdigest()[:16]
