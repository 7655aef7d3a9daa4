"""Checks by hand: a day of findings, each with the chance that its sampling noise gives it."""

from collections.abc import Collection

from delivery.monitoring.alerting.advancing import Step, advance, begin
from delivery.monitoring.alerting.declared import Declared, declared
from delivery.monitoring.alerting.documents import State
from delivery.monitoring.found import Check, Column, ColumnKind
from tests.delivery.monitoring.simple_checks import DIGEST, MODEL
from tests.delivery.monitoring.years import instant

DECLARED = declared()
USUAL = 1.0
GREAT = 1e-7
"""An adjusted chance that one window is enough for; two of FAIR are."""
FAIR = 1e-3
VALUES = (
    *("data:sodium", "data:glucose", "data:heart_rate", "data:payer"),
    *("prediction:prediction", "quality:label"),
)


def day(number: int, rows: int = 500, model: str = MODEL, reference: str = DIGEST, **chances: float) -> Check:
    """A check in which all is as usual but what is given, by `kind__column`."""
    given = {name.replace("__", ":"): p for name, p in chances.items()}
    tests = [_column(signal, given.get(signal, USUAL)) for signal in dict.fromkeys((*VALUES, *given))]
    told = {"at": instant(number + 1, 2), "start": instant(number), "end": instant(number, 23)}
    return Check(
        **told, model=model, reference=reference, rows=rows, enough=rows >= 30, drifted=False, kind="none", columns={},
        alerts=[], tests=tests,
    )  # fmt: skip


def _column(signal: str, p: float) -> Column:
    """`layout:` is a column that came, `schema:` one that is of another type."""
    kinds: dict[str, ColumnKind] = {"prediction": "prediction", "quality": "quality"}
    certain: dict[str, str] = {"schema": "type", "layout": "new_column"}
    kind, _, name = signal.partition(":")
    if kind in certain:
        return Column(name, certain[kind], "schema", 1.0, 0.0, None, 500, True)
    return Column(name, "ks", kinds.get(kind, "data"), 0.1, 0.05, p, 500, p < USUAL)


def steps(
    *checks: Check, state: State | None = None, by: Declared | None = None, answering: Collection[str] = ()
) -> list[Step]:
    told, now = list[Step](), state or begin(checks[0])
    for check in checks:
        told.append(advance(now, check, None, by or DECLARED, answering))
        now = told[-1].state
    return told
