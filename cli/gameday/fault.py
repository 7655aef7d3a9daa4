"""What a fault is: words, and what puts it in, sees it and sees it gone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cli.gameday.world import World


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which the stack breaks. All its functions may be called again and again."""

    name: str
    about: str
    """What it does, for who chooses."""
    runbook: str
    """The file of runbooks/, without .md, that has the commands which mend it."""
    inject: Callable[[World], None]
    detected: Callable[[World], str]
    """What the platform itself says of it; empty while it says nothing. It knows nothing of what `inject` did."""
    recovered: Callable[[World], bool]
    """Whether all is as before, by the platform's own word."""
    undo: Callable[[World], None]
    """Takes back what `inject` did, also half of it or nothing: for a run that was ended before the runbook's commands
    have mended it."""
    within: float
    """Seconds in which it must be detected, and again as many in which the commands must have mended it."""
    live: bool = False
    """Whether it needs the stack's own controllers."""
    prepare: Callable[[World], None] | None = None
    """Makes what `inject` begins with, and that nothing is wrong yet; raises Refused where that is not to be had. What
    it does `undo` takes back too, and no time is counted for it."""
    named: Callable[[World], Mapping[str, str]] = lambda _: {}
    """What somebody puts in who types the runbook's commands: in the place of which word, what."""
