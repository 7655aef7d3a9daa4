"""List prices, as `prices.yaml` and `instances.yaml` hold them, each with its source and date."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

HOURS: Final = 730
"""A month, as AWS's own examples count it."""
HERE: Final = Path(__file__).parent
HOME: Final = "operations/cost"


class NotPriced(Exception):
    """Something has no price here. The text says what, and where to put it."""


@dataclass(frozen=True)
class Price:
    """What one of something costs, and when and where that was read."""

    what: str
    usd: float
    per: str
    """hour, month, or GB or million (a month)."""
    dated: str
    source: str
    assumed: bool = False
    """Whether the quantity is an assumption and not what the plan says."""

    @property
    def monthly(self) -> float:
        return self.usd * (HOURS if self.per == "hour" else 1)


@dataclass(frozen=True)
class Prices:
    """The prices of one Region."""

    region: str
    _prices: Mapping[str, Any]
    _instances: Mapping[str, Any]
    free: frozenset[str]
    not_counted: Sequence[str]

    @classmethod
    def of(cls, region: str) -> "Prices":
        """Raises NotPriced for a Region whose prices nobody wrote down."""
        prices, instances = _data("prices.yaml"), _data("instances.yaml")
        if region not in prices or region not in instances:
            known = ", ".join(sorted(set(prices) & set(instances)))
            raise NotPriced(
                f"There are no prices for the Region {region!r}, only for {known}: add them to {HOME}/prices.yaml and "
                f"{HOME}/instances.yaml, with their source and date."
            )
        return cls(region, prices[region], instances[region], frozenset(prices["free"]), prices["not_counted"])

    def of_thing(self, key: str) -> Price:
        """A price by its key in `prices.yaml`."""
        return _price(self._prices["prices"][key])

    def of_instance(self, name: str) -> Price:
        """An EC2 instance type's, On-Demand."""
        usd = self._instances["usd"].get(name)
        if usd is None:
            raise NotPriced(_missing(f"the instance type {name!r}", self.region, "instances.yaml"))
        return Price(f"EC2 {name}", usd, "hour", str(self._instances["dated"]), self._instances["source"])

    def of_database(self, name: str) -> Price:
        """An RDS instance class's in one zone, for PostgreSQL."""
        databases = self._prices["databases"]
        usd = databases["usd"].get(name)
        if usd is None:
            raise NotPriced(_missing(f"the database class {name!r}", self.region, "prices.yaml"))
        return Price(f"RDS {name}, a zone each", usd, "hour", str(databases["dated"]), databases["source"])

    def assumed(self, key: str) -> tuple[float, float]:
        """What one such resource is assumed to take, idle and under load."""
        found = self._prices["assumed"][key]
        return found["idle"], found["load"]


def _price(found: Mapping[str, Any]) -> Price:
    return Price(found["what"], found["usd"], found["per"], str(found["dated"]), found["source"])


def _missing(what: str, region: str, file: str) -> str:
    return f"There is no price for {what} in {region}: add it to {HOME}/{file}, with its source and date."


@functools.cache
def _data(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((HERE / file).read_text(), yaml.CSafeLoader)
    return found
