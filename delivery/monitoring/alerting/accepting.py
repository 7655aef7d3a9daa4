"""What somebody who may has accepted until a day: it makes no alert, and what is open of it ends."""

from datetime import date

from delivery.monitoring.alerting.causes import column_of, kind_of
from delivery.monitoring.alerting.declared import Declared


def accepted(model: str, signal: str, day: date, declared: Declared) -> bool:
    """Whether nobody is to be told of the signal on this day."""
    return any(each.holds(model, kind_of(signal), column_of(signal), day) for each in declared.accepted)
