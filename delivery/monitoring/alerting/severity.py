"""How grave an alert is, from what hangs on what has moved, and who is told of it."""

from collections.abc import Collection, Iterable

from delivery.monitoring.alerting.causes import column_of, kind_of, of_layout
from delivery.monitoring.alerting.declared import SEVERITIES, WEIGHTS, Declared, Kind, Severity
from delivery.monitoring.alerting.documents import Told
from delivery.monitoring.alerting.summary import moves


def severity(model: str, signals: Iterable[str], confirmed: bool, declared: Declared) -> Severity:
    """Of the gravest signal, by what the model is used for. What is not confirmed yet wakes nobody."""
    weights = set()
    for each in signals:
        schema = declared.kinds.schema_
        weights.add(schema.layout if of_layout(each) else declared.kinds.of(kind_of(each)).weight)
        if kind_of(each) == "data":
            weights.add(declared.weight(column_of(each)))
    weight = min(weights, key=WEIGHTS.index)
    found: Severity = getattr(declared.severities(model.partition("@")[0]), weight)
    return found if confirmed else max(found, "ticket", key=SEVERITIES.index)


def tells(
    model: str, signals: Collection[str], heard: Collection[str], confirmed: Collection[Kind], declared: Declared
) -> list[Told]:
    """Each owner of what has moved, once. To the cause's all is as grave as the gravest of it, to another what is
    theirs. A kind of which nothing is heard any more wakes nobody, and is for whoever has the data."""
    found: dict[str, Told] = {}
    for place, kind in enumerate(moves(signals)):
        its = [each for each in signals if kind_of(each) == kind]
        there = [each for each in its if each in heard]
        of = (list(heard) if place == 0 else there) if there else its
        grave = severity(model, of, bool(there) and kind in confirmed, declared)
        to: Kind = kind if there else "data"
        handled = declared.kinds.of(to)
        found.setdefault(handled.boundary, Told(to, grave, handled.boundary, handled.runbook))
    return list(found.values())
