"""What the pack tells beyond passed and failed, in words that a reader of the engine's events can take apart.

The engine's events carry a policy's name, a URN and a message, and no more. Undecided rules come as Pulumi's own
advisory "can't run policy", whose message ends in `undecided(...)`; a broken rule comes as a violation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNDECIDED = re.compile(r"^.*?not yet decided for (urn:pulumi:.+?): known only after the update: `", re.MULTILINE)
_BROKEN = "cannot be decided: the rule itself failed with"

ACCEPTED_RISK = "accepted-risk"
ACCEPTED_RISK_IN_STACK = "accepted-risk-in-stack"
WAIVERS_ARE_CURRENT = "waivers-are-current"


def undecided(unknown: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """The message for resources that wait for properties: pairs of a URN and the paths of what is unknown."""
    return "\n".join(
        f"not yet decided for {urn}: known only after the update: {', '.join(f'`{path}`' for path in paths)}"
        for urn, paths in unknown
    )


def undecided_urns(message: str) -> tuple[str, ...]:
    """The URNs of the resources that a message calls undecided; none when it is about something else."""
    return tuple(_UNDECIDED.findall(message))


def broken(error: Exception) -> str:
    """The message for a rule that raised: the kind of error and the rule's line, never the error's own text.

    The text may hold what the rule was reading, a secret for one.
    """
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown line"
    return f"{_BROKEN} {type(error).__name__} at {where}; nothing passes until the rule is mended or disabled"


def is_broken(message: str) -> bool:
    """Whether a violation's message says that the rule failed, not the resource."""
    return _BROKEN in message
