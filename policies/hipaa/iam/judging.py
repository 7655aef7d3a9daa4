"""A document's answer as a rule's verdict: what is not known never passes, and what is found is told."""

from __future__ import annotations

from collections.abc import Callable

from hipaa.iam.document import NONE, Document, document
from hipaa.iam.questions import deputy, public
from hipaa.iam.witness import TooIntricate, Witness
from hipaa.resource import Properties
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation


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


def answer(found: Document, where: str, find: Callable[[Document], Witness | None]) -> Verdict:
    """That `find` finds no request in a document, which stands at `where`."""
    try:
        witness = find(found)
    except TooIntricate:
        return undecided(where)
    if witness is None:
        return Verdict()
    if found.hidden_deny:  # it may be denied by what is not known yet
        return undecided(where)
    by = f"{witness.statement} of " if witness.statement else ""
    return violation(f"by {by}`{where}` {witness}")


def not_public(resource: Properties, prefix: str, path: str = "policy", *, takes_unsigned: bool = True) -> Verdict:
    """That a resource's own policy lets no stranger do anything with it; `prefix` is that of the service's actions."""
    return no_request(
        resource, path, lambda found: public(found, prefix, takes_unsigned=takes_unsigned), "no policy is set here"
    )


def bounds_services(resource: Properties, prefix: str, principals: tuple[str, ...], path: str = "policy") -> Verdict:
    """That a policy lets these services act for one's own account alone."""
    return no_request(resource, path, lambda found: deputy(found, prefix, principals), "no policy is set here")
