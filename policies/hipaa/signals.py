"""What the pack tells beyond passed and failed, in words that a reader of the engine's events can take apart.

The engine's events carry a policy's name, a URN and a message, and no more. Undecided rules come as Pulumi's own
advisory "can't run policy", whose message ends in `undecided(...)`; a broken rule comes as a violation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hipaa.rule import BrokenRule

_UNDECIDED = re.compile(r"^.*?not yet decided for (urn:pulumi:.+?): known only after the update: `", re.MULTILINE)
_BROKEN = "cannot be decided: the rule itself failed with"

ACCEPTED_RISK = "accepted-risk"
ACCEPTED_RISK_IN_STACK = "accepted-risk-in-stack"
WAIVERS_ARE_CURRENT = "waivers-are-current"
WAIVERS_ARE_NARROW = "waivers-are-narrow"
WAIVERS_ARE_USED = "waivers-are-used"
OF_WAIVERS = (ACCEPTED_RISK, ACCEPTED_RISK_IN_STACK, WAIVERS_ARE_CURRENT, WAIVERS_ARE_NARROW, WAIVERS_ARE_USED)
"""Policies of the pack that are no rules: what they report is told of waivers."""

CONFIGURATION_WEAKENS_NO_RULE = "configuration-weakens-no-rule"
EVERY_TYPE_IS_JUDGED = "every-type-is-judged"

OWN_LEVELS = {
    EVERY_TYPE_IS_JUDGED: "advisory",
    CONFIGURATION_WEAKENS_NO_RULE: "advisory",
    ACCEPTED_RISK: "advisory",
    ACCEPTED_RISK_IN_STACK: "advisory",
    WAIVERS_ARE_CURRENT: "mandatory",
    WAIVERS_ARE_NARROW: "mandatory",
    WAIVERS_ARE_USED: "mandatory",
}
"""All policies of the pack that are no rules, with the level that each has by itself."""

_MEND = "\n  To mend it: "
_COMPONENTS_OF_KUBERNETES = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")


def undecided(unknown: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """The message for resources that wait for properties: pairs of a URN and the paths of what is unknown."""
    return "\n".join(
        f"not yet decided for {urn}: known only after the update: {', '.join(f'`{path}`' for path in paths)}"
        for urn, paths in unknown
    )


def undecided_urns(message: str) -> tuple[str, ...]:
    """The URNs of the resources that a message calls undecided; none when it is about something else."""
    return tuple(_UNDECIDED.findall(message))


def broken(error: BrokenRule) -> str:
    """The message for a rule that raised: the kind of error, the rule's line and the property that it was reading.

    Never the error's own text, which may hold what the rule was reading, a secret for one.
    """
    cause = error.__cause__
    trace = cause.__traceback__ if cause else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown line"
    reading = f"while it read `{error.reading}`" if error.reading else "before it read anything"
    return (
        f"{error.rule} {_BROKEN} {type(cause).__name__} at {where}, {reading}; "
        "nothing passes until the rule is mended or disabled"
    )


def mended(message: str, fix: str, *more: str) -> str:
    """A violation's message with what to write instead, and what else helps to."""
    return "\n  ".join([f"{message}{_MEND}{fix}", *filter(None, more)])


def made_by(parent: str) -> str:
    """What to say of a resource that a component makes, of whose properties its user has only the arguments.

    `parent` is the URN of what it belongs to; nothing where that is the stack, or a resource that is no component.
    """
    parts = parent.split("::", 3)
    type_ = parts[2].rpartition("$")[2] if len(parts) == 4 else ""
    # Providers name a resource's type by its module (`s3/bucket`); so does Kubernetes, some components included.
    is_component = type_.startswith(_COMPONENTS_OF_KUBERNETES) or "/" not in type_
    if not type_ or not is_component or type_.startswith("pulumi:"):
        return ""
    return f"If you did not write it: the component {type_} {parts[3]!r} makes it; see what its arguments set."


def without_fix(message: str) -> str:
    """A violation's message without what to write instead, which the rule itself tells."""
    return message.partition(_MEND)[0]


def is_broken(message: str) -> bool:
    """Whether a violation's message says that the rule failed, not the resource."""
    return _BROKEN in message
