"""The stack's images: what its registry holds of them, how they get there, the lock that says which they are, and
what proves it."""

from operations.images.attesting import bill_of, verify
from operations.images.building import build
from operations.images.mirroring import mirror
from operations.images.planning import Row, State, plan
from operations.images.registry import Registry

__all__ = ["Registry", "Row", "State", "bill_of", "build", "mirror", "plan", "verify"]
