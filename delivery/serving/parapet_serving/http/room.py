"""How many bytes of bodies are kept just now: of all, and of each who asks.

Whoever begins bodies and does not end them takes the room of his own share and nobody else's.
"""


class Crowded(Exception):
    """The bodies that come just now are too much together."""


class Greedy(Exception):
    """Those of who asks are too much."""


class Room:
    """Of one server."""

    def __init__(self, together: int, each: int) -> None:
        """`each`: bytes of one who asks."""
        self._together, self._each = together, each
        self.held = 0
        self._of = dict[str, int]()

    def hold(self, size: int, whose: str | None) -> type[Crowded] | type[Greedy] | None:
        """Counts so many bytes more, or says why there is no room. `whose`: None where that is not known yet."""
        theirs = 0 if whose is None else self._of.get(whose, 0) + size
        if theirs > self._each:
            return Greedy
        if self.held + size > self._together:
            return Crowded
        self.held += size
        if whose is not None:
            self._of[whose] = theirs
        return None

    def release(self, size: int, whose: str | None) -> None:
        """They are not kept any more."""
        self.held -= size
        self._less(size, whose)

    def belong(self, size: int, was: str | None, whose: str) -> bool:
        """Bytes that are held are his. False where that is more than he may have."""
        self._less(size, was)
        theirs = self._of.get(whose, 0) + size
        if theirs:
            self._of[whose] = theirs
        return theirs <= self._each

    def _less(self, size: int, whose: str | None) -> None:
        if whose is None or not size:
            return
        if left := self._of[whose] - size:
            self._of[whose] = left
        else:
            del self._of[whose]
