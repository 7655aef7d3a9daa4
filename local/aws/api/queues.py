"""Queues: an attribute that is set leaves the policy as it is."""

from typing import Any

from moto.sqs.models import Queue

from local.aws.api.mending import replace

_set_attributes = Queue._set_attributes  # pyright: ignore[reportPrivateUsage] # the method that is mended


def set_attributes(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set a queue's attributes, and leave its policy as it is unless it is one of them."""
    _set_attributes(queue, {"Policy": getattr(queue, "policy", None), **attributes}, now)


def mend() -> None:
    """moto takes a queue's policy away whenever another of its attributes is set."""
    replace(Queue, "_set_attributes", set_attributes)
