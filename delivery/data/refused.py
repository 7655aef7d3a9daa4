"""What was asked cannot be done, in words for the person who asked."""


class Refused(Exception):
    """Its text says what was wrong, what is allowed and what to do next; it holds nothing of anybody's record."""
