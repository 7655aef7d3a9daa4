"""What cannot be done, as the person who asked is told it."""


class Refused(Exception):
    """One line that says what was wrong and what to do next."""
