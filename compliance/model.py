"""What a review says. These models are the JSON schema `parapet.review/1`; keys keep the order given here.

Within `parapet.review/1` keys may be added; none is renamed or removed, and no key changes its meaning.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = "parapet.review/1"


class Status(StrEnum):
    """What is known of an evaluation, a rule or a specification, in the words that every rendering uses.

    Evaluations are errors, failed, not yet decided, waived, advised, passed or not applicable; rules can also be
    disabled; specifications can also be passed in part or not covered.
    """

    ERROR = "error"
    """The rule itself broke: nothing is known of the resource, and nothing goes on."""
    FAILED = "failed"
    UNDECIDED = "not yet decided"
    WAIVED = "waived"
    """Broken, and somebody accepted the risk until a day that the message gives."""
    ADVISED = "advised"
    """Good practice that is not followed: of a rule that is advice, which stops nothing and breaks no law."""
    PASSED_IN_PART = "passed in part"
    """Its rules passed, and something else that the catalogue asks for was not looked at. No finding of compliance."""
    PASSED = "passed"
    DISABLED = "disabled"
    NOT_APPLICABLE = "not applicable"
    """The rules ran and met no resource that they have something to say about."""
    NOT_COVERED = "not covered"

    @property
    def key(self) -> str:
        """The status as a key of a `Tally` and a class of the page."""
        return self.value.replace(" ", "_")


WORST_FIRST = tuple(Status)
"""The order of `Status` is the order of severity."""


def worst(statuses: Iterable[Status], default: Status) -> Status:
    """The worst of several statuses; `default` when there are none."""
    return min(statuses, key=WORST_FIRST.index, default=default)


class Enforcement(StrEnum):
    """What the engine does when a rule is broken."""

    MANDATORY = "mandatory"
    """It refuses to go on."""
    ADVISORY = "advisory"
    """It warns and goes on."""
    DISABLED = "disabled"
    """The rule does not run."""
    UNSAID = "not said"
    """The events do not tell: the rule was not broken, and no policy configuration was given."""


class Outcome(StrEnum):
    """How the operation ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    CUT_SHORT = "cut short"
    """The engine stopped without a closing word: killed, or the log is a part of one."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Evaluation(_Model):
    """One rule's verdict on one resource; counted once, however often the engine asked, with the worst answer.

    A rule over the whole stack that passed has one evaluation, on the stack itself: the engine names no resources then.
    """

    urn: str
    type: str
    name: str
    status: Status
    messages: tuple[str, ...] = ()
    """What the rule said, as the engine gave it (the engine masks secrets), or why nothing is known."""


class RuleReview(_Model):
    """One rule of the pack and what it found."""

    name: str
    title: str
    severity: str
    scope: str
    on: tuple[str, ...]
    fix: str
    status: Status
    enforcement: Enforcement
    reason: str = ""
    """Why the status is what it is, where the evaluations alone do not tell."""
    resources_of_kind: int
    """Resources of the types in `on` in this operation."""
    specifications: tuple[str, ...]
    """Citations of the specifications that count on this rule."""
    evaluations: tuple[Evaluation, ...]


class SpecificationReview(_Model):
    """One standard or implementation specification, and the worst status of the rules behind it.

    `gaps` say what else the catalogue asks for that this review did not look at; while there is one, the status is
    never plainly `passed`.
    """

    citation: str
    section: str
    title: str
    kind: str
    standard: str
    status: Status
    rules: tuple[str, ...]
    live: tuple[str, ...]
    documents: tuple[str, ...]
    gaps: tuple[str, ...]


class Tally(_Model):
    """How many of each status."""

    error: int = 0
    failed: int = 0
    not_yet_decided: int = 0
    waived: int = 0
    advised: int = 0
    passed_in_part: int = 0
    passed: int = 0
    disabled: int = 0
    not_applicable: int = 0
    not_covered: int = 0

    @classmethod
    def of(cls, statuses: Iterable[Status]) -> "Tally":
        """Count statuses."""
        counts = dict.fromkeys((status.key for status in Status), 0)
        for status in statuses:
            counts[status.key] += 1
        return cls(**counts)


class Totals(_Model):
    """The numbers that the closing lines of `up`, the JSON, the Markdown and the HTML all show."""

    resources: int
    """Resources that the pack was shown, without the stack itself and providers."""
    resources_with_rules: int
    """Those of them of a type that at least one rule is about."""
    evaluations: int
    """`passed + failed + waived + advised + not_applicable + undecided + errors`."""
    passed: int
    failed: int
    not_applicable: int
    undecided: int
    waived: int
    advised: int
    errors: int
    """Rules that broke on a resource."""
    rules: Tally
    specifications: Tally


class Deviation(_Model):
    """One rule that the run's policy configuration treats otherwise than its profile."""

    rule: str
    level: Enforcement
    parameters: dict[str, Any] = Field(default_factory=dict)
    """The parameters that it sets."""


class Choice(_Model):
    """Which text the run was held to, and what its policy configuration changed."""

    profile: str
    text: str
    """What the profile holds to, and whether that is law."""
    deviations: tuple[Deviation, ...] = ()


class UnruledType(_Model):
    """Resources of the program that no rule looks at."""

    type: str
    resources: tuple[str, ...]
    """Their names."""


class Pack(_Model):
    """The policy pack that was run."""

    name: str
    version: str


class Review(_Model):
    """What the engine's events say about every specification of the catalogue, after one preview or update."""

    schema_: Literal["parapet.review/1"] = Field(default=SCHEMA, serialization_alias="schema")
    generated_at: datetime
    """UTC."""
    project: str
    stack: str
    operation: Literal["preview", "update", "unknown"]
    outcome: Outcome
    complete: bool
    """Whether the pack was shown every resource of the stack. Nothing can read passed or not applicable if not."""
    warnings: tuple[str, ...]
    """What a reader must know before the numbers."""
    engine_version: str | None
    pack: Pack
    other_packs: int
    """Other policy packs in the same run; their events are not counted."""
    choice: Choice | None
    """None where nobody knows the policy configuration of the run."""
    unruled: tuple[UnruledType, ...]
    """What the program has and no rule looks at, by type: the review says nothing of it."""
    totals: Totals
    specifications: tuple[SpecificationReview, ...]
    rules: tuple[RuleReview, ...]
