"""How the command line speaks: results on standard output, everything else on standard error."""

from rich.console import Console

results = Console(highlight=False, soft_wrap=True)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


class Refused(Exception):
    """The command can't do what was asked. The text says why and what to do next."""


def note(text: str) -> None:
    notes.print(text, markup=False)


def say_error(text: str) -> None:
    notes.print(f"parapet: {text}", style="red", markup=False)
