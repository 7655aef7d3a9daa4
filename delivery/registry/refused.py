"""What was asked cannot be done, in words for the person who asked."""


class Refused(Exception):
    """Its text says what was wrong, what is allowed and what to do next; it holds nothing of anybody's record."""


class Lost(Refused):
    """Somebody else decided on the same model at the same time, and was first."""


class Broken(Refused):
    """A ledger does not hold."""


class Gone(Refused):
    """What a decision rests on is not there, and will not come back: asking again later helps nothing."""
