"""How many examples a property is tried with."""

import os

from cli.checks import EXAMPLES


def examples(number: int = 100) -> int:
    return max(1, int(number * float(os.environ.get(EXAMPLES, "1"))))
