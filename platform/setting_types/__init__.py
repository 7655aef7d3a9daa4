"""What a setting may be. A type's description is what is allowed, as an error message says it."""
