"""How a method of a class of moto's is mended."""

from typing import Any


def replace(owner: type, name: str, method: Any) -> None:
    """Puts a function, or a property, in the place of a class's own."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no {name} to mend: moto changed")
    setattr(owner, name, method)
