"""The stack's images: what its registry holds of them, how they get there, and the lock that says which they are."""

from operations.images.building import build
from operations.images.mirroring import mirror
from operations.images.planning import Row, State, plan
from operations.images.registry import Registry

__all__ = ["Registry", "Row", "State", "build", "mirror", "plan"]
