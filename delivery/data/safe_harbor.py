"""The table of safe_harbor.yaml, held to itself: each column of the contract is accounted for, and no text is free."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from delivery.data.contract import contract

HERE: Final = Path(__file__).parent
OTHERS: Final = ("free_text", "units")


@dataclass(frozen=True)
class Identifier:
    """One of the eighteen, or another kind of column that is not passed on as it is."""

    letter: str
    what: str
    columns: tuple[str, ...]
    done: str


@dataclass(frozen=True)
class Feature:
    """A column of the feature table: the columns that it is made of, and how."""

    name: str
    by: str
    of: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class SafeHarbor:
    """How records are de-identified."""

    name: str
    version: str
    identifiers: tuple[Identifier, ...]
    others: tuple[Identifier, ...]
    features: tuple[Feature, ...]
    oldest_age: int
    zip3_of_few: tuple[str, ...]
    quasi_identifiers: tuple[str, ...]
    sensitive: tuple[str, ...]
    groups: tuple[str, ...]
    smallest_cell: int

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "SafeHarbor":
        """Raises ValueError for a table that lets something pass which it should not, or forgets a column."""
        table = cls(
            name=told["name"],
            version=told["version"],
            identifiers=tuple(_identifier(letter, each) for letter, each in told["identifiers"].items()),
            others=tuple(_identifier("", told[name] | {"what": name.replace("_", " ")}) for name in OTHERS),
            features=tuple(
                Feature(name, each["by"], tuple(each["of"]), each.get("kind", ""))
                for name, each in told["features"].items()
            ),
            oldest_age=told["oldest_age"],
            zip3_of_few=tuple(told["zip3_of_few"]),
            quasi_identifiers=tuple(told["quasi_identifiers"]),
            sensitive=tuple(told["sensitive"]),
            groups=tuple(told["groups"]),
            smallest_cell=told["smallest_cell"],
        )
        table._hold()
        return table

    @property
    def stamp(self) -> str:
        """What a file of features says of its contract."""
        return f"{self.name}/{self.version}"

    def _hold(self) -> None:
        columns = contract().columns
        kept = [feature for feature in self.features if feature.by == "kept"]
        named = [name for each in (*self.identifiers, *self.others) for name in each.columns]
        made = {name for feature in self.features for name in feature.of}
        if unknown := (made | set(named)) - set(columns):
            raise ValueError(f"not in the contract: {', '.join(sorted(unknown))}")
        for feature in kept:
            column = columns[feature.of[0]]
            if feature.of[0] in named:
                raise ValueError(f"{feature.of[0]} is an identifier and cannot be kept as it is")
            if column.type.is_temporal() or (column.type.is_string() and not column.one_of):
                raise ValueError(f"{feature.of[0]} is a date or a free text and cannot be kept as it is")
        if forgotten := set(columns) - made - set(named):
            raise ValueError(f"neither an identifier nor part of a feature: {', '.join(sorted(forgotten))}")


@cache
def safe_harbor() -> SafeHarbor:
    """The table that this code keeps."""
    return SafeHarbor.read(yaml.safe_load((HERE / "safe_harbor.yaml").read_text()))


def _identifier(letter: str, told: Mapping[str, Any]) -> Identifier:
    return Identifier(letter, told["what"], tuple(told["columns"]), told["done"])
