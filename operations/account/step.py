"""What a bootstrap consists of: steps that first look, and then do what is missing and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Action:
    """One change, and what a plan says of it."""

    text: str
    do: Callable[[], object]


class Step(Protocol):
    """A part of the bootstrap. Asked again after a run that was stopped half-way, it yields what is left."""

    def missing(self) -> Iterator[Action]:
        """What is to be done. Each action is done, or only told, before the next is looked for; raises `Refused`
        where it must not go on."""
        ...
