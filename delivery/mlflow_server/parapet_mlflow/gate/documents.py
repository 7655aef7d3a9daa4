"""The page's own GraphQL documents, by the names of their operations. No other is taken.

Of a request only the operation's name and its variables are read, and what goes on is the document that stands here.
The page's library writes `__typename` into every selection, which the answer then needs, and spaces as it likes.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from parapet_mlflow.gate.refusal import field, invalid

DOCUMENTS = Path(__file__).parent / "documents.graphql"
WORD = re.compile(r'"[^"]*"|\w+|[^\s,\w]')
EXTRA = "__typename"
LONGEST = 4
"""How many times as long as here a document may be written, with its spaces and all types' names."""


@cache
def load() -> dict[str, str]:
    """Name of the operation, to its document."""
    told = DOCUMENTS.read_text().split("\nquery ")[1:]
    return {re.split(r"\W", text, maxsplit=1)[0]: f"query {text}" for text in told}


def words(document: str) -> list[str]:
    """What a document says, whatever its spaces, and whether or not it asks for types' names."""
    return [word for word in WORD.findall(document) if word != EXTRA]


def fields(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The variables of a request for this document, by the names that MLflow's messages have. Raises Refusal."""
    for other in given.keys() - {"operationName", "query", "variables", "extensions"}:
        raise field(other, "is no field of this request. Leave it out.")
    if given.get("extensions"):
        raise field("extensions", "is not taken. Leave it out.")
    if given.get("operationName") != name:
        raise field("operationName", f"is none of {', '.join(load())}.")
    query, own = given.get("query"), load()[name]
    # An other one that is longer is not taken apart: its spaces and types' names are all that may be more.
    if not isinstance(query, str) or len(query) > LONGEST * len(own) or words(query) != words(own):
        raise field("query", "is not the page's own document of this name. Use the REST API.")
    variables = given.get("variables")
    if not isinstance(variables, dict) or list(variables) != [_variable(name)]:
        raise field("variables", f"is no object with `{_variable(name)}`, and nothing else.")
    told = variables[_variable(name)]
    if not isinstance(told, dict):
        raise field("variables", "is no object of objects.")
    if any("_" in each for each in told):
        raise invalid("A field of variables is spelled with _. GraphQL's names are camelCase.")
    return {_snake(each): value for each, value in told.items()}


def request(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The request for this document with these variables, as it goes on."""
    variables = {_variable(name): {_camel(each): value for each, value in told.items()}}
    return {"operationName": name, "query": _typed(load()[name]), "variables": variables}


def operation(given: Any) -> str:
    """The document that a request is for, or nothing."""
    name = given.get("operationName") if isinstance(given, dict) else None
    return name if isinstance(name, str) and name in load() else ""


def _variable(name: str) -> str:
    found = re.search(r"\$(\w+)", load()[name])
    assert found
    return found[1]


def _typed(document: str) -> str:
    """With the types' names in every selection but the outermost, as the page asks for them."""
    outermost, *others = document.replace(EXTRA, "").split("{")
    return "{".join([outermost, others[0], *(f" {EXTRA} {each}" for each in others[1:])])


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda letter: letter[1].upper(), name)
