"""A list of the resources that a stand-in keeps in the state alone, since nothing local can hold them."""

from __future__ import annotations

import os
from pathlib import Path

RECORDED = "PARAPET_RECORDED"
"""Environment variable naming the file that gets a line, token and URN, for each resource that is only recorded."""


def note(token: str, urn: str) -> None:
    """Append a line, if the environment asks for it."""
    target = os.environ.get(RECORDED)
    if target:
        with Path(target).open("a") as lines:
            lines.write(f"{token} {urn}\n")
