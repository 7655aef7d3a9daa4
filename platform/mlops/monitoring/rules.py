"""Prometheus' rules: what is an alert, how urgent it is, and which runbook says what to do.

Each is for one model, by its name. Rates over hours and days are sums of what was recorded each half minute, so that an
evaluation does not read days of every pod's numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cluster import namespaces as ns
from mlops.analyses import ASKED_ROUTES, CALLS
from mlops.monitoring import waiting, words
from mlops.monitoring.owners import Quiet, quiet
from mlops.monitoring.words import RUNBOOKS, Boundary, Drift, Severity
from mlops.prometheus import (
    IN_MEMORY,
    MODEL,
    NAMESPACE,
    NOTIFICATIONS_DROPPED,
    NOTIFICATIONS_FAILED,
    POD,
    RULES_FAILED,
    scrape_seconds,
)

EVERY_SECONDS: Final = 30
"""How often rates are recorded, and alerts are looked for at least."""
AVAILABLE: Final = 0.999
"""Of the calls that are admitted, the share that the platform promises to answer (no 5xx), over 30 days."""
SWIFT: Final = 0.99
"""Of the answers, the share that comes within `SWIFT_SECONDS`, over 30 days."""
SWIFT_SECONDS: Final = 0.5
"""One of the edges by which servers count (`delivery/serving`, LATENCIES)."""
FEWEST: Final = 10
"""Calls that failed, or were late, within the longer window, below which no budget is said to burn: of a model that is
asked ten times an hour one failure is a tenth."""
CHECK_HOURS: Final = 26
"""After which a check of the model was due: a day, and what a pod may wait for room."""
DEAD_HOURS: Final = 50
"""After which two were."""
FEW_HOURS: Final = 100
"""In which four checks were due, and what a pod may wait for room."""
FEW: Final = 3
"""Days of these on which a check ended well, below which somebody is told now that another one is overdue: a change on
each second day is not found else, and none of these silences is as long as two days."""
WINDOW_SECONDS: Final = 18 * 3600
"""Less than this after the last a check looks at nothing new (`delivery/monitoring/daily/span.py`)."""
NOON_SECONDS: Final = 12 * 3600
"""Since a day of checks begins: one that starts late in the evening ends on the next date."""
MOST: Final = 0.5
"""The share of the outcomes that came, below which those that are of a known prediction are too few; and of calls that
failed, from which on a model that is seldom asked answers nobody; and of its servers, below which it is down."""
ELSEWHERE_SHARE: Final = 0.1
"""Of the answers, the share of versions that nobody checks above which somebody is told where it goes on: of a Rollout
that is paused at half of the calls it is a bit more on one day and a bit less on the next."""
ELSEWHERE_FEWEST: Final = 30
"""Of such answers, below which it takes most of all: of a model that is asked four times a day those of before its
version came are a tenth of a window for weeks."""
SILENCED_NOTE: Final = 7
"""Of the last 28 windows those in which drift is held to be usual, from which on it is told."""
SILENCED_TICKET: Final = 20
"""From which on somebody looks whether it is usual: what is found on each weekday and not on weekends is as many. A
season is told once, and what a model came with to be deaf by is told at all."""
LOOKS_BACK: Final = "74h"
"""For how long what a check said holds: until another one says it, and where none does, for longer than `DEAD_HOURS`.
What is open is not over because nobody looks any more, and by then that nobody does is a page of its own."""

SERIES: Final = 250_000
"""In Prometheus' memory, above which it will be full: some four KiB each, half of what it has. A hundred models' pods
have 15,000, and four hundred of teams' 60,000."""

DECLARED: Final = "parapet:model_declared"
CHECKED: Final = "parapet:model_checked"
CALLED: Final = "parapet:model_calls:rate5m"
FAILED: Final = "parapet:model_failures:rate5m"
ANSWERED: Final = "parapet:model_answers:rate5m"
LATE: Final = "parapet:model_late:rate5m"
ERRORS_LEFT: Final = "parapet:model_error_budget_left:ratio30d"
LATENCY_LEFT: Final = "parapet:model_latency_budget_left:ratio30d"
"""What is left of each budget: 1 where nothing is spent, 0 where all is, and less where more is than there was."""
BUDGET_DAYS: Final = 30
BUDGETS_SECONDS: Final = 300
"""How often what is left is counted: it takes the sum of what was recorded in 30 days."""
WATCHDOG: Final = "Watchdog"
CHECK_DEAD: Final = "MonitorDead"
DRIFT: Final = "ModelDrift"
NO_DATA: Final = "MonitorHasNoData"
UNREAD: Final = "MonitorLeftFilesOut"
ELSEWHERE: Final = "MonitorMissesAnswers"
OUTCOMES: Final = "MonitorMissesOutcomes"
OUTCOMES_LATE: Final = "OutcomesLate"
CALLERS: Final = "CallerDrift"
DOWN: Final = "ModelDown"
_UNSENT: Final = " or ".join(
    f"(sum(increase({each}[8m])) > 0)"
    for each in (f'{NOTIFICATIONS_FAILED}{{integration="sns"}}', NOTIFICATIONS_DROPPED, RULES_FAILED)
)
"""Alertmanager could not publish to one of its topics, or Prometheus not hand on what it found, or not evaluate a rule:
whatever that one tells, nobody hears. While Alertmanager cannot publish, it tries again after five minutes at most
(`routes.py`, group_interval); what failed once ends before the heartbeat's alarm would ring."""


@dataclass(frozen=True)
class Burn:
    """A budget of 30 days that is spent this many times as fast as it would last, over both of two windows (Google,
    "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", table 5-8): the longer says that it matters, the
    shorter that it goes on."""

    longer: str
    shorter: str
    times: float


URGENT: Final = (Burn("1h", "5m", 14.4), Burn("6h", "30m", 6))
"""2 % of the budget in an hour, 5 % in six."""
SLOW: Final = (Burn("3d", "6h", 1),)
"""10 % of it in three days."""
SELDOM: Final = "6h"
"""In which a model that is asked less than `FEWEST` times, and fails, is seen to."""
LATELY: Final = "2h"
"""In which one that failed says that it goes on: who is asked 30 times a day is asked twice."""
FAILS: Final = 2.5
"""Calls in `SELDOM` of which most failed, from which on it is a page: three, as sums of rates have them."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One rule that alerts. `name`, `kind`, `severity` and `boundary` are labels, as `runbook` is."""

    name: str
    kind: str
    expression: str
    severity: Severity | None
    """None where the expression's own label says it."""
    boundary: Boundary
    runbook: str
    """A file of `runbooks/`, without its ending."""
    lasts: str = ""
    """For how long it must hold before it is told."""
    says: str
    """What is the matter, for who looks at Prometheus: no value of a label but the model's name."""

    def rule(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        of = {
            "kind": str(self.kind),
            **({"severity": str(self.severity)} if self.severity else {}),
            "boundary": str(self.boundary),
            "runbook": f"{RUNBOOKS}/{self.runbook}.md",
        }
        return {
            "alert": self.name,
            "expr": self.expression,
            **({"for": self.lasts} if self.lasts else {}),
            "labels": of,
            "annotations": {"summary": self.says},
        }


def alert_seconds(window: int) -> int:
    """How often alerts are looked for, where an analysis looks at so many seconds: what models say is new then."""
    return min(EVERY_SECONDS, 2 * scrape_seconds(window))


def rules(
    models: Sequence[str], checked: Sequence[str], every_seconds: int = EVERY_SECONDS, quieted: Quiet | None = None
) -> dict[str, Any]:
    """The file of rules, of a stack with these models, of which those that are `checked` each day must be. Alerts are
    looked for `every_seconds`; tickets wait in the hours `quieted`, those of the repository."""
    alerts = {"name": "alerts", "interval": f"{every_seconds}s", "rules": [each.rule() for each in ALERTS]}
    waits = {
        "name": "waiting",
        "interval": f"{EVERY_SECONDS}s",
        "rules": waiting.recorded(quieted or quiet(), WATCHDOG),
    }
    return {"groups": [_models(models, checked), alerts, waits]}


def recorded(models: Sequence[str], checked: Sequence[str]) -> dict[str, Any]:
    """The file for a Prometheus that keeps 30 days and tells nobody: what dashboards ask for, and no alert."""
    budgets = {
        "name": "budgets",
        "interval": f"{BUDGETS_SECONDS}s",
        "rules": [
            {"record": ERRORS_LEFT, "expr": _left(FAILED, CALLED, AVAILABLE)},
            {"record": LATENCY_LEFT, "expr": _left(LATE, ANSWERED, SWIFT)},
        ],
    }
    return {"groups": [_models(models, checked), budgets]}


def _models(models: Sequence[str], checked: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "models",
        "interval": f"{EVERY_SECONDS}s",
        "rules": [*_named(DECLARED, models), *_named(CHECKED, checked), *_recorded()],
    }


def _left(bad: str, all_: str, objective: float) -> str:
    """PromQL: the part of a budget that is not spent; of a model that nobody asked in all the days, nothing."""
    window = f"{BUDGET_DAYS}d"
    share = f"sum_over_time({bad}[{window}]) / (sum_over_time({all_}[{window}]) > 0)"
    return f"1 - ({share}) / {1 - objective:.6g}"


def _named(series: str, models: Sequence[str]) -> list[dict[str, Any]]:
    return [{"record": series, "expr": "vector(1)", "labels": {MODEL: each}} for each in models]


def _recorded() -> list[dict[str, Any]]:
    where = f'{NAMESPACE}="{ns.MODELS.name}"'

    def rate(metric: str, *chosen: str) -> str:
        return f"sum by ({MODEL}) (rate(parapet_serving_{metric}{{{','.join((where, *chosen))}}}[5m]))"

    def below(edge: str) -> str:
        return rate("request_seconds_bucket", f'le="{edge}"')

    admitted = (ASKED_ROUTES, CALLS)
    failed = rate("requests_total", *admitted, 'status=~"5.."')
    recorded: Mapping[str, str] = {
        CALLED: rate("requests_total", *admitted),
        # A model of which no call ever failed has no such number.
        FAILED: f"{failed} or {CALLED} * 0",
        ANSWERED: below("+Inf"),
        LATE: f"{below('+Inf')} - {below(f'{SWIFT_SECONDS:g}')}",
    }
    return [{"record": name, "expr": text} for name, text in recorded.items()]


def _burns(bad: str, all_: str, objective: float, burns: Sequence[Burn]) -> str:
    """PromQL: a budget burns by one of these."""

    def share(window: str) -> str:
        return f"sum_over_time({bad}[{window}]) / sum_over_time({all_}[{window}])"

    def one(burn: Burn) -> str:
        most = f"{burn.times * (1 - objective):.6g}"
        # Of what is there: a Prometheus that began a moment ago makes no days of minutes.
        often = f"sum_over_time({bad}[{burn.longer}]) * {EVERY_SECONDS} >= {FEWEST}"
        return f"(({share(burn.longer)} > {most}) and ({share(burn.shorter)} > {most}) and ({often}))"

    return " or ".join(one(each) for each in burns)


def _broken(bad: str, all_: str) -> str:
    """PromQL: a model that most calls of hours get no answer of, however few these are: by a budget of which ten must
    have failed nobody would be told of one that fails each of 30 calls a day."""

    def calls(series: str, window: str) -> str:
        return f"sum_over_time({series}[{window}]) * {EVERY_SECONDS}"

    often, lately = f"({calls(bad, SELDOM)} >= {FAILS})", f"({calls(bad, LATELY)} > {FAILS - 2})"
    most = f"(sum_over_time({bad}[{SELDOM}]) / sum_over_time({all_}[{SELDOM}]) >= {MOST})"
    return f"({often} and {most} and {lately})"


def _overdue(hours: int) -> str:
    """PromQL: a model that was to be checked so many hours ago, and of which no check ended well since.

    A Prometheus that began a moment ago does not know of a check before that, nor that one was to be.
    """
    known = f"max by ({MODEL}) (last_over_time({words.SUCCEEDED}[{hours}h]))"
    return (
        f"{CHECKED} and on ({MODEL}) ({CHECKED} offset {hours}h)"
        f" unless on ({MODEL}) (time() - {known} < {hours * 3600})"
    )


def _few() -> str:
    """PromQL: a model of which on two of the last four days no check ended well, however many did on the others."""
    ended = f"last_over_time({words.SUCCEEDED}[{FEW_HOURS}h])"
    days = f'count by ({MODEL}) (count_values by ({MODEL}) ("day", floor(({ended} - {NOON_SECONDS}) / {24 * 3600})))'
    return f"{CHECKED} and on ({MODEL}) ({CHECKED} offset {FEW_HOURS}h) and on ({MODEL}) ({days} < {FEW})"


def said(metric: str, *by: str, of: str = "", before: bool = False) -> str:
    """PromQL: what the last check said that said anything of it, whose pod is long gone; or the one `before` that, of
    another window. `of` chooses series by their labels.

    Of the last one alone, of several within a day too: else what drifted an hour ago would go on for a day after a
    check that found it mended, and one that found no rows would not be heard. One that could not look says nothing of
    drift, and ends none.
    """
    told = f"last_over_time({metric}{of}[{LOOKS_BACK}])"
    ended = f"last_over_time({words.LOOKED}[{LOOKS_BACK}]) and on ({MODEL}, {POD}) {told}"
    if before:
        # One that an operator starts again within the day says of the same window the same.
        ended = f"({ended}) <= on ({MODEL}) group_left () (max by ({MODEL}) ({ended}) - {WINDOW_SECONDS})"
    last = f"({ended}) == on ({MODEL}) group_left () max by ({MODEL}) ({ended})"
    return f"max by ({', '.join((MODEL, *by))}) ({told} and on ({MODEL}, {POD}) ({last}))"


def any_said(metric: str) -> str:
    """PromQL: what each check of the last days said, by its pod, of what comes once: a file or an outcome is counted by
    the check of its own day, and that the next one found none ends nothing. Tickets wait for a weekend, and
    Alertmanager tells nothing that is over by then."""
    return f"max by ({MODEL}, {POD}) (last_over_time({metric}[{LOOKS_BACK}]))"


def unready() -> str:
    """PromQL: models of which fewer than half of the servers say themselves that they are ready. A pod's proxy answers
    for one that is dead (`up`), with no word of it: so how many there are is the API server's word, and one that was
    taken over speaks for itself alone. Of a new version there are at most as many as of the one that serves."""
    where = f'{NAMESPACE}="{ns.MODELS.name}"'
    ready = f"count by ({MODEL}) (parapet_serving_ready{{{where}}} == 1)"
    return f"{DECLARED} unless on ({MODEL}) ({ready} >= {MOST} * count by ({MODEL}) (up{{{where}}}))"


def _elsewhere(*, before: bool = False) -> str:
    """PromQL: a model of which versions that nobody checks answer more than is no matter, by the last check or the one
    `before`."""
    others, seen = said(words.ELSEWHERE, before=before), said(words.SEEN, before=before)
    share = f"{ELSEWHERE_SHARE / (1 - ELSEWHERE_SHARE):.6g}"
    return f"((({others}) >= {ELSEWHERE_FEWEST} > on ({MODEL}) ({share} * {seen})) or ({others} > on ({MODEL}) {seen}))"


def _drift(kind: Drift, boundary: Boundary, runbook: str, says: str) -> Alert:
    return Alert(
        name=DRIFT,
        kind=kind,
        # What it says is on telephones as it stands.
        expression=said(words.DRIFTED, "severity", of=f'{{kind="{kind}",severity=~"{"|".join(Severity)}"}}') + " > 0",
        severity=None,
        boundary=boundary,
        runbook=runbook,
        says=says,
    )


def _budget(
    name: str, kind: str, series: tuple[str, str], objective: float, says: str, *urgent_too: str
) -> tuple[Alert, Alert]:
    """Both severities of one budget. One rule for all that pages, `urgent_too` among it: two would end each other's
    alert."""
    urgent, slow = (
        Alert(
            name=name,
            kind=kind,
            expression=" or ".join((_burns(*series, objective, burns), *too)),
            severity=severity,
            boundary=Boundary.MODEL,
            runbook="degraded-model",
            says=says,
        )
        for burns, severity, too in ((URGENT, Severity.PAGE, urgent_too), (SLOW, Severity.TICKET, ()))
    )
    return urgent, slow


def _older_than_said(age: str, due: str) -> str:
    """That something is older than was said that it may be, for models of which that was said."""
    return f"{said(age)} > on ({MODEL}) ({said(due)} > 0)"


_OWN: Final = (
    Alert(
        name=WATCHDOG,
        kind="heartbeat",
        expression=f"vector(1) unless ({_UNSENT})",
        severity=Severity.NOTE,
        boundary=Boundary.PLATFORM,
        runbook="pipeline-stopped",
        says="It is there while rules are judged and alerts sent: where it does not arrive, no alert does, or not all.",
    ),
    Alert(
        name="PrometheusFills",
        kind="series",
        expression=f"max({IN_MEMORY}) > {SERIES}",
        severity=Severity.PAGE,
        boundary=Boundary.PLATFORM,
        runbook="pipeline-stopped",
        says="What alerts will have no memory: pods come and go, each with series of its own.",
    ),
    _drift(Drift.SCHEMA, Boundary.DATA, "schema-break", "What the model is asked is not of its contract."),
    _drift(Drift.DATA, Boundary.DATA, "data-drift", "What the model is asked is spread otherwise than what it learnt."),
    _drift(Drift.PREDICTION, Boundary.MODEL, "degraded-model", "The model's answers are spread otherwise."),
    _drift(Drift.QUALITY, Boundary.CLINICAL, "degraded-model", "The model is right less often, or says so wrongly."),
    Alert(
        name=CALLERS,
        kind="caller",
        expression=f"{said(words.CALLERS)} > 0",
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="data-drift",
        says="What one caller asks is otherwise than it was, two windows in a row; the whole may not show it.",
    ),
    Alert(
        name=CHECK_DEAD,
        kind="heartbeat",
        expression=_overdue(CHECK_HOURS),
        severity=Severity.TICKET,
        boundary=Boundary.PLATFORM,
        runbook="pipeline-stopped",
        says=f"No check of the model ended well for {CHECK_HOURS} hours: nobody would know of drift.",
    ),
    Alert(
        name=CHECK_DEAD,
        kind="heartbeat",
        # One rule for both: two would end each other's alert.
        # What ended well last is mended, however few there are of the days before.
        expression=f"({_overdue(DEAD_HOURS)}) or (({_overdue(CHECK_HOURS)}) and on ({MODEL}) ({_few()}))",
        severity=Severity.PAGE,
        boundary=Boundary.PLATFORM,
        runbook="pipeline-stopped",
        says=(
            f"No check of the model ended well for {DEAD_HOURS} hours, or for {CHECK_HOURS} and on two of the last "
            "four days: nobody would know of drift."
        ),
    ),
    Alert(
        name=NO_DATA,
        kind="no-data",
        expression=f"{said(words.ROWS)} == 0",
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="pipeline-stopped",
        says="The last check found no prediction to look at, too few for days, or the same ones as a day before.",
    ),
    Alert(
        name=UNREAD,
        kind="left-out",
        expression=f"max by ({MODEL}) ({any_said(words.UNREAD)}) > 0",
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="pipeline-stopped",
        says="A check of the last days left out files of predictions or outcomes that are not as they must be.",
    ),
    Alert(
        name=ELSEWHERE,
        kind="elsewhere",
        # A new version that has come within a day is no such matter: the next check says otherwise. For how long it
        # holds says nothing of how many found it: the next may be late, or fail.
        expression=f"{_elsewhere()} and on ({MODEL}) {_elsewhere(before=True)}",
        severity=Severity.TICKET,
        boundary=Boundary.MODEL,
        runbook="pipeline-stopped",
        says=(
            f"Two checks in a row found more than {ELSEWHERE_SHARE:.0%} of the answers to be another version's, which "
            "nobody checks."
        ),
    ),
    Alert(
        name=OUTCOMES,
        kind="outcomes",
        expression=(
            f"max by ({MODEL}) ({any_said(words.JOINED)} < on ({MODEL}, {POD}) ({MOST} * {any_said(words.OUTCOMES)}))"
        ),
        severity=Severity.TICKET,
        boundary=Boundary.CLINICAL,
        runbook="pipeline-stopped",
        says="Outcomes came, and most are of no prediction that is known: nobody knows how often the model is right.",
    ),
    Alert(
        name=OUTCOMES_LATE,
        kind="outcomes-late",
        expression=_older_than_said(words.OUTCOMES_AGE, words.OUTCOMES_DUE),
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="pipeline-stopped",
        says="No outcome came for longer than alerting.yaml allows: nobody knows how often the model is right.",
    ),
    Alert(
        name="PipelineLate",
        kind="late",
        # Of one that is made by hand, now and then, nobody said how old the last may be.
        expression=_older_than_said(words.PIPELINE_AGE, words.PIPELINE_DUE),
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="pipeline-stopped",
        says="The pipeline registered no new model for longer than is declared, or its last run said that it may take.",
    ),
    Alert(
        name="PipelineFailed",
        kind="failed",
        expression=f"({said(words.PIPELINE_FAILED)} > 0) or ({said(words.PIPELINE_FAILURES)} > 0)",
        severity=Severity.TICKET,
        boundary=Boundary.DATA,
        runbook="pipeline-stopped",
        says="The pipeline's last run failed, or one since the check before.",
    ),
    Alert(
        name="PipelineUnread",
        kind="unread",
        expression=f"{said(words.PIPELINE_UNREAD)} > 0",
        severity=Severity.TICKET,
        boundary=Boundary.PLATFORM,
        runbook="pipeline-stopped",
        says="Among the records of the model's runs are some that no run leaves: who put them there?",
    ),
    *(
        Alert(
            name="DriftHeldUsual",
            kind="silenced",
            # Of both one at a time: a note that goes on beside its ticket is told twice.
            expression=f"{said(words.SILENCED)} >= {windows}{below}",
            severity=severity,
            boundary=Boundary.MODEL,
            runbook="data-drift",
            says=f"In {windows} of 28 windows the check finds drift, and what came with the model calls it usual.",
        )
        for severity, windows, below in (
            (Severity.NOTE, SILENCED_NOTE, f" < {SILENCED_TICKET}"),
            (Severity.TICKET, SILENCED_TICKET, ""),
        )
    ),
    *_budget(
        "ModelErrorBudgetBurn",
        "errors",
        (FAILED, CALLED),
        AVAILABLE,
        f"The model fails to answer more calls than {1 - AVAILABLE:.1%} in 30 days allow.",
        _broken(FAILED, CALLED),
    ),
    *_budget(
        "ModelLatencyBudgetBurn",
        "latency",
        (LATE, ANSWERED),
        SWIFT,
        f"The model answers more calls later than {SWIFT_SECONDS:g} s than {1 - SWIFT:.0%} in 30 days allow.",
    ),
    Alert(
        name=DOWN,
        kind="down",
        expression=unready(),
        severity=Severity.PAGE,
        boundary=Boundary.MODEL,
        runbook="degraded-model",
        lasts="5m",
        says="Fewer than half of the model's servers say that they are ready.",
    ),
    Alert(
        name="ModelVersionDies",
        kind="crash",
        expression=(
            f'sum by ({MODEL}) (changes(parapet_serving_start_time_seconds{{{NAMESPACE}="{ns.MODELS.name}"}}[30m]))'
            " >= 3"
        ),
        severity=Severity.PAGE,
        boundary=Boundary.MODEL,
        runbook="degraded-model",
        says="Servers of the model ended by themselves three times in half an hour.",
    ),
)


def _over_before_morning() -> list[Alert]:
    """One for each kind of which a ticket or a note waits, whatever it says; its owner and its runbook are the same."""
    kinds = {each.kind: each for each in _OWN if each.severity is not Severity.PAGE and each.name != WATCHDOG}
    return [
        Alert(
            name=waiting.NAME,
            kind=each.kind,
            expression=waiting.expression(each.kind),
            severity=Severity.TICKET,
            boundary=each.boundary,
            runbook=each.runbook,
            says=f"In the quiet hours, and over before they were: {each.says}",
        )
        for each in kinds.values()
    ]


ALERTS: Final = (*_OWN, *_over_before_morning())
