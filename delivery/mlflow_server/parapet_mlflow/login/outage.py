"""The database of the accounts does not answer."""

from typing import Final

from parapet_mlflow.asgi import refusal


class Outage(Exception):
    """The text names a kind of error: neither the statement, nor its parameters, nor the database's address."""


UNKNOWN_FOR_NOW: Final = refusal(
    503,
    "TEMPORARILY_UNAVAILABLE",
    "Accounts cannot be looked up at the moment: the database does not answer. Try again.",
    ("retry-after", "5"),
)
