"""Secrets whose values AWS makes, keeps and rotates, and that the state of the stack never holds."""

from foundation.secrets.generated_secret import GeneratedSecret, GeneratedSecretArgs
from foundation.secrets.readers import SecretReaders, SecretReadersArgs
from foundation.secrets.rotator import Rotator, RotatorArgs

__all__ = [
    "GeneratedSecret",
    "GeneratedSecretArgs",
    "Rotator",
    "RotatorArgs",
    "SecretReaders",
    "SecretReadersArgs",
]
