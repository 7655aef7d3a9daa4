"""Who called, by the word of the mesh's proxy: the header X-Forwarded-Client-Cert, which Envoy writes."""

import re
from collections.abc import Iterator
from typing import Final

PAIR: Final = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)([,;]|$)')
"""A key, its value (quoted where it has a comma, an equals sign or a semicolon in it), and what comes after it."""
LONGEST: Final = 16_384


def caller(header: str) -> str | None:
    """The SPIFFE id in the last element: of who the proxy itself spoke to. The elements before it are what that one
    said of others. None where the header is not as Envoy writes it, or has another number of ids."""
    if len(header) > LONGEST:
        return None
    ids = [value for key, value in _last(header) if key == "uri"]
    return ids[0] if len(ids) == 1 else None


def _last(header: str) -> Iterator[tuple[str, str]]:
    element: list[tuple[str, str]] = []
    at = 0
    while at < len(header):
        if not (pair := PAIR.match(header, at)):
            return iter(())
        element.append((pair[1].lower(), pair[2].strip('"')))
        at = pair.end()
        if pair[3] == ",":
            element.clear()
    return iter(element)
