"""A resource of a plan, as far as its costs are concerned."""

from collections.abc import Mapping
from typing import Any, Protocol


class Resource(Protocol):
    """A resource that the engine planned: its type and name, and the inputs that the program gave it."""

    @property
    def type(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> Mapping[str, Any]: ...
