"""Passwords: which are taken, and a check that takes as long for a name that nobody has."""

from collections.abc import Callable
from typing import Final

from zxcvbn import zxcvbn

SHORTEST: Final = 12
LOOKED_AT: Final = 72
"""Characters that are judged, the first; the time that it takes grows with the square."""
SCORE: Final = 3
"""Of 0 to 4, by zxcvbn: more than 10^8 guesses, which with MLflow's slow hash are years of a machine."""


def weakness(name: str, password: str) -> str | None:
    """What is wrong with a password for an account of this name, and what to do; None if nothing. It is not in it."""
    needs = f"The field `password` needs {SHORTEST} characters or more that are not soon guessed"
    advice = "Generate one, or take four words or more that do not belong together."
    if len(password) < SHORTEST:
        return f"{needs}; this one has {len(password)}. {advice}"
    if zxcvbn(password[:LOOKED_AT], user_inputs=[name, *name.replace("@", ".").split(".")])["score"] < SCORE:
        return (
            f"{needs}; this one is among the first that are tried: a known password, the account's name, dates, "
            f"repetitions, rows of keys, or little else. {advice}"
        )
    return None


def right(stored: str | None, pretended: str, password: str, check: Callable[[str, str], bool]) -> bool:
    """Whether the password is the account's. `stored` is its hash, None where there is no such account: then the
    pretended one is checked, which takes as long."""
    same = check(pretended if stored is None else stored, password)
    return same and stored is not None
