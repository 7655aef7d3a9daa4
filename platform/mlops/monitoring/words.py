"""The labels of alerts, what each may say, and what a check of a model tells of it.

No alert has another label, and none of these comes from a request or a row: so no alert names a patient.
"""

from enum import StrEnum
from typing import Final


class Boundary(StrEnum):
    """Whose an alert is (`runbooks/owners.yaml`)."""

    DATA = "data"
    MODEL = "model"
    PLATFORM = "platform"
    SECURITY = "security"
    CLINICAL = "clinical"


class Severity(StrEnum):
    """What an alert asks for."""

    PAGE = "page"
    """Somebody now, whatever the hour."""
    TICKET = "ticket"
    """Somebody, in the morning."""
    NOTE = "note"
    """Nobody: it is there when one looks."""


class Drift(StrEnum):
    """What has become otherwise, as a check says it."""

    SCHEMA = "schema"
    DATA = "data"
    PREDICTION = "prediction"
    QUALITY = "quality"


LABELS: Final = ("alertname", "model", "kind", "severity", "boundary", "runbook")
RUNBOOKS: Final = "runbooks"
"""The folder of the repository that a `runbook` is in."""

LOOKED: Final = "parapet_monitor_time_seconds"
"""When a check of the model last ended, well or not, in seconds since 1970: what one says holds until another one has
ended."""
SUCCEEDED: Final = "parapet_monitor_success_time_seconds"
"""When a check of the model last ended well, in seconds since 1970."""
ROWS: Final = "parapet_monitor_rows"
"""How many predictions it looked at; 0 where for longer than alerting.yaml allows they were too few to judge, or where
they are the same ones as a day before."""
DRIFTED: Final = "parapet_monitor_drift"
"""1 where a check has an alert of the labels `kind` and `severity`, else 0. Each of both is there after each check."""
SEEN: Final = "parapet_monitor_rows_seen"
"""How many predictions it found of the version that it looks at, also where they are too few to judge."""
ELSEWHERE: Final = "parapet_monitor_rows_elsewhere"
"""How many other versions of the model made meanwhile, which no check looks at."""
CALLERS: Final = "parapet_monitor_callers_drifted"
"""Of how many callers it is otherwise than it was what they ask, two windows in a row."""
OUTCOMES: Final = "parapet_monitor_outcomes"
"""How many outcomes came."""
JOINED: Final = "parapet_monitor_outcomes_joined"
"""Of how many of these the prediction is known, of whichever version."""
OUTCOMES_AGE: Final = "parapet_monitor_outcomes_age_seconds"
"""Since outcomes last came; of a model of which none ever did, since it is asked."""
OUTCOMES_DUE: Final = "parapet_monitor_outcomes_due_seconds"
"""From which age on they are missed, as `delivery/monitoring/alerting.yaml` says; 0 where none are expected."""
UNREAD: Final = "parapet_monitor_files_unread"
"""How many files of predictions or outcomes are not as they must be, and were left out."""
PIPELINE_AGE: Final = "parapet_monitor_pipeline_age_seconds"
"""Since a run of the pipeline last registered a model. Of a model that it never made there is none of these."""
PIPELINE_DUE: Final = "parapet_monitor_pipeline_due_seconds"
"""From which age on it is late, as the last run said; 0 where it said none."""
PIPELINE_FAILED: Final = "parapet_monitor_pipeline_failed"
"""1 at the `step` that stopped the last run, else 0. Each step is there."""
PIPELINE_FAILURES: Final = "parapet_monitor_pipeline_failures"
"""Runs that something stopped since the check before, whatever came after them."""
PIPELINE_STOPPED: Final = "parapet_monitor_pipeline_stopped"
"""1 at `why` it stopped (gate, refused, error, killed), else 0. Each is there."""
PIPELINE_SECONDS: Final = "parapet_monitor_pipeline_run_seconds"
"""How long the last run took."""
STEP_SECONDS: Final = "parapet_monitor_pipeline_step_seconds"
"""How long each `step` of it took, of those that ended."""
PIPELINE_UNREAD: Final = "parapet_monitor_pipeline_unread"
"""Records of runs of the last days that are none, or of a time that has not come: they are gone past."""
SILENCED: Final = "parapet_monitor_silenced_windows"
"""Of the last 28 windows those in which a check's own tests said drift, and what came with the model alone made it a
usual day."""
OF_CHECKS: Final = (
    *(LOOKED, SUCCEEDED, ROWS, DRIFTED, SILENCED, SEEN, ELSEWHERE, OUTCOMES, JOINED, UNREAD),
    *(CALLERS, OUTCOMES_AGE, OUTCOMES_DUE),
    *(PIPELINE_AGE, PIPELINE_DUE, PIPELINE_FAILED, PIPELINE_FAILURES, PIPELINE_UNREAD),
)
"""All that is kept of a check where rules ask."""
SHOWN: Final = (*OF_CHECKS, PIPELINE_STOPPED, PIPELINE_SECONDS, STEP_SECONDS)
"""All that is kept of it where dashboards do."""
STEPS: Final = (
    *("fetch-production", "ingest", "validate", "data-gate", "deidentify", "split", "train", "learn-noise"),
    *("evaluate", "model-gate", "register"),
)
STOPS: Final = ("gate", "refused", "error", "killed")
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "kind": tuple(Drift),
    "severity": tuple(Severity),
    "step": STEPS,
    "why": STOPS,
}
"""The labels that a check gives its numbers, and what each may be. A check's pod reads what a model was asked: a label
of another name, or of any text, would be a way for it out of the account, by telephone."""
WORDED: Final[dict[str, tuple[str, ...]]] = {
    DRIFTED: ("kind", "severity"),
    PIPELINE_FAILED: ("step",),
    PIPELINE_STOPPED: ("why",),
    STEP_SECONDS: ("step",),
}
"""Which of these a number has; the others have none. Two of one check, by a label that is not the number's, would be
two where a rule compares one with one: Prometheus judges none by that rule then, of any model."""
