"""The data card of a table of features: what it is and is not, what was done to it, how far people stand out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import ibis.expr.types as ir

from delivery.data.dataset import Manifest
from delivery.data.engine import number
from delivery.data.risk import PERSON, Risk, risk
from delivery.data.safe_harbor import safe_harbor

JSON: Final = "data-card.json"
MARKDOWN: Final = "data-card.md"
OUTCOME: Final = "readmitted_30d"
FIGURES: Final = 3
"""Decimals of shares."""


@dataclass(frozen=True)
class Column:
    """A feature, and the share of rows without it."""

    name: str
    type: str
    made_by: str
    missing: float


@dataclass(frozen=True)
class Group:
    """People of a group. A count below the smallest cell is None, and another one with it, by which it could be had."""

    feature: str
    value: str
    people: int | None


@dataclass(frozen=True)
class Card:
    """A data card."""

    digest: str
    contract: str
    made_from: Mapping[str, Any]
    rows: int
    people: int
    prevalence: float | None
    """Share of the known outcomes that are a readmission."""
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    small_cells: Mapping[str, int]
    """By feature of few values, how many of its values fewer people have than the smallest cell."""
    risks: tuple[Risk, ...]
    """By all quasi-identifiers, and by the first two of them."""

    def write(self, folder: Path) -> None:
        identifiers = [asdict(each) for each in safe_harbor().identifiers]
        (folder / JSON).write_text(json.dumps(asdict(self) | {"identifiers": identifiers}, indent=2) + "\n")
        (folder / MARKDOWN).write_text(markdown(self))


def card(table: ir.Table, manifest: Manifest) -> Card:
    """The card of these features."""
    harbor = safe_harbor()
    features: Mapping[str, Any] = {name: table[name] for name in table.columns}
    shares = (
        table.aggregate(**{name: column.isnull().mean() for name, column in features.items()}).to_pyarrow().to_pylist()
    )
    columns = [
        Column(each.name, str(features[each.name].type()), each.by, round(shares[0][each.name] or 0.0, FIGURES))
        for each in harbor.features
    ]
    prevalence = features[OUTCOME].cast("int64").mean().to_pyarrow().as_py()
    few = [*harbor.groups, "age", "zip3", "arrival_mode", "diagnosis_1"]
    return Card(
        digest=manifest.digest,
        contract=manifest.contract,
        made_from=manifest.made_from,
        rows=manifest.rows,
        people=number(table[PERSON].nunique()),
        prevalence=None if prevalence is None else round(prevalence, FIGURES),
        columns=tuple(columns),
        groups=tuple(group for name in harbor.groups for group in _groups(name, _people_by(table, name))),
        small_cells={
            name: sum(people < harbor.smallest_cell for people in _people_by(table, name).values()) for name in few
        },
        risks=tuple(risk(table, chosen) for chosen in (harbor.quasi_identifiers, harbor.quasi_identifiers[:2])),
    )


def _people_by(table: ir.Table, name: str) -> dict[str, int]:
    counted = table.group_by(name).aggregate(people=table[PERSON].nunique()).order_by(name).to_pyarrow().to_pylist()
    return {str(row[name]): row["people"] for row in counted}


def _groups(name: str, people: Mapping[str, int]) -> list[Group]:
    hidden = {value for value, count in people.items() if count < safe_harbor().smallest_cell}
    if len(hidden) == 1 and len(people) > 1:  # what is left of the whole would tell it
        hidden.add(min(people.keys() - hidden, key=lambda value: (people[value], value)))
    return [Group(name, value, None if value in hidden else count) for value, count in people.items()]


def markdown(card: Card) -> str:
    """The same for people."""
    harbor = safe_harbor()
    few = f"fewer than {harbor.smallest_cell}"
    small = ", ".join(f"`{name}` {count}" for name, count in card.small_cells.items() if count)
    parts = [
        "# Data card",
        f"{card.rows:,} stays of {card.people:,} people, by `{card.contract}`, made from records of "
        f"`{card.made_from['contract']}`. Digest `{card.digest}`; hashes by the key `{card.made_from['key']}`.\n"
        f"Readmitted within thirty days, of those whose outcome is known: {_share(card.prevalence)}.",
        "## De-identified by Safe Harbor, 45 CFR 164.514(b)(2)",
        _table(
            ("identifier", "columns of the feed", "what was done"),
            [
                (f"({each.letter}) {each.what}" if each.letter else each.what, _names(each.columns), each.done)
                for each in (*harbor.identifiers, *harbor.others)
            ],
        ),
        "## How far people stand out",
        _table(
            ("by", "people", "classes", "k", "alone in a class", f"in a class of {few}", "average risk", "l"),
            [_told(each) for each in card.risks],
        ),
        K_AND_L,
        f"Values of a feature that {few} people have: {small or 'none'}.",
        "## Groups",
        _table(
            ("feature", "value", "people"),
            [
                (f"`{each.feature}`", each.value, "not shown" if each.people is None else f"{each.people:,}")
                for each in card.groups
            ],
        ),
        "## Features",
        _table(
            ("feature", "type", "made by", "missing"),
            [(f"`{each.name}`", each.type, each.made_by, _share(each.missing)) for each in card.columns],
        ),
        "## What this is not",
        NOT,
    ]
    return "\n\n".join(parts) + "\n"


K_AND_L: Final = """\
k is the number of people in the smallest class of those who look the same, l the fewest values of a sensitive feature
in a class: 1 where a class gives it away. Safe Harbor asks for neither; who gives the table to others looks at both."""
NOT: Final = """\
- No program knows what 164.514(b)(2)(ii) asks about: that nobody here knows how the rest could name a person.
- The hashes are of identifiers, by a secret key (164.514(c)): with the key they name people. Who has the table does not
  have the key.
- Whole days between the stays of one person, with their years, tell more than a year of stays on either side of a New
  Year.
- Intervals and counts know the stays of these files alone."""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _told(risk: Risk) -> tuple[str, ...]:
    diversity = ", ".join(f"`{name}` {fewest}" for name, fewest in risk.diversity.items())
    counts = (risk.people, risk.classes, risk.k, risk.alone, risk.in_small_classes)
    return _names(risk.quasi_identifiers), *(f"{count:,}" for count in counts), f"{risk.average:.3f}", diversity


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _share(share: float | None) -> str:
    return "not known" if share is None else f"{100 * share:.1f} %"
