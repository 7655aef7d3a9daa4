"""Python's cycle collector, set for a server: measured, it was about a twentieth of what a logged run costs, and a
sixth of what it takes to import MLflow."""

import gc

YOUNG = 10_000
"""Objects more than before, until the young ones are looked through. A call of MLflow's makes some thousands."""


def wait() -> None:
    """Nothing is collected during the start: what it makes is modules, a million objects that stay, and looking through
    them again and again was a fifth of it. Who waits, spares once it has begun."""
    gc.disable()


def spare() -> None:
    """At the end of the start: what it made stays for good, and is never looked through again."""
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()
