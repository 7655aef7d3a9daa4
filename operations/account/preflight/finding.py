"""What a check finds, and what it has to look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from operations.account.access import Access
from operations.stack_settings import StackFile
from settings import Settings


class State(StrEnum):
    OK = "ok"
    TO_DO = "to do"
    PLACEHOLDER = "fill in"
    """Something that only the stack's owner can say, as the samples of this repository leave it open."""
    UNKNOWN = "not looked at"


@dataclass(frozen=True)
class Finding:
    about: str
    state: State
    text: str
    """What is so, or what to do: one line."""

    @property
    def stops(self) -> bool:
        """Whether `pulumi up` should wait for it: what could not be looked at is not known to be well."""
        return self.state is not State.OK


@dataclass(frozen=True)
class Stack:
    """What can be looked at without an account."""

    file: StackFile
    settings: Settings
    root: Path


@dataclass(frozen=True)
class Account(Stack):
    """The same, with the account that the stack is for."""

    access: Access
    bucket: str
    """The bucket of the state."""


Offline = Callable[[Stack], Iterable[Finding]]
Online = Callable[[Account], Iterable[Finding]]


def ok(about: str, text: str) -> Finding:
    return Finding(about, State.OK, text)


def to_do(about: str, text: str) -> Finding:
    return Finding(about, State.TO_DO, text)
