"""Why a command does not start."""


class Refused(Exception):
    """Said in one line on standard error, with exit status 1: the wrong value and what to do, never a secret."""
