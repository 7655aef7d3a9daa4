"""What a ledger's entries amount to: what serves in each environment, what did before it, and what is under way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

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

    entries: tuple[Entry, ...] = ()
    under_way: Entry | None = None
    """A decision that was begun and neither done nor given up: one at a time."""
    releases: Mapping[Environment, tuple[Served, ...]] = field(default_factory=dict)
    """The one that serves is the last; a rollback takes it away."""
    used: frozenset[str] = frozenset()
    """Approvals of decisions that were done: each is for one."""

    def serving(self, where: Environment) -> Served | None:
        found = self.releases.get(where)
        return found[-1] if found else None

    def before(self, where: Environment) -> Served | None:
        found = self.releases.get(where, ())
        return found[-2] if len(found) > 1 else None

    def after(self, entry: Entry) -> "State":
        """With this entry, of which the rules hold."""
        entries, releases, used = (*self.entries, entry), dict(self.releases), self.used
        if entry.step == "begun":
            return State(entries, entry, releases, used)
        if entry.action == "rollback":
            releases[entry.to] = releases[entry.to][:-1]
        elif entry.step == "done" and self.under_way:
            releases[entry.to] = (*releases.get(entry.to, ()), Served(self.under_way, entry))
            used |= {approval.digest for approval in self.under_way.approvals}
        return State(entries, None, releases, used)


def state(entries: Iterable[Entry]) -> State:
    return reduce(State.after, entries, State())
