"""Everything that a record is written with: the bucket, who writes, and what the repository says of incidents."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import boto3
import msgspec

from delivery.incidents import places, rules, runbooks
from delivery.incidents.entry import LONGEST, Entry, Names, Severity, Struck, What
from delivery.incidents.kept import Kept
from delivery.incidents.owners import Boundary, Owner, owners
from delivery.incidents.reading import Reading, reading
from delivery.incidents.record import Record, incidents
from delivery.incidents.runbooks import Runbook
from delivery.registry.chain import Finding, Subjects
from delivery.registry.documents import moment, plain, read, written
from delivery.registry.entry import Who
from delivery.registry.objects import client
from delivery.registry.refused import Broken, Refused

AUDIT: Final = "PARAPET_AUDIT_BUCKET"
WHERE: Final = "the incident's record"
OWNERS: Final = "owners.yaml"
SHOWN: Final = 20
"""Names that a message has."""
YEAR: Final = timedelta(days=365)
"""For so long before it was known days are those of the incident, and nobody's birthday."""


@dataclass(frozen=True)
class Desk:
    """Of one person, at one stack. It needs S3 alone: MLflow may be what is down."""

    s3: Any
    audit: str
    folder: Path
    """The runbooks'."""
    account: str
    """As MLflow and the approvers' file know the person, by their own word; what AWS knows of them stands beside it."""
    role: Callable[[], str]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    notice: Callable[[Finding], None] = lambda _: None
    """Is told what lies beside a record that is written into."""

    @classmethod
    def of(cls, folder: Path, account: str, variables: Mapping[str, str] = os.environ) -> Self:
        """As the environment says. Raises Refused where it does not."""
        if not (audit := variables.get(AUDIT)):
            raise Refused(
                f"{AUDIT} is not set: the stack's output buckets.audit. On the local stack `./parapet env "
                "--credentials` exports it."
            )
        session = boto3.Session()
        session = boto3.Session(region_name=session.region_name or "us-east-1")
        return cls(
            s3=client(session, variables),
            audit=audit,
            folder=folder,
            account=account,
            role=lambda: str(session.client("sts").get_caller_identity()["Arn"]),
        )

    def names(self, after: str = "") -> Subjects:
        return incidents(self.s3, self.audit, after)

    def newest(self, incident: str) -> datetime | None:
        """When something was last put into its record."""
        return Record(self.s3, self.audit, incident).newest()

    def examine(self, incident: str) -> tuple[list[Kept], list[Finding]]:
        """The objects of its record, and what is amiss. Raises Refused where there is none."""
        kept = self._kept(incident)
        return kept, reading(incident, kept).found

    def _kept(self, incident: str) -> list[Kept]:
        if not (kept := Record(self.s3, self.audit, incident).kept()):
            names = self.names().names
            more = f" and {len(names) - SHOWN:,} before these" if len(names) > SHOWN else ""
            there = (", ".join(names[-SHOWN:]) or "none yet") + more
            raise Refused(
                f"There is no incident {incident}; there are: {there}. `./parapet incident start` begins one."
            )
        return kept

    def entries(self, incident: str) -> list[Entry]:
        """Raises Broken where the record does not hold, Refused where there is none.

        An object that is none of its chain is found by `verify`, and ends no record.
        """
        return self.whole(incident).entries

    def whole(self, incident: str) -> Reading:
        """The same with what lies beside them. Raises as `entries` does."""
        told = reading(incident, self._kept(incident))
        if told.ends:
            said = "\n".join(f"    {each}" for each in told.ends)
            raise Broken(
                f"The record of {incident} does not hold, and nothing more is written into it:\n{said}\n"
                "Somebody may have tampered with it: tell your security officer, and go on in a new one "
                f"(`./parapet incident start audit-trail-stopped`) that names this one. `./parapet incident verify "
                f"{incident}` says this again; the bucket has each object's earlier versions."
            )
        if not told.entries:
            raise Refused(f"There is no incident {incident}; what lies under its name is none of its record.")
        return told

    def readable(self, incident: str) -> Reading:
        """What can be read of a record that may not hold, and what is amiss with it: in an incident people need both.

        Raises Broken where nothing says of what it is, Refused where there is none.
        """
        told = reading(incident, self._kept(incident))
        # What says of what it is, and how severe; one that has lost its beginning may have others before that.
        begun = (number for number, each in enumerate(told.entries) if each.about and each.severity)
        if (first := next(begun, None)) is None:
            return self.whole(incident)
        told.entries = told.entries[first:]
        return told

    def runbook(self, name: str) -> Runbook:
        return runbooks.runbook(self.folder, name)

    def owner(self, boundary: Boundary) -> Owner:
        return owners(self.folder / OWNERS).of(boundary)

    def start(
        self,
        runbook: str,
        text: str,
        *,
        name: str | None = None,
        severity: Severity | None = None,
        boundary: Boundary | None = None,
        detected: datetime | None = None,
        alert: str | None = None,
        model: str | None = None,
        version: str | None = None,
    ) -> Entry:
        """Raises Refused where one of this name is there, Lost where it came in between."""
        book, now = self.runbook(runbook), self.now()
        # The day that whoever types has, which is another than UTC's in an American evening.
        called = name or f"{book.name}-{now.astimezone():%Y%m%d}"
        if name:
            plain(f"An incident called {name}.", "incident's name", WHERE)
        there = reading(called, Record(self.s3, self.audit, called).kept())
        if ends := there.ends:
            raise Refused(f"Of an incident {called} there was a record ({ends[0]}): give this one another --name.")
        if entries := there.entries:
            raise Refused(
                f"There is an incident {called} since {entries[0].at}, by {entries[0].who.account}. Join it by "
                f"`./parapet incident log {called}`; if this is another, give it a name of its own by --name."
            )
        owner = self.owner(boundary or book.front.boundary)
        about = {
            **{"runbook": book.name, "text": book.digest, "boundary": owner.boundary, "team": owner.team},
            **{"detected": written(detected or now), "alert": alert, "model": model, "version": version},
        }
        told = {"about": about, "severity": severity or book.front.severity, "offset": offset_of(detected)}
        return self._write(there, called, What.DECLARED, text, now, **told)

    def log(self, incident: str, what: What, text: str, happened: datetime | None = None, **fields: Any) -> Entry:
        """The next entry, of what is neither its beginning nor its end. Raises Refused, and Lost."""
        if what in (What.DECLARED, What.CLOSED):
            raise Refused(f"An incident is {what} by a command of its own: `./parapet incident start`, `close`.")
        if what is What.DETECTED:
            if not happened:
                raise Refused("Give by --happened when somebody knew, with the offset of the clocks there.")
            fields["offset"] = offset_of(happened)
        return self._write(self.whole(incident), incident, what, text, happened, **fields)

    def keep(self, incident: str, file: Path, text: str) -> Entry:
        """A file beside the records, locked like them, and the entry that says so. Raises Refused, and Lost."""
        self.entries(incident)
        plain(text, "text", WHERE, LONGEST)  # before anything is there for years
        put = places.put(self.s3, self.audit, incident, file, self.now().date())
        return self.log(incident, What.KEPT, text, evidence=put)

    def strike(self, incident: str, number: int, names: Names, reason: str) -> Entry:
        """From now on nobody is shown the words of this entry. Raises Refused, and Lost."""
        whole = self.whole(incident)
        if number not in whole.taken:
            raise Refused(f"{incident} has no entry {number}: `./parapet incident show {incident}` has their numbers.")
        return self._write(whole, incident, What.STRUCK, reason, None, strikes=Struck(number, names))

    def asks(self, incident: str) -> Mapping[str, str]:
        """What its runbook asks before it is over."""
        return self._asks(self.entries(incident))

    def _asks(self, before: Sequence[Entry]) -> Mapping[str, str]:
        about = before[0].about
        assert about
        return self.runbook(about.runbook).closes

    def answer(self, incident: str, name: str, text: str) -> str:
        """As `close` would take it, so that nobody types four answers for one to be refused. Raises Refused."""
        return _answer(self.entries(incident), name, text)

    def close(self, incident: str, text: str, answers: Mapping[str, str]) -> Sequence[Entry]:
        """All of it. Raises Refused where an answer lacks, or is to what nobody asked."""
        whole = self.whole(incident)
        before, asks = whole.entries, self._asks(whole.entries)
        if missing := [f"    {name}: {question}" for name, question in asks.items() if name not in answers]:
            said = "\n".join(missing)
            raise Refused(
                f"Before {incident} is over its runbook asks for more:\n{said}\nAnswer by --answer NAME=TEXT."
            )
        if unasked := sorted(set(answers) - set(asks)):
            raise Refused(f"Nobody asks for {', '.join(unasked)}; the runbook asks for {', '.join(asks)}.")
        told = {name: _answer(before, name, said) for name, said in answers.items()}
        return [*before, self._write(whole, incident, What.CLOSED, text, None, answers=told)]

    def _write(
        self, whole: Reading, incident: str, what: What, text: str, happened: datetime | None, **fields: Any
    ) -> Entry:
        before = whole.entries
        # Of two people's clocks one is behind: what comes after another's entry is no earlier.
        now = max([self.now(), *(moment(each.at) for each in before[-1:])])
        told = {
            **{"format": "parapet-incident/1", "incident": incident, "sequence": whole.next},
            "previous": before[-1].digest if before else None,
            **{"at": written(now), "happened": written(happened or now), "what": what},
            "who": Who(self.account, self.role()),
            "text": plain(text, "text", WHERE, LONGEST),
            **{name: value for name, value in fields.items() if value},
        }
        entry = read(msgspec.json.encode(told), Entry, "What would be written into the record")
        rules.check(before, entry)
        Record(self.s3, self.audit, incident).append(entry)
        for each in whole.found:
            self.notice(each)
        return entry


def _answer(before: Sequence[Entry], name: str, text: str) -> str:
    since = (moment(rules.known(before).happened) - YEAR).date()
    return plain(text, f"answer to {name}", WHERE, LONGEST, since)


def offset_of(at: datetime | None) -> str | None:
    """None for UTC, which is nobody's clock in a hospital: people write it when they are not asked for theirs."""
    offset = at.utcoffset() if at else None
    if not offset:
        return None
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
