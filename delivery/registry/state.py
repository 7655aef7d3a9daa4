"""What a ledger's entries amount to: what serves in each environment, what did before it, and what is under way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.registry.documents import Environment
from delivery.registry.entry import Entry, Release, Source


@dataclass(frozen=True)
class Served:
    """A release, and the two entries that made it."""

    begun: Entry
    done: Entry

    @property
    def release(self) -> Release:
        assert self.done.release
        return self.done.release

    @property
    def source(self) -> Source:
        assert self.begun.source
        return self.begun.source


@dataclass(frozen=True)
class State:
    """Of one model."""

    entries: list[Entry]
    under_way: Entry | None = None
    """A decision that was begun and neither done nor given up."""
    releases: Mapping[Environment, list[Served]] = field(default_factory=dict)
    """The one that serves is the last; a rollback takes it away."""

    def serving(self, where: Environment) -> Served | None:
        found = self.releases.get(where)
        return found[-1] if found else None

    def before(self, where: Environment) -> Served | None:
        found = self.releases.get(where, [])
        return found[-2] if len(found) > 1 else None

    @property
    def used(self) -> set[str]:
        """Approvals of decisions that were done: each is for one."""
        done = {entry.began for entry in self.entries if entry.step == "done"}
        return {approval.digest for entry in self.entries if entry.sequence in done for approval in entry.approvals}


def state(entries: Iterable[Entry]) -> State:
    listed = list(entries)
    by_number = {entry.sequence: entry for entry in listed}
    ended = {entry.began for entry in listed if entry.began}
    releases: dict[Environment, list[Served]] = {}
    for entry in listed:
        if entry.step != "done":
            continue
        here = releases.setdefault(entry.to, [])
        if entry.action == "rollback":
            here.pop()
        elif entry.began:
            here.append(Served(by_number[entry.began], entry))
    # One at a time: a decision begins only where none is under way.
    last = listed[-1] if listed else None
    under_way = last if last and last.step == "begun" and last.sequence not in ended else None
    return State(listed, under_way, releases)
