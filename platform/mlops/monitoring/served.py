"""What a model's server may say of itself (`delivery/serving/parapet_serving/telling/metrics.py`): its series, the
labels of each, and what each label may be.

Whoever is in such a pod has seen what the model was asked, and a scrape's limits do not keep from saying something else
each time. So nothing else is kept. The Prometheus that judges and alerts keeps so many series of a pod and no more,
whatever it says and how long; the one that dashboards look at keeps the names and places of a model's outputs too,
which the model's contract says and nobody here: of these the form alone.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

PREFIX: Final = "parapet_serving_"
CALLS: Final = ("records", "infer")
"""The routes by which a version is judged."""
ROUTES: Final = (*CALLS, "refused", "beyond", "server", "live", "ready", "model ready", "card", "metadata", "other")
STATUSES: Final = (*sorted(str(each.value) for each in HTTPStatus if each >= HTTPStatus.OK), "499")
"""All that have a name: a team's server answers by some that ours does not."""
KINDS: Final = (
    *("caller", "contract", "gone", "internal", "keys", "load", "malformed", "method", "model", "path", "rate"),
    *("rights", "rows", "size", "time", "token", "type"),
)
"""Why a request was not answered as asked."""
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
NUMBER: Final = r"-?[0-9.]{1,12}(e[+-]?[0-9]{1,3})?|\+Inf"
"""A place of an output, of six digits as the server writes it."""
OUTPUT: Final = "[a-z][a-z0-9_]{0,62}"
REMAINDERS: Final = 32
"""As many names of outputs, and as many of their places, are told apart where they are matched alone. Of 20 places some
five fall together, and of two outputs the second in one model of 32: it is judged by the first."""
_REMAINDER: Final = "|".join(map(str, range(REMAINDERS)))
LABELS: Final = ("route", "status", "le", "output", "kind", "name", "version", "digest")
Series = Mapping[str, Mapping[str, str]]
"""By name, the pattern of each of its labels; it has no other, and none of these is left out."""


def _edges(edges: Sequence[float]) -> str:
    # Prometheus writes a whole number of its own with a nought, and older ones as they find it.
    return "|".join((*(f"{each:g}".replace(".", r"\.") + ("" if each % 1 else r"(\.0)?") for each in edges), r"\+Inf"))


_REQUESTS: Final = {"status": "|".join(STATUSES)}
JUDGED: Final[Series] = {
    "requests_total": {"route": "|".join(CALLS), **_REQUESTS},
    "request_seconds_bucket": {"le": _edges(SECONDS)},
    "prediction_bucket": {"output": _REMAINDER, "le": _REMAINDER},
    "prediction_count": {"output": _REMAINDER},
    "start_time_seconds": {},
    "ready": {},
}
"""What analyses and rules ask for."""
_LOG: Final = [f"prediction_log_{each}" for each in ("rows", "lost_rows", "failures")]
SHOWN: Final[Series] = {
    **{f"requests_{each}": {"route": "|".join(ROUTES), **_REQUESTS} for each in ("total", "created")},
    **{f"errors_{each}": {"kind": "|".join(KINDS)} for each in ("total", "created")},
    "request_seconds_bucket": {"le": _edges(SECONDS)},
    "batch_rows_bucket": {"le": _edges(ROWS)},
    "prediction_bucket": {"output": OUTPUT, "le": NUMBER},
    **{f"prediction_{each}": {"output": OUTPUT} for each in ("count", "sum")},
    **{f"{name}_{each}": {} for name in ("request_seconds", "batch_rows") for each in ("count", "sum")},
    **{f"{name}_{each}": {} for name in _LOG for each in ("total", "created")},
    **{each: {} for each in ("start_time_seconds", "ready", "in_flight", "prediction_log_waiting_rows")},
    "model_info": {
        "name": "[a-z0-9][a-z0-9._-]{0,62}",
        "version": "[0-9]{1,10}",
        "digest": "sha256:[0-9a-f]{64}",
    },
}
"""All that a server says."""


def relabelling(series: Series, places: Sequence[str]) -> list[dict[str, Any]]:
    """Of which nothing but these is kept, each with its own labels and those of its pod (`places`)."""
    own = "|".join(PREFIX + ";".join([name, *(_pattern(of, label) for label in LABELS)]) for name, of in series.items())
    return [
        *(each for label in ("output", "le") for each in _matched(series, label)),
        # A label that has the mark in it makes one too many.
        {"source_labels": ["__name__", *LABELS], "regex": own, "action": "keep"},
        {"regex": "|".join(("__name__", *LABELS, *places)), "action": "labelkeep"},
    ]


def _pattern(of: Mapping[str, str], label: str) -> str:
    return f"({of[label]})" if label in of else ""


def _matched(series: Series, label: str) -> list[dict[str, Any]]:
    """A word that is matched and not read is a remainder of its hash."""
    names = [name for name, of in series.items() if of.get(label) == _REMAINDER]
    if not names:
        return []
    apart = f"__tmp_{label}"
    return [
        {"source_labels": [label], "modulus": REMAINDERS, "target_label": apart, "action": "hashmod"},
        {
            "source_labels": ["__name__", label, apart],
            "regex": f"{PREFIX}({'|'.join(names)});.+;([0-9]+)",
            "target_label": label,
            "replacement": "$2",
            "action": "replace",
        },
    ]
