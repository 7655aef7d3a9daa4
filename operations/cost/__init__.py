"""What a stack costs in a month, by list prices: quantities from the resources of its plan, prices from data."""

from operations.cost.estimate import Estimate, Line, estimate
from operations.cost.prices import NotPriced
from operations.cost.resource import Resource

__all__ = ["Estimate", "Line", "NotPriced", "Resource", "estimate"]
