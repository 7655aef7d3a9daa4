"""A stack's bill for a month, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from operations.cost.charges import charges
from operations.cost.prices import HOURS, Price, Prices
from operations.cost.resource import Resource

OLD_DAYS: Final = 365
"""From when on a list price is to be looked up again."""


@dataclass(frozen=True)
class Line:
    """How much of one thing the stack has, and what that costs a month."""

    price: Price
    idle: float
    load: float

    @property
    def idle_usd(self) -> float:
        return self.idle * self.price.monthly

    @property
    def load_usd(self) -> float:
        return self.load * self.price.monthly


@dataclass(frozen=True)
class Estimate:
    """All lines, the dearest first. Idle is with nobody at work; under load, with every node the settings allow."""

    region: str
    lines: Sequence[Line]
    not_counted: Sequence[str]

    @property
    def idle_usd(self) -> float:
        return sum(line.idle_usd for line in self.lines)

    @property
    def load_usd(self) -> float:
        return sum(line.load_usd for line in self.lines)

    @property
    def dates(self) -> tuple[str, str]:
        """Of when the oldest and the newest of the prices are."""
        dates = sorted(line.price.dated for line in self.lines)
        return dates[0], dates[-1]

    def old(self, today: date) -> list[str]:
        """What has a price of more than a year ago."""
        last = (today - timedelta(days=OLD_DAYS)).isoformat()
        return [line.price.what for line in self.lines if line.price.dated < last]

    def to_json(self) -> dict[str, Any]:
        """For programs; the amounts are US dollars a month."""
        return {
            "region": self.region,
            "currency": "USD",
            "hours_a_month": HOURS,
            "prices_dated": list(self.dates),
            "total": {"idle": round(self.idle_usd, 2), "load": round(self.load_usd, 2)},
            "lines": [
                {
                    "what": line.price.what,
                    "usd": line.price.usd,
                    "per": line.price.per,
                    "dated": line.price.dated,
                    "source": line.price.source,
                    "assumed": line.price.assumed,
                    "idle": {"quantity": line.idle, "usd": round(line.idle_usd, 2)},
                    "load": {"quantity": line.load, "usd": round(line.load_usd, 2)},
                }
                for line in self.lines
            ],
            "not_counted": list(self.not_counted),
        }


def estimate(resources: Sequence[Resource], region: str) -> Estimate:
    """What these resources cost. Raises NotPriced for a Region, a type or a size whose price nobody wrote down."""
    prices = Prices.of(region)
    amounts: dict[Price, tuple[float, float]] = {}
    for charge in charges(resources, prices):
        idle, load = amounts.get(charge.price, (0, 0))
        amounts[charge.price] = idle + charge.idle, load + charge.load
    lines = [Line(price, idle, load) for price, (idle, load) in amounts.items() if idle or load]
    lines.sort(key=lambda line: (-line.idle_usd, -line.load_usd, line.price.what))
    return Estimate(region, lines, prices.not_counted)
