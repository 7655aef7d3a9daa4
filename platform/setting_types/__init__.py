"""What a setting may be. A type's description is what is allowed, as an error message says it."""

from typing import Final

NAMESPACE: Final = "parapet"
"""What the names of all settings begin with, before a colon."""
