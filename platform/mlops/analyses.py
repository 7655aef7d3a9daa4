"""What judges a new version of a model: its errors, its latency, and whether its answers are spread as those of the
version that serves.

Each is a ClusterAnalysisTemplate, which teams name and do not write. A number is there whatever happened: where the new
version had no calls, or too few to say anything, it is one that fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import metadata
from cluster.roles import ROLLOUTS
from foundation.stack import Stack
from mlops.prometheus import ADDRESS, MODEL, NAMESPACE, VERSION

CANARY: Final = "canary-hash"
STABLE: Final = "stable-hash"
WHERE: Final = "namespace"
WHOSE: Final = "model"
"""The arguments: which pods are of the new version, which of the one that serves, where they are, and of which model.
What a version is called a team's pods can be called too, of their own model. So they speak for no version of another
namespace, and a Rollout that does not say where it is gets the word of teams' pods alone. A team's Rollout may tell no
others than the first three (`guardrails/rollout_analyses.py`)."""
_ARGUMENTS: Final = (
    {"name": CANARY},
    {"name": STABLE},
    {"name": WHERE, "value": ns.SERVING.name},
    {"name": WHOSE, "value": ".+"},
)
ERRORS: Final = "error-rate"
LATENCY: Final = "latency"
DRIFT: Final = "prediction-drift"
MOST_FAILED: Final = 0.01
"""The share of calls that the new version may fail to answer (5xx)."""
MOST_REFUSED: Final = 0.05
"""By how much more its share of refused calls (4xx) may be: a version of another input refuses what is right."""
MOST_SLOWER: Final = 2.0
"""Times the 99th percentile of the version that serves, or of `QUICK`, whichever is more."""
QUICK: Final = 0.05
"""Seconds below which nobody waits: what is that quick is not called slower."""
MOST_APART: Final = 0.1
"""The distance between two distributions (Kolmogorov and Smirnov's: the most that the shares below some value differ)
beyond what chance makes of so few predictions."""
CHANCE: Final = 1.628
"""Of that distance, times the root of 1/n + 1/m: what equal distributions exceed once in a hundred times (Smirnov,
"Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical Statistics 19, 1948)."""
FEWEST: Final = 30
"""Predictions of each version, below which their spread says nothing."""
ERRS: Final = 2
"""How often in a row Prometheus may not answer."""


@dataclass(frozen=True, kw_only=True)
class AnalysesArgs:
    stack: Stack
    window: int
    """Seconds of calls that are looked at; as long is waited for them first."""
    after: Sequence[pulumi.Resource]
    """The kinds of Argo Rollouts."""


class Analyses(pulumi.ComponentResource):
    """The templates. What fails one, or cannot be asked, is aborted: the version that served has all calls again."""

    def __init__(self, name: str, args: AnalysesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Analyses", name, {"window": args.window}, opts)
        for topic, metrics in templates(args.window).items():
            kubernetes.apiextensions.CustomResource(
                f"{name}-{topic}",
                api_version=f"{ROLLOUTS}/v1alpha1",
                kind="ClusterAnalysisTemplate",
                metadata=metadata(topic, args.stack.owner),
                spec={"args": list(_ARGUMENTS), "metrics": metrics},
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        self.register_outputs({})


def templates(window: int) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each template, by its name."""
    measured = {
        ERRORS: [("failed", failed(window), MOST_FAILED), ("refused", refused(window), MOST_REFUSED)],
        LATENCY: [("slower", slower(window), MOST_SLOWER)],
        DRIFT: [("apart", apart(window), MOST_APART)],
    }
    return {
        topic: [
            {
                "name": name,
                "initialDelay": f"{window}s",
                "count": 1,
                "failureLimit": 0,
                "consecutiveErrorLimit": ERRS,
                "successCondition": f"len(result) == 1 && result[0] <= {most:g}",
                "provider": {"prometheus": {"address": ADDRESS, "query": query}},
            }
            for name, query, most in metrics
        ]
        for topic, metrics in measured.items()
    }


def versions() -> list[dict[str, Any]]:
    """What every Rollout tells them."""
    return [
        {"name": CANARY, "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": STABLE, "valueFrom": {"podTemplateHashValue": "Stable"}},
    ]


def arguments(model: str) -> list[dict[str, Any]]:
    """What the Rollout of a model of the stack tells them."""
    return [*versions(), {"name": WHERE, "value": ns.MODELS.name}, {"name": WHOSE, "value": model}]


ASKED_ROUTES: Final = 'route=~"records|infer"'
CALLS: Final = 'status!~"401|403|404|405|413|429"'
"""What is not admitted is no call: else whoever reaches the port, without any right, says how many calls there were."""


def _of(metric: str, argument: str, *more: str) -> str:
    own = (
        f'{NAMESPACE}="{{{{args.{WHERE}}}}}"',
        f'{MODEL}=~"{{{{args.{WHOSE}}}}}"',
        f'{VERSION}="{{{{args.{argument}}}}}"',
    )
    chosen = ",".join((*own, *more))
    return f"parapet_serving_{metric}{{{chosen}}}"


def _share(argument: str, statuses: str, among: str, window: int, none: float) -> str:
    """PromQL: of a version's calls with the statuses `among`, the share with these; `none` where it had no calls."""

    def often(which: str) -> str:
        return f"sum(rate({_of('requests_total', argument, ASKED_ROUTES, CALLS, which)}[{window}s]))"

    return f"((({often(statuses)} or vector(0)) / ({often(among)} > 0)) or vector({none:g}))"


def failed(window: int) -> str:
    """PromQL: of the calls that the new version took, the share that it failed to answer, and one for each process of
    it that another took the place of: what a process is killed by is in no number of its own."""
    share = _share(CANARY, 'status=~"5.."', 'status=~"2..|5.."', window, 1)
    died = f"(count(changes({_of('start_time_seconds', CANARY)}[{window}s]) > 0) or vector(0))"
    return f"{share} + {died}"


def refused(window: int) -> str:
    """PromQL: by how much more of its calls the new version refused."""
    which = ('status=~"4.."', 'status=~".+"')
    return f"{_share(CANARY, *which, window, 1)} - {_share(STABLE, *which, window, 0)}"


def slower(window: int) -> str:
    """PromQL: how many times as long as the version that serves the slowest hundredth takes, at least."""

    def slowest(argument: str) -> str:
        return f"histogram_quantile(0.99, sum by (le) (rate({_of('request_seconds_bucket', argument)}[{window}s])))"

    # Without a call it is no number, which is greater than nothing.
    before = f"clamp_min((({slowest(STABLE)} > 0) or vector({QUICK:g})), {QUICK:g})"
    return f"(({slowest(CANARY)} > 0) / {before}) or vector(1000)"


def apart(window: int) -> str:
    """PromQL: how far the two versions' predictions are apart, beyond chance; 1 where that cannot be said.

    They are counted below the same values, or cannot be compared.
    """

    def counted(metric: str, argument: str, by: str) -> str:
        return f"sum by ({by}) (increase({_of(metric, argument)}[{window}s]))"

    def below(argument: str) -> str:
        part, whole = (
            counted("prediction_bucket", argument, "output, le"),
            counted("prediction_count", argument, "output"),
        )
        return f"{part} / on (output) group_left {whole}"

    few = [f"min({counted('prediction_count', each, 'output')})" for each in (CANARY, STABLE)]
    distance = f"max(abs({below(CANARY)} - on (output, le) {below(STABLE)}))"
    chance = f"{CHANCE:g} * sqrt(1 / {few[0]} + 1 / {few[1]})"
    enough = " ".join(f"and ({each} >= {FEWEST})" for each in few)
    places = [counted("prediction_bucket", each, "output, le") for each in (CANARY, STABLE)]
    other = f"unless (count({places[0]} unless {places[1]}) > 0) unless (count({places[1]} unless {places[0]}) > 0)"
    return f"(({distance} - {chance}) {enough} {other}) or vector(1)"
