"""Whom a label selector chooses: somebody in particular, or everybody."""

from __future__ import annotations

from hipaa.resource import Properties, UnknownValue

_PARTS = ("matchLabels", "matchExpressions")


def names(selector: Properties | None) -> bool:
    """Whether a selector is narrow: it says which label somebody must have, and with which value.

    An empty one chooses everybody. So does one of `Exists`, `NotIn` and `DoesNotExist` alone: who has some label, or
    has not this one, are those that nobody thought of. What must hold beside a name makes it narrower still. A value
    that is not known before the update is one.

    Raises:
        UnknownValue: when nothing of it names, and a part of it is not known before the update.
    """
    if selector is None:
        return False
    unknown: UnknownValue | None = None
    for part in _PARTS:
        try:
            if selector.get(part) and (part == "matchLabels" or _names_one_of_some(selector)):
                return True
        except UnknownValue as error:
            unknown = error
    if unknown:
        raise unknown
    return False


def _names_one_of_some(selector: Properties) -> bool:
    for expression in selector.objects("matchExpressions"):
        if expression.at("operator") == "In" and "values" in expression:
            return True
    return False


def is_empty(selector: Properties | None) -> bool:
    """Whether a selector asks for nothing, and so chooses whatever there is.

    Raises:
        UnknownValue: when it is not known before the update.
    """
    return selector is None or not any(selector.get(part) for part in _PARTS)
