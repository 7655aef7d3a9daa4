"""What cannot be done, as the person who asked is told it."""


class Refused(Exception):
    """What was asked cannot be done. The text says what was wrong and what to do next, in one line for each thing."""
