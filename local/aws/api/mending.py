"""How a method of a class, or a function, of moto's is mended."""

from functools import wraps
from threading import Lock
from types import ModuleType
from typing import Any


def replace(owner: type | ModuleType, name: str, method: Any) -> None:
    """Puts a function, or a property, in the place of a class's or a module's own."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no {name} to mend: moto changed")
    setattr(owner, name, method)


def one_at_a_time(owner: type, *names: str) -> None:
    """Lets no two calls of these methods run beside each other: the server answers each request in a thread of its own,
    and moto was not written for that."""
    lock = Lock()
    for name in names:
        replace(owner, name, _locked(getattr(owner, name), lock))


def _locked(method: Any, lock: Lock) -> Any:
    @wraps(method)
    def alone(*arguments: Any, **named: Any) -> Any:
        with lock:
            return method(*arguments, **named)

    return alone
