"""What one account may do: its grants, as one request finds them."""

from collections.abc import Set
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

DENY, NOTHING, READ, USE, EDIT, MANAGE = -1, 0, 1, 2, 3, 4
LEVELS = {"DENY": DENY, "NO_PERMISSIONS": NOTHING, "READ": READ, "USE": USE, "EDIT": EDIT, "MANAGE": MANAGE}
"""MLflow's permissions. Each has what is below it; `DENY` beats them all."""
EVERY = "*"
"""As a grant's pattern: everything of its type."""
WORKSPACE = "workspace"

TRACKING = frozenset((WORKSPACE, "experiment", "run", "trace", "logged_model", "assessment"))
REGISTRY = frozenset((WORKSPACE, "registered_model", "registered_model_version", "prompt", "prompt_version"))
"""The types of grants that are read together: MLflow's own check of the same request then finds them in memory."""


class Grant(NamedTuple):
    """A row of MLflow's, of a role that the account has."""

    resource_type: str
    pattern: str
    permission: str


class Reached(NamedTuple):
    """The things of a type that have these names; or, with `every`, all that have none of them."""

    every: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Caller:
    """An account with its grants of these types.

    Names are compared literally. `*` means everything only in a role, which an administrator alone makes: in an
    account's own grants, which MLflow writes for whoever creates something, it is a name (see `counts`).
    """

    name: str
    user: int
    administers: bool
    types: Set[str]
    grants: tuple[Grant, ...]
    _level: dict[tuple[str, str], int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for kind, pattern, permission in self.grants:
            before, level = self._level.get((kind, pattern)), LEVELS.get(permission, NOTHING)
            self._level[kind, pattern] = DENY if DENY in (before, level) else max(level, before or NOTHING)

    @property
    def has_everything(self) -> bool:
        """An administrator, or one whom an administrator gave the whole of the server."""
        return self.administers or self._level.get((WORKSPACE, EVERY)) == MANAGE

    def on(self, kind: str, name: str) -> int | None:
        """The level on one thing; None where no grant speaks of it."""
        if self.has_everything:
            return MANAGE
        found = [level for pattern in {name, EVERY} if (level := self._level.get((kind, pattern))) is not None]
        return None if not found else DENY if DENY in found else max(found)

    def within(self, experiment: str, kind: str = "") -> int:
        """The level on an experiment, or on its runs, traces or logged models, for which a role may say otherwise."""
        level = self.on("experiment", experiment) or NOTHING
        if level < READ or not kind:
            return level
        own = self.on(kind, EVERY)
        return level if own is None else own

    def readable(self, kind: str) -> Reached:
        """What it may read of this type."""
        return self.reached(kind, READ)

    def reached(self, kind: str, level: int) -> Reached:
        """What it has this level of, or a higher one, among what is of this type."""
        if self.has_everything:
            return Reached(True, ())
        each = self.on(kind, EVERY) or NOTHING
        if each == DENY:
            return Reached(False, ())
        every = each >= level
        told = [(name, own) for (type_, name), own in self._level.items() if type_ == kind and name != EVERY]
        names = (name for name, own in told if (own == DENY if every else own >= level))
        return Reached(every, tuple(sorted(names)))

    def experiments_with(self, kind: str, level: int) -> Reached:
        """The experiments on whose runs, traces or logged models it has this level (`within`); without a kind, on
        which."""
        own = None if self.has_everything or not kind else self.on(kind, EVERY)
        if own is None:
            return self.reached("experiment", level)
        return self.reached("experiment", READ) if own >= level else Reached(False, ())


def counts(pattern: str, *, role_is_own: bool) -> bool:
    """Whether a row is a grant: `*` is none among an account's own."""
    return pattern != EVERY or not role_is_own


@dataclass
class Asking:
    """One request: who asks, once that is read, and the experiments that a READ on a model opens to it."""

    caller: Caller | None = None
    opened: set[str] = field(default_factory=set)
    searches: bool = False
    """Whether what it may not read is left out of whatever it reads (searches.py)."""

    def told(self, user: int, types: Set[str]) -> list[Grant] | None:
        """What MLflow's own check would read; None where this request has not read it."""
        if self.caller is None or self.caller.user != user or not types <= self.caller.types:
            return None
        return [grant for grant in self.caller.grants if grant.resource_type in types]

    def implied(self, types: Set[str]) -> list[Grant]:
        """Grants that hold for this request alone."""
        return [Grant("experiment", name, "READ") for name in self.opened] if "experiment" in types else []


asking: ContextVar[Asking | None] = ContextVar("asking", default=None)
"""The request that this task, or a thread of it, is about."""
