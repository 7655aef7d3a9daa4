"""The four dashboards. Each asks for what `delivery/` tells, what Prometheus tells of its own asking, or what the rules
record (`monitoring/rules.py`), and for nothing that names a patient: what is kept of a pod is in `monitoring/served.py`
and `words.py`."""

from collections.abc import Sequence
from typing import Final

from cluster import namespaces as ns
from mlops.analyses import ASKED_ROUTES, CALLS
from mlops.dashboards.grafana import Board, Panel, Query
from mlops.monitoring import rules, words
from mlops.monitoring.rules import CHECK_HOURS, DEAD_HOURS
from mlops.prometheus import MODEL, NAMESPACE, VERSION

CHOSEN: Final = f'{MODEL}=~"$model"'
OF_STACK: Final = f'{NAMESPACE}="{ns.MODELS.name}"'
"""Of a model that the stack serves: a team may call its own as it likes."""
INTERVAL: Final = "$__rate_interval"
BURNS: Final = tuple(burn.times for burn in reversed(rules.URGENT))


def _rate(metric: str, by: Sequence[str], *chosen: str) -> str:
    where = ",".join((OF_STACK, CHOSEN, *chosen))
    return f"sum by ({', '.join(by)}) (rate(parapet_serving_{metric}{{{where}}}[{INTERVAL}]))"


def _quantile(share: float, metric: str, *by: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', (*by, 'le'))})"


def _last(metric: str, *by: str) -> str:
    """What the last check said."""
    return rules.said(metric, *by, of=f"{{{CHOSEN}}}")


def _now(metric: str) -> str:
    return f"sum by ({MODEL}) (parapet_serving_{metric}{{{OF_STACK},{CHOSEN}}})"


def _burn(bad: str, all_: str, objective: float, window: str) -> str:
    """How many times as fast as it would last a budget is spent."""
    of = f"sum_over_time({bad}{{{CHOSEN}}}[{window}]) / (sum_over_time({all_}{{{CHOSEN}}}[{window}]) > 0)"
    return f"{of} / {1 - objective:.6g}"


def _budget(title: str, says: str, series: str) -> Panel:
    return Panel(
        title=title,
        says=says,
        queries=[Query(f"{series}{{{CHOSEN}}}", "{{model}}")],
        kind="stat",
        unit="percentunit",
        bounds=(0.0, 0.25),
        falls=True,
        least=None,
        most=1,
        width=8,
        height=5,
    )


def _burning(title: str, says: str, bad: str, all_: str, objective: float) -> Panel:
    windows = [burn.longer for burn in rules.URGENT]
    return Panel(
        title=title,
        says=says,
        queries=[Query(_burn(bad, all_, objective, window), f"{{{{model}}}}, {window}") for window in windows],
        bounds=BURNS,
    )


_ADMITTED: Final = (ASKED_ROUTES, CALLS)
_CALLS: Final = _rate("requests_total", (MODEL,), *_ADMITTED)
_FAILED: Final = _rate("requests_total", (MODEL,), *_ADMITTED, 'status=~"5.."')
_BY_VERSION: Final = _rate("requests_total", (MODEL, VERSION), *_ADMITTED)

SERVICE: Final = Board(
    uid="parapet-models",
    title="Parapet: models",
    says="How the stack's models answer, what is left of their budgets, and which version has how many of the calls.",
    models=rules.DECLARED,
    panels=[
        _budget(
            "Error budget left, 30 days",
            f"Of the {1 - rules.AVAILABLE:.1%} of calls that may fail in 30 days, what is left; below 0, overspent.",
            rules.ERRORS_LEFT,
        ),
        _budget(
            "Latency budget left, 30 days",
            f"Of the {1 - rules.SWIFT:.0%} of answers that may come after {rules.SWIFT_SECONDS:g} s, what is left.",
            rules.LATENCY_LEFT,
        ),
        Panel(
            title="Servers that are ready",
            says="Of each model, the servers that say so themselves. None is an alert; a proxy answers for a dead one.",
            queries=[Query(_now("ready"), "{{model}}")],
            kind="stat",
            bounds=(1.0, 2.0),
            falls=True,
            width=8,
            height=5,
        ),
        Panel(
            title="Calls",
            says="Calls a second that were admitted.",
            queries=[Query(_CALLS, "{{model}}")],
            unit="reqps",
        ),
        Panel(
            title="Calls by status",
            says="All calls a second by the status of their answer, those that were not admitted among them.",
            queries=[Query(_rate("requests_total", (MODEL, "status"), ASKED_ROUTES), "{{model}} {{status}}")],
            unit="reqps",
        ),
        Panel(
            title="Latency",
            says="From a call to its answer, as the server has it.",
            queries=[
                Query(_quantile(share, "request_seconds", MODEL), f"{{{{model}}}} {name}")
                for share, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
            ],
            unit="s",
            bounds=(rules.SWIFT_SECONDS,),
        ),
        Panel(
            title="Calls that failed",
            says="Of the admitted calls, the share that was answered by 5xx.",
            queries=[Query(f"{_FAILED} / ({_CALLS} > 0) or {_CALLS} * 0", "{{model}}")],
            unit="percentunit",
            bounds=(1 - rules.AVAILABLE,),
        ),
        _burning(
            "Error budget, how fast it is spent",
            f"Times as fast as it would last 30 days. {BURNS[1]:g} over an hour, and {BURNS[0]:g} over six, page.",
            rules.FAILED,
            rules.CALLED,
            rules.AVAILABLE,
        ),
        _burning(
            "Latency budget, how fast it is spent",
            f"Times as fast as it would last 30 days. {BURNS[1]:g} over an hour, and {BURNS[0]:g} over six, page.",
            rules.LATE,
            rules.ANSWERED,
            rules.SWIFT,
        ),
        Panel(
            title="Share of calls by version",
            says="A canary's weight as callers have it. A version is told by its hash, as the Rollout has it.",
            queries=[Query(f"{_BY_VERSION} / on ({MODEL}) group_left () ({_CALLS} > 0)", "{{model}} {{version_hash}}")],
            unit="percentunit",
            most=1,
        ),
        Panel(
            title="Latency by version",
            says="The 99th percentile of each version.",
            queries=[Query(_quantile(0.99, "request_seconds", MODEL, VERSION), "{{model}} {{version_hash}}")],
            unit="s",
        ),
        Panel(
            title="Starts of servers",
            says="Of each pod, how often its server began anew in half an hour. Three of a model page.",
            queries=[
                Query(
                    f"sum by ({MODEL}) (changes(parapet_serving_start_time_seconds{{{OF_STACK},{CHOSEN}}}[30m]))",
                    "{{model}}",
                )
            ],
            bounds=(3.0,),
        ),
    ],
)

_ENDED_WELL: Final = f"max by ({MODEL}) (last_over_time({words.SUCCEEDED}{{{CHOSEN}}}[7d]))"
_SINCE: Final = Query(f"(time() - {_ENDED_WELL}) / 3600", "{{model}}")
"""Whatever checks came after that one, and did not end well."""

DRIFT: Final = Board(
    uid="parapet-drift",
    title="Parapet: drift and checks",
    says="What the daily checks of the models found, and whether they are made at all.",
    models=rules.DECLARED,
    since="now-30d",
    panels=[
        Panel(
            title="Open alerts of drift",
            says="What the last check of each model has open. Its report names the columns.",
            queries=[Query(f"{_last(words.DRIFTED, 'kind', 'severity')} > 0", "{{model}} {{kind}} {{severity}}")],
            kind="table",
            width=12,
        ),
        Panel(
            title="Hours since a check ended well",
            says=f"{CHECK_HOURS} are a ticket, {DEAD_HOURS} a page: nobody would know of drift.",
            queries=[_SINCE],
            kind="stat",
            unit="h",
            bounds=(float(CHECK_HOURS), float(DEAD_HOURS)),
        ),
        Panel(
            title="Drift by kind",
            says="Whether an alert of the kind was open, as each check said it.",
            queries=[Query(_last(words.DRIFTED, "kind"), "{{model}} {{kind}}")],
            kind="state-timeline",
            bounds=(1.0,),
            most=1,
            width=24,
        ),
        Panel(
            title="Predictions looked at",
            says="Of each check; 0 where for days they were too few to judge, or the same as before.",
            queries=[Query(_last(words.ROWS), "{{model}}")],
        ),
        Panel(
            title="What models answer",
            says="Median and 90th percentile of the predictions, of each output. A check judges them; this only shows.",
            queries=[
                Query(_quantile(share, "prediction", MODEL, "output"), f"{{{{model}}}} {{{{output}}}} {name}")
                for share, name in ((0.5, "median"), (0.9, "90 %"))
            ],
            least=None,
        ),
    ],
)

PIPELINE: Final = Board(
    uid="parapet-pipeline",
    title="Parapet: from calls to checks, and from data to models",
    says="Whether what models answer arrives where it is looked at, and whether the pipeline still brings models.",
    models=rules.DECLARED,
    since="now-7d",
    panels=[
        Panel(
            title="Rows written to the log",
            says="Predictions a second that are in the bucket, of each model.",
            queries=[Query(_rate("prediction_log_rows_total", (MODEL,)), "{{model}}")],
            unit="rowsps",
        ),
        Panel(
            title="Rows that wait to be written",
            says="Where they climb, the bucket or its key refuses.",
            queries=[Query(_now("prediction_log_waiting_rows"), "{{model}}")],
        ),
        Panel(
            title="Rows that were lost",
            says="Rows a second that could not be kept until they were written: a check of the day lacks them.",
            queries=[Query(_rate("prediction_log_lost_rows_total", (MODEL,)), "{{model}}")],
            unit="rowsps",
        ),
        Panel(
            title="Attempts to write that failed",
            says="A second, of each model.",
            queries=[Query(_rate("prediction_log_failures_total", (MODEL,)), "{{model}}")],
        ),
        Panel(
            title="Rows that checks read",
            says="Of each check of a day; 0 where for days they were too few to judge, or the same as before.",
            queries=[Query(_last(words.ROWS), "{{model}}")],
        ),
        Panel(
            title="Hours since a check ended well",
            says=f"A line that climbs past {CHECK_HOURS} is a check that was not made.",
            queries=[_SINCE],
            unit="h",
            bounds=(float(CHECK_HOURS), float(DEAD_HOURS)),
        ),
        Panel(
            title="Hours since a model was registered",
            says="As each check found it, beside the hours from which on it is late, where the last run said so.",
            queries=[
                Query(f"{_last(words.PIPELINE_AGE)} / 3600", "{{model}}"),
                Query(f"{_last(words.PIPELINE_DUE)} / 3600 > 0", "{{model}} late"),
            ],
            unit="h",
        ),
        Panel(
            title="Where the last run stopped",
            says="The step that stopped it, and why: gate, refused, error, or killed, of which nothing more was heard.",
            queries=[
                Query(f"{_last(words.PIPELINE_FAILED, 'step')} > 0", "{{model}} {{step}}"),
                Query(f"{_last(words.PIPELINE_STOPPED, 'why')} > 0", "{{model}} {{why}}"),
            ],
            kind="table",
        ),
        Panel(
            title="How long the last run took",
            says="From the first word of its steps to the last one.",
            queries=[Query(_last(words.PIPELINE_SECONDS), "{{model}}")],
            unit="s",
        ),
        Panel(
            title="How long each step of it took",
            says="Of the steps that ended, however they did.",
            queries=[Query(_last(words.STEP_SECONDS, "step"), "{{model}} {{step}}")],
            unit="s",
        ),
    ],
)

PLATFORM: Final = Board(
    uid="parapet-platform",
    title="Parapet: platform",
    says="Whether what should be heard is heard: pods that answer, how much they say, who is ready.",
    panels=[
        Panel(
            title="Targets that do not answer",
            says="Of each job, pods that are there and say nothing.",
            queries=[Query("count by (job) (up == 0) or count by (job) (up) * 0", "{{job}}")],
            kind="stat",
            bounds=(1.0,),
        ),
        Panel(
            title="Models of which most servers are not ready",
            says="Models of which fewer than half of the servers say that they are ready. Each is an alert.",
            queries=[Query(f"{rules.unready()} or {rules.DECLARED} * 0", "{{model}}")],
            kind="stat",
            bounds=(1.0,),
        ),
        Panel(
            title="Targets that answer",
            says="Of each job, the share of its pods that answer.",
            queries=[Query("avg by (job) (up)", "{{job}}")],
            unit="percentunit",
            most=1,
        ),
        Panel(
            title="Samples of a target",
            says="The most that one target of a job says. What says more than the job's limit is not heard at all.",
            queries=[Query("max by (job) (scrape_samples_post_metric_relabeling)", "{{job}}")],
        ),
        Panel(
            title="How long an answer takes",
            says="The slowest target of each job.",
            queries=[Query("max by (job) (scrape_duration_seconds)", "{{job}}")],
            unit="s",
        ),
        Panel(
            title="Calls that are being answered",
            says="Of each model's servers together.",
            queries=[Query(f"sum by ({MODEL}) (parapet_serving_in_flight{{{OF_STACK}}})", "{{model}}")],
        ),
        Panel(
            title="Share of servers that are ready",
            says="Of each model, the share of its servers that say so.",
            queries=[Query(f"avg by ({MODEL}) (parapet_serving_ready{{{OF_STACK}}})", "{{model}}")],
            unit="percentunit",
            most=1,
        ),
    ],
)

BOARDS: Final = (SERVICE, DRIFT, PIPELINE, PLATFORM)
