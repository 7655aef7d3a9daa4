"""A document's answer as a rule's verdict: what is not known never passes, and what is found is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hipaa.iam.document import NONE, Document, document
from hipaa.iam.questions import deputy, public
from hipaa.iam.witness import TooIntricate, Witness
from hipaa.resource import Properties
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

Tell: TypeAlias = Callable[[str, Witness], str]
"""What a message says of a request that a document at a place lets through."""


def _lets_in(where: str, witness: Witness) -> str:
    by = f"{witness.statement} of " if witness.statement else ""
    return f"by {by}`{where}` {witness}"


def takes_plain_http(where: str, witness: Witness) -> str:
    """Of a request without TLS that nothing denies, whoever may make it."""
    return f"no statement of `{where}` denies a request without TLS: {witness.what}, by {witness.request.caller.kind}"


def bounds_nobody(where: str, witness: Witness) -> str:
    """Of a request within the account that nothing denies: what another policy allows is then enough."""
    return (
        f"no statement of `{where}` denies {witness.what} to whom it does not name: whoever has the right by IAM "
        f"reads it, like {witness.request.caller.kind}"
    )


def no_request(resource: Properties, path: str, find: Callable[[Document], Witness | None], unset: str) -> Verdict:
    """That `find` finds no request in the policy at `path`; not applicable, with `unset` as the reason, without one.

    Raises:
        UnknownValue, Unreadable: as `document`.
    """
    found = document(resource, path)
    if found is NONE:
        return not_applicable(unset)
    where = resource.where(path)
    return all_of(answer(found, where, find), *map(undecided, found.unknown))


def answer(found: Document, where: str, find: Callable[[Document], Witness | None], tell: Tell = _lets_in) -> Verdict:
    """That `find` finds no request in a document, which stands at `where`; `tell` says what is wrong where it does."""
    try:
        witness = find(found)
    except TooIntricate:
        return undecided(where)
    if witness is None:
        return Verdict()
    if found.hidden_deny:  # it may be denied by what is not known yet
        return undecided(where)
    return violation(tell(where, witness))


def not_public(resource: Properties, prefix: str, path: str = "policy", *, takes_unsigned: bool = True) -> Verdict:
    """That a resource's own policy lets no stranger do anything with it; `prefix` is that of the service's actions."""
    return no_request(
        resource, path, lambda found: public(found, prefix, takes_unsigned=takes_unsigned), "no policy is set here"
    )


def bounds_services(resource: Properties, prefix: str, principals: tuple[str, ...], path: str = "policy") -> Verdict:
    """That a policy lets these services act for one's own account alone."""
    return no_request(resource, path, lambda found: deputy(found, prefix, principals), "no policy is set here")
