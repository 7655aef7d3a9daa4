"""The `./parapet` command."""
