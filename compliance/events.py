"""Reads what the Pulumi engine wrote about one operation: its event log, one JSON object a line.

The log is the engine's own (`pulumi up --event-log FILE`, or `pulumi preview --json` with streaming JSON on). Kinds of
event that a review has no use for are skipped, whatever they are; those it uses must have the shape that
`sdk/go/common/apitype/events.go` of Pulumi 3.259 gives them, or the log is refused.

What the stream can and cannot say, as seen with pulumi 3.259.0 and pulumi-policy 1.21.0:

- `policyAnalyzeSummaryEvent` names, for one resource, the rules that passed and those with a diagnostic (`failed`).
  A rule that said "not applicable" and a rule that is disabled are both simply absent.
- A rule that met an unknown value is in `failed` too; its `policyEvent` is advisory and opens with the SDK's own words.
- `policyRemediateSummaryEvent` lists as passed every enabled rule over single resources that mends nothing, whatever
  the resource: no verdict, but a roll call. There is none for rules over the whole stack.
- `policyAnalyzeStackSummaryEvent` comes once, after the last resource was registered, and only then: it is the proof
  that nothing was left unregistered.
- A killed engine leaves no `summaryEvent`, and often half a line.
"""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

GONE = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})
"""Steps after which the resource, or the half of it that the step is about, is no part of the stack."""

LOOKED_UP = frozenset({"read", "read-replacement", "read-discard", "refresh"})
"""Steps over what the stack only refers to, or already holds: the engine hands these to no policy."""


class UnreadableLog(Exception):
    """The event log is missing, empty or not what the engine writes; the text says which line and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class Violation(_Part):
    """One diagnostic of one rule about one resource (`policyEvent`); secrets are masked by the engine."""

    policy_pack_name: str
    policy_pack_version: str = ""
    policy_name: str
    resource_urn: str = ""
    message: str
    enforcement_level: str


class ResourceSummary(_Part):
    """Which rules of one pack passed or had a diagnostic on one resource (`policyAnalyzeSummaryEvent`).

    `policyRemediateSummaryEvent` has the same shape, and says no more than which rules are there.
    """

    policy_pack_name: str
    policy_pack_version: str = ""
    resource_urn: str
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class StackSummary(_Part):
    """Which rules over the whole stack passed or had a diagnostic (`policyAnalyzeStackSummaryEvent`)."""

    policy_pack_name: str
    policy_pack_version: str = ""
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Step(_Part):
    """What the engine does to one resource."""

    op: str
    urn: str


class StepEvent(_Part):
    """A step that begins (`resourcePreEvent`)."""

    metadata: Step
    planning: bool = False


class Diagnostic(_Part):
    """A line for the user (`diagnosticEvent`)."""

    message: str
    severity: str


class End(_Part):
    """The engine's closing words (`summaryEvent`); `packs` maps "name|kind|path" to a version."""

    is_preview: bool
    result: str = ""
    packs: dict[str, str] = Field(default_factory=dict, alias="PolicyPacks")


class Event(_Part):
    """One line of the log. At most one of the parts is set; none, where the kind is of no use to a review."""

    timestamp: int = 0
    prelude_event: dict[str, Any] | None = None
    policy_event: Violation | None = None
    policy_analyze_summary_event: ResourceSummary | None = None
    policy_remediate_summary_event: ResourceSummary | None = None
    policy_analyze_stack_summary_event: StackSummary | None = None
    resource_pre_event: StepEvent | None = None
    diagnostic_event: Diagnostic | None = None
    summary_event: End | None = None


class Operation(BaseModel):
    """The events of one preview or update, from its prelude on."""

    model_config = ConfigDict(frozen=True)

    events: tuple[Event, ...]
    torn: bool = False
    """The log's last line is half a line: the writer was killed."""

    @property
    def end(self) -> End | None:
        """How it ended; None when the engine did not live to say."""
        return next((event.summary_event for event in reversed(self.events) if event.summary_event), None)

    @property
    def is_preview(self) -> bool | None:
        """Whether it changed nothing; None when it was cut short before anything told."""
        if self.end:
            return self.end.is_preview
        return next((e.resource_pre_event.planning for e in self.events if e.resource_pre_event), None)


class Urn(BaseModel):
    """`urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`, the engine's name for a resource."""

    model_config = ConfigDict(frozen=True)

    stack: str
    project: str
    type: str
    name: str

    @classmethod
    def parse(cls, urn: str) -> Self | None:
        """The parts of `urn`; None when it is not one (the engine leaves it empty at times)."""
        parts = urn.removeprefix("urn:pulumi:").split("::", 3)
        if not urn.startswith("urn:pulumi:") or len(parts) < 4:
            return None
        return cls(stack=parts[0], project=parts[1], type=parts[2].rsplit("$", 1)[-1], name=parts[3])

    @model_validator(mode="after")
    def _has_type(self) -> Self:
        if not self.type:
            raise ValueError("a URN names a type")
        return self


def last_operation(log: Path) -> Operation:
    """The operation that the log ends with.

    A log may hold a preview and then the update (each opens with a prelude): what the update says replaces what the
    preview said of the same resources, even where the update was cut short, because the account is now what the
    update left.

    Raises:
        UnreadableLog: no file, no JSON lines, an event of an unexpected shape, or no operation in it.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableLog(f"{log}: {error.strerror}. Give the file that `pulumi up --event-log` wrote.") from error

    lines = text.split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    events: list[Event] = []
    torn = False
    for number, line in numbered:
        try:
            events.append(Event.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            if number == numbered[-1][0] and events:
                torn = True
                continue
            raise UnreadableLog(
                f"{log}, line {number}: not JSON ({error.msg}). An event log holds one JSON object a line."
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the line"
            raise UnreadableLog(
                f"{log}, line {number}: {where}: {first['msg']}. The log was written by another program than Pulumi, "
                "or by a version whose events this review does not know (3.259 is known)."
            ) from error

    start = max((index for index, event in enumerate(events) if event.prelude_event is not None), default=None)
    if start is None:
        raise UnreadableLog(f"{log}: the log holds no operation: the engine stopped before it began one. Run it again.")
    return Operation(events=tuple(events[start:]), torn=torn)
