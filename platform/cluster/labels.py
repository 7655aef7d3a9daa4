"""The labels that every object of the platform carries: who answers for it, and what data it touches."""

import re
from typing import Any, Final, TypeAlias

from foundation.data_class import NO_DATA, DataClass

OWNER: Final = "parapet.dev/owner"
DATA_CLASS: Final = "parapet.dev/data-class"
DATA_CLASSES: Final = (*(str(each.value) for each in DataClass), NO_DATA)

MANAGED: Final = {"app.kubernetes.io/managed-by": "parapet"}
"""What the stack makes, and nobody else may say of anything (`guardrails/stacks_objects.py`)."""

Manifest: TypeAlias = Any
"""A Kubernetes object, or a part of one, in Kubernetes' own spelling: what `kubectl` would be given."""


def label_value(text: str) -> str:
    """The nearest label value, 63 characters of A-Z, a-z, 0-9, - _ and dot: an owner may be a mail address."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")


def labels(owner: str, data_class: str) -> dict[str, str]:
    """The labels of an object of this owner and class of data."""
    return {
        **MANAGED,
        OWNER: label_value(owner),
        DATA_CLASS: str(data_class),
    }


def metadata(name: str, owner: str, *, namespace: str | None = None, data_class: str = NO_DATA) -> Manifest:
    """The metadata of an object whose name is a contract: no engine-made suffix, and the platform's labels."""
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, **where, "labels": labels(owner, data_class)}
