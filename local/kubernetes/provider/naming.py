"""Automatic names: `<name in the program>-<8 hexadecimal digits>`, or what the project's autonaming proposes."""

from __future__ import annotations

import hashlib
import os
import re

from local.plugin.checks import NamingError, Proposal


def automatic_name(urn_name: str, seed: bytes, proposal: Proposal | None) -> str:
    """A name for an object that the program gives none. The same seed gives the same name."""
    if proposal and proposal.mode == "disable":
        raise NamingError("is required: automatic naming is disabled in this project")
    if proposal and proposal.name:
        return proposal.name
    digits = hashlib.sha256(seed or os.urandom(16)).hexdigest()[:8]
    # Most kinds take a DNS subdomain for a name (RFC 1123): 253 characters, the digits and their hyphen among them.
    base = re.sub(r"[^a-z0-9.-]+", "-", urn_name.lower())[:244].strip("-.")
    return f"{base}-{digits}" if base else digits


def field_manager(urn: str) -> str:
    """The manager of a resource's fields.

    It follows from the URN, so that a run that comes after one that was killed knows its own objects again.
    """
    return f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
