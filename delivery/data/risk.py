"""How far people stand out in a table of features: k-anonymity and l-diversity over what may be known of them already.

A class is all people who look the same by their quasi-identifiers. Counted are people and not rows: ten stays of one
person are no crowd (Sweeney 2002; Machanavajjhala et al. 2007).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from delivery.data.engine import number
from delivery.data.safe_harbor import safe_harbor

PERSON = "patient_key"


@dataclass(frozen=True)
class Risk:
    """What somebody who knows the quasi-identifiers of a person can find."""

    quasi_identifiers: tuple[str, ...]
    people: int
    classes: int
    k: int
    """People in the smallest class; 0 of no people."""
    alone: int
    """People who are alone in a class: known by whom knows these of them."""
    in_small_classes: int
    """People in a class of fewer than the smallest cell."""
    average: float
    """Chance of naming the right person by a guess within the class, on average: classes over people in them."""
    diversity: dict[str, int]
    """By sensitive feature, the fewest values of it in a class: 1 where a class gives it away."""


def risk(table: ir.Table, quasi_identifiers: tuple[str, ...]) -> Risk:
    """The risk in this table of features, by these of its columns."""
    harbor = safe_harbor()
    values: Mapping[str, Any] = {name: table[name].cast("string") for name in harbor.sensitive}
    sensitive = {name: value.fill_null("").nunique() for name, value in values.items()}
    classes = table.group_by(list(quasi_identifiers)).aggregate(people=table[PERSON].nunique(), **sensitive)
    fewest: Mapping[str, Any] = {name: classes[name].min() for name in harbor.sensitive}
    told = (
        classes.aggregate(
            classes=classes.count(),
            members=classes.people.sum(),
            k=classes.people.min(),
            **fewest,
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    each = table.select(PERSON, *quasi_identifiers).distinct()
    window = ibis.window(group_by=list(quasi_identifiers))
    sized = each.mutate(size=each.count().over(window))
    return Risk(
        quasi_identifiers=quasi_identifiers,
        people=_people(each),
        classes=told["classes"],
        k=told["k"] or 0,
        alone=_people(sized.filter(sized["size"] == 1)),
        in_small_classes=_people(sized.filter(sized["size"] < harbor.smallest_cell)),
        average=told["classes"] / told["members"] if told["members"] else 0.0,
        diversity={name: told[name] or 0 for name in harbor.sensitive},
    )


def _people(table: ir.Table) -> int:
    return number(table[PERSON].nunique())
