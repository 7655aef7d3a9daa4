"""Why the server does not start, and why a request is not answered as it was asked."""


class Refused(Exception):
    """Said in one line on standard error, with exit status 1: what was wrong and what to do, never a secret."""


class Wrong(Exception):
    """A request that is answered with an error.

    `text` goes to the caller. It names fields and bounds of the contract, and places in the request; it holds nothing
    that was sent, neither a value nor a name. `kind` is one of a few words, for the metrics and the log.
    """

    def __init__(self, status: int, kind: str, text: str, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.status, self.kind, self.text, self.headers = status, kind, text, headers


def malformed(text: str) -> Wrong:
    """400: not the form of a request."""
    return Wrong(400, "malformed", text)


def out_of_contract(text: str) -> Wrong:
    """422: the form is right, and what stands in it is not what the model was made for."""
    return Wrong(422, "contract", text)
