"""How the command line speaks: results on standard output, everything else on standard error."""

from rich.console import Console

from operations.refused import Refused

__all__ = ["Refused", "note", "notes", "results", "say_error"]

results = Console(highlight=False, soft_wrap=True)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    notes.print(text, markup=False)


def say_error(text: str) -> None:
    notes.print(f"parapet: {text}", style="red", markup=False)
