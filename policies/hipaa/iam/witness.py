"""The search for a request that a document lets through: one is enough, and a message can tell it.

For a caller, an action and a resource, each key has few values that matter. Those that break what an Allow asks are
struck out; then each Deny that would catch the request must fail in one of its conditions. What the search finds is
asked of `evaluation`, whose word counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from itertools import product

from hipaa.iam.conditions import Condition, moment, network
from hipaa.iam.document import Document, Statement
from hipaa.iam.evaluation import Request, speaks_of, verdict
from hipaa.iam.patterns import Lookup, expanded, plain, variables
from hipaa.iam.strangers import STRANGER, Asker, Choices, Value

_ALWAYS_THERE = frozenset({"aws:securetransport", "aws:currenttime", "aws:epochtime", "aws:requestedregion"})
_MOST_STEPS = 8_000  # comparisons for one answer: far more than a policy of AWS's lengths asks for, and milliseconds
_MOST_VALUES = 100
_MOST_BASES = 32


class TooIntricate(Exception):
    """The search ended before the answer: a document that nobody could read either."""


@dataclass(frozen=True)
class Witness:
    """A request that passes, and the statement that lets it; None where it is enough that nothing denies it."""

    request: Request
    statement: Statement | None
    thing: str = ""
    """What is asked for, in words, where the document names nothing of the kind and the search made up an ARN."""

    @property
    def what(self) -> str:
        """What is asked for, and of what."""
        thing = self.thing or self.request.resource
        return self.request.action if thing == "*" else f"{self.request.action} on {_cut(thing, 60)}"

    def __str__(self) -> str:
        request = self.request
        shown = [f"{key} {'/'.join(value)}" for key, value in sorted(request.context.items()) if key in self.told]
        with_ = f", with {', '.join(shown)}" if shown else ""
        return f"{request.caller.kind}, may ask for {self.what}{_cut(with_, 70)}"

    @property
    def told(self) -> set[str]:
        """The keys that the statement asks for, but for those of the caller's own."""
        asked = {each.key for each in self.statement.conditions} if self.statement else set()
        return {key for key in asked if not key.startswith(("aws:principal", "aws:userid"))}


class Steps:
    """How much may be tried for one answer."""

    def __init__(self) -> None:
        self.left = _MOST_STEPS
        self.cut = False
        """Whether something was not tried, so that nothing found is no answer."""

    def take(self, number: int) -> None:
        """Raises TooIntricate when there is no more."""
        self.left -= number
        if self.left < 0:
            raise TooIntricate


def allowed(document: Document, asker: Asker, action: str, resource: str, steps: Steps) -> Witness | None:
    """A request of this caller that a statement allows and none denies.

    Raises:
        TooIntricate: when too much would have to be tried.
    """
    for statement in document.statements:
        if statement.allows and (found := _passes(document, statement, asker, action, resource, steps)):
            return found
    return None


def undenied(document: Document, asker: Asker, action: str, resource: str, steps: Steps) -> Witness | None:
    """A request of this caller that no statement denies, whatever allows it. Raises as `allowed`."""
    return _passes(document, None, asker, action, resource, steps)


def _passes(
    document: Document, statement: Statement | None, asker: Asker, action: str, resource: str, steps: Steps
) -> Witness | None:
    for base in _bases(document, asker, steps):
        if found := _passes_with(base, document, statement, asker, action, resource, steps):
            return found
    return None


def _passes_with(
    base: dict[str, Value],
    document: Document,
    statement: Statement | None,
    asker: Asker,
    action: str,
    resource: str,
    steps: Steps,
) -> Witness | None:
    bare = Request(asker.caller, action, resource, {key: value for key, value in base.items() if value is not None})
    lookup = bare.variable if document.has_variables else None
    steps.take(1)
    if statement is not None and not speaks_of(statement, bare, lookup):
        return None
    steps.take(len(document.statements))
    denies = [each for each in document.statements if not each.allows and speaks_of(each, bare, lookup)]
    asked = [*(statement.conditions if statement else ()), *(each for deny in denies for each in deny.conditions)]
    keys = dict.fromkeys(each.key for each in asked)
    values = {key: _values(document, asker, key, base, lookup, steps) for key in keys}
    for condition in statement.conditions if statement else ():
        steps.take(len(values[condition.key]))
        values[condition.key] = _those(condition, values[condition.key], lookup, (True, None))
        if not values[condition.key]:
            return None
    for chosen in _escapes(denies, values, lookup, steps):
        made = base | {key: given[0] for key, given in chosen.items()}
        context = {key: value for key, value in made.items() if value is not None}
        request = Request(asker.caller, action, resource, context)
        denied, allows = verdict(document, request)
        if denied is None and (statement is None or allows is not None):
            return Witness(request, allows)
    return None


def _escapes(
    denies: list[Statement], values: dict[str, Choices], lookup: Lookup | None, steps: Steps
) -> Iterator[dict[str, Choices]]:
    """Ways to choose the keys' values so that each Deny fails in a condition."""
    if not denies:
        yield values
        return
    first, rest = denies[0], denies[1:]
    # It may fail by what is chosen already: then nothing has to be given up for it.
    for condition in first.conditions:
        steps.take(len(values[condition.key]))
        if not _those(condition, values[condition.key], lookup, (True,)):
            yield from _escapes(rest, values, lookup, steps)
            return
    for condition in first.conditions:
        kept = _those(condition, values[condition.key], lookup, (False, None))
        steps.take(len(kept) + 1)
        if kept:
            yield from _escapes(rest, values | {condition.key: kept}, lookup, steps)


def _those(condition: Condition, choices: Choices, lookup: Lookup | None, held: tuple[bool | None, ...]) -> Choices:
    """The values for which a condition holds so."""

    def holds(value: Value) -> bool | None:
        return condition.holds({condition.key: value} if value is not None else {}, lookup)

    return tuple(value for value in choices if holds(value) in held)


def _bases(document: Document, asker: Asker, steps: Steps) -> Iterator[dict[str, Value]]:
    """Values of the keys that policy variables name, before all others: whatever depends on them is then known."""
    if not document.has_variables:
        yield {}
        return
    texts = [text for each in document.statements for text in each.resources or ()]
    texts += [text for each in document.statements for one in each.conditions for text in one.wanted]
    names = list(dict.fromkeys(name.lower() for text in texts for name in variables(text)))
    choices = [_values(document, asker, name, {}, None, steps) for name in names]
    # One that is there comes first: a statement with a variable that is not speaks of nothing.
    sorted_ = [sorted(values, key=lambda value: (value is None, value != (STRANGER,))) for values in choices]
    for number, found in enumerate(product(*sorted_)):
        if number == _MOST_BASES:
            steps.cut = True
            return
        steps.take(len(names) * 4)
        yield dict(zip(names, found, strict=True))


def _values(
    document: Document, asker: Asker, key: str, base: dict[str, Value], lookup: Lookup | None, steps: Steps
) -> Choices:
    """The values of a key that are worth a try."""
    if key in base:
        return (base[key],)
    given = asker.choices(key)
    if given is not None:
        return given
    found: list[Value] = [] if key in _ALWAYS_THERE else [None]
    wanted = [each for statement in document.statements for each in statement.conditions if each.key == key]
    for condition in wanted:
        texts = [plain(filled) for text in condition.wanted if (filled := expanded(text, lookup)) is not None]
        found += [(text,) for text in _near(condition.operator, texts)]
        if condition.over:
            found.append(tuple(dict.fromkeys(text.replace("*", STRANGER) for text in texts)))
    true_or_false = any(condition.operator == "bool" for condition in wanted)  # such a key has no third value
    found += [("true",), ("false",)] if true_or_false else [(STRANGER,)]
    kept = tuple(dict.fromkeys(found))
    steps.cut = steps.cut or len(kept) > _MOST_VALUES
    steps.take(len(kept))
    return kept[:_MOST_VALUES]


def _near(operator: str, texts: Iterable[str]) -> Iterator[str]:
    """A value that fits what is wanted, and those on both sides of it."""
    for text in texts:
        try:
            if operator.startswith("numeric"):
                yield from (str(Decimal(text) + step) for step in (0, -1, 1))
            elif operator.startswith("date"):
                yield from ((moment(text) + timedelta(days=step)).isoformat() for step in (0, -1, 1))
            elif operator == "bool":
                yield from (text.lower(), "false" if text.lower() == "true" else "true")
            elif operator == "ipaddress":
                block = network(text)
                yield from () if block is None else (str(block[0]), str(ip_address(int(block[-1]) ^ (1 << 31))))
            elif operator != "null":
                yield text  # where a wildcard is but a letter
                yield text.replace("*", "").replace("?", "0")
                yield text.replace("*", STRANGER).replace("?", "0")
        except (ValueError, InvalidOperation, OverflowError):
            continue


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
