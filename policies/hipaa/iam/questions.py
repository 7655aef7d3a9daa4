"""What rules ask of a policy document, answered by a request that passes, or by none.

Requests are made from the document's own words: its actions, its resources, its callers' names, with every wildcard
filled by a name that it does not have. Actions and resources that the same statements speak of are asked about once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias, TypeVar

from hipaa.iam.document import Document
from hipaa.iam.evaluation import covers
from hipaa.iam.patterns import is_wild, like_resource, matches
from hipaa.iam.services import service
from hipaa.iam.strangers import ORG, STRANGER, Asker, foreign_accounts, insiders, named, outsiders, services, unsigned
from hipaa.iam.witness import Steps, TooIntricate, Witness, allowed, undenied

_Ask: TypeAlias = Callable[[Document, Asker, str, str, Steps], "Witness | None"]
_T = TypeVar("_T")
# A service that no document names: what `*` means beside principals of accounts.
_ANY_SERVICE = "stranger.amazonaws.com"
_ACCOUNT = "111122223333"


def public(document: Document, prefix: str, *, takes_unsigned: bool = True) -> Witness | None:
    """A request on the policy's own resource that another account, or anyone, can make and that it lets through.

    Raises:
        TooIntricate: when the document asks for more than can be tried.
    """
    return _public(document, prefix, takes_unsigned)


@lru_cache(maxsize=2048)
def _public(document: Document, prefix: str, takes_unsigned: bool) -> Witness | None:
    _readable(document)
    if not any(each.allows for each in document.statements):
        return None
    askers = [*outsiders(document), *([unsigned(document)] if takes_unsigned else [])]
    askers += services(document, [_ANY_SERVICE])
    return _first(document, askers, allowed, _actions(document, prefix), _own(document, prefix), _itself(prefix))


@lru_cache(maxsize=2048)
def deputy(document: Document, prefix: str, principals: tuple[str, ...]) -> Witness | None:
    """A request that one of these services makes for somebody's resource in an account that the document does not name.

    Raises:
        TooIntricate: as `public`.
    """
    _readable(document)
    names = {
        name for each in document.statements if each.allows for kind, name in each.principals or () if kind == "Service"
    }
    found = [name for name in sorted(names) if name.lower() in principals]
    if not found:
        return None
    # What a service delivers for an account it puts under `AWSLogs/` and that account's id: no stranger's is there.
    things = [text for text in _own(document, prefix) if not re.search(r"/AWSLogs/\d{12}/", text)]
    return _first(
        document, list(services(document, found)), allowed, _actions(document, prefix), things, _itself(prefix)
    )


@lru_cache(maxsize=2048)
def over_plain_http(
    document: Document, prefix: str, own: tuple[str, ...] = (), actions: tuple[str, ...] = ()
) -> Witness | None:
    """A request without TLS on the policy's own resource, by whomever, that no statement denies.

    `own` are the resource's ARNs, where they are known; `actions` those that are asked about, or all of the service.
    AWS's own services are left out: they use TLS.
    """
    _readable(document)
    askers = [_with(each, _PLAIN_HTTP) for each in (*insiders(document), *outsiders(document), unsigned(document))]
    askers += [_with(each, _PLAIN_HTTP) for each in named(document)]
    return _first(
        document,
        askers,
        undenied,
        actions or (*_actions(document, prefix), f"{prefix}:Stranger"),
        own or _own(document, prefix),
        _itself(prefix),
    )


@lru_cache(maxsize=2048)
def unbounded(document: Document, action: str, own: tuple[str, ...] = ()) -> Witness | None:
    """A request by a principal of one's own account, whom the document does not name, that no statement denies."""
    prefix = action.partition(":")[0]
    return _first(
        document, list(insiders(document)), undenied, (action,), own or _own(document, prefix), _itself(prefix)
    )


@lru_cache(maxsize=2048)
def leaves(document: Document, prefix: str) -> Witness | None:
    """A request with a stranger's credentials on a stranger's resource that an endpoint lets out."""
    _readable(document)
    askers = [*outsiders(document), unsigned(document)]
    theirs = [_with(asker, _foreign(asker)) for asker in askers]
    resources = _foreign_resources(document, prefix)
    theirs_too = dict.fromkeys(_any_of(document, prefix), "somebody else's resource")
    return _first(document, theirs, allowed, _actions(document, prefix), resources, theirs_too)


_PLAIN_HTTP: dict[str, tuple[tuple[str, ...] | None, ...]] = {
    "aws:securetransport": (("false",),),
    "s3:tlsversion": (None,),
}


def _with(asker: Asker, keys: dict[str, tuple[tuple[str, ...] | None, ...]]) -> Asker:
    return replace(asker, keys={**asker.keys, **keys})


def _foreign(asker: Asker) -> dict[str, tuple[tuple[str, ...] | None, ...]]:
    account = asker.caller.account or "999988887700"
    paths = (f"{ORG}/r-stra/ou-stra-stranger/",)
    return {
        "aws:resourceaccount": ((account,),),
        "s3:resourceaccount": ((account,),),
        "aws:resourceorgid": (None, (ORG,)),
        "aws:resourceorgpaths": (None, paths),
    }


def _readable(document: Document) -> None:
    if document.is_intricate:
        raise TooIntricate


def _first(
    document: Document,
    askers: list[Asker],
    ask: _Ask,
    actions: Iterable[str],
    resources: Iterable[str],
    made_up: Mapping[str, str],
) -> Witness | None:
    """The first request that `ask` finds; `made_up` has words for the resources that no program names."""
    steps, spoken = Steps(), {id(asker): _about(document, asker) for asker in askers}
    askers = [asker for asker in askers if ask is undenied or any(each.allows for each in spoken[id(asker)].statements)]
    if not askers:
        return None
    about = replace(document, statements=tuple(dict.fromkeys(s for a in askers for s in spoken[id(a)].statements)))
    things = _distinct(resources, lambda resource: _speakers(about, resource), steps)
    for action in _distinct(actions, lambda action: tuple(covers(each, action) for each in about.statements), steps):
        for resource in things:
            if not _goes_with(action, resource):
                continue
            for asker in askers:
                if found := ask(spoken[id(asker)], asker, action, resource, steps):
                    return replace(found, thing=made_up.get(resource, ""))
    if steps.cut:
        raise TooIntricate
    return None


def _about(document: Document, asker: Asker) -> Document:
    """A document without the statements that are about others."""
    mine = (each for each in document.statements if each.principals is None or asker.caller.is_named(each))
    return replace(document, statements=tuple(mine))


def _goes_with(action: str, resource: str) -> bool:
    """Whether an action is about such a resource, as far as that is known: a bucket has no object's actions."""
    if not is_of_bucket(resource):
        return True
    known = service("s3")
    is_part = "/" in resource
    return action not in (known.actions if is_part else known.parts)


def is_of_bucket(text: str) -> bool:
    """Whether an ARN is a bucket's, or that of something in one."""
    parts = text.split(":", 5)
    return len(parts) > 5 and parts[2] == "s3" and not parts[3]


def _distinct(items: Iterable[_T], signature: Callable[[_T], tuple[object, ...]], steps: Steps) -> list[_T]:
    seen: dict[object, list[_T]] = {}
    for item in items:
        found = signature(item)
        steps.take(1 + len(found))
        seen.setdefault(found, []).append(item)
    # Of those that are alike some stay: what is known of an action may rule it out for a resource.
    return [item for alike in seen.values() for item in (alike[0], *([alike[-1]] if len(alike) > 1 else ()))]


def _speakers(document: Document, resource: str) -> tuple[object, ...]:
    if document.has_variables:
        return (resource,)
    spoken = (
        each.resources is None or any(like_resource(text, resource) for text in each.resources)
        for each in document.statements
    )
    return ("/" in resource, *spoken)


def _actions(document: Document, prefix: str) -> tuple[str, ...]:
    """The actions to ask about: the service's, and those that statements write out or have patterns of."""
    known = service(prefix)
    found = [*known.parts, *known.actions]
    for statement in document.statements:
        if statement.allows and not statement.not_actions:
            found += [_filled(text) for text in statement.actions if text != "*" and not _is_of_known(text)]
    return tuple(dict.fromkeys(found))


def _is_of_known(text: str) -> bool:
    """Whether a pattern has actions that are known: what only a wildcard makes must slip through no list of them."""
    known = service(text.partition(":")[0].lower())
    return ("*" in text or "?" in text) and any(matches(text, each) for each in (*known.parts, *known.actions))


def _own(document: Document, prefix: str) -> tuple[str, ...]:
    """What the policy may be about, by its own words: its resources with their wildcards filled."""
    texts = [text for each in document.statements for text in each.resources or () if text not in ("*", "")]
    if all(each.resources is None for each in document.statements):
        return ("*",)
    found: list[str] = []
    for text in dict.fromkeys(_settled(text) for text in texts):
        filled = _filled(text)
        if is_of_bucket(text):
            bucket = filled.split("/", 1)[0]
            found += [bucket, f"{bucket}/{STRANGER}"]
        found += [filled, _filled(text, "")]
    if found:
        return tuple(dict.fromkeys(found))
    return tuple(_itself(prefix))


def _itself(prefix: str) -> dict[str, str]:
    """ARNs for a policy's own resource where the document names none, and what a message calls it."""
    known = service(prefix)
    if prefix == "s3":
        bucket = f"arn:aws:s3:::{known.tail}"
        return {bucket: "the bucket itself", f"{bucket}/{STRANGER}": "an object in it"}
    return {f"arn:aws:{prefix}:us-east-1:{_ACCOUNT}:{known.tail}": "the resource itself"}


def _any_of(document: Document, prefix: str) -> list[str]:
    """ARNs of a stranger's resources, where nothing is known of their names."""
    known = service(prefix)
    if prefix == "s3":
        return [f"arn:aws:s3:::{known.tail}", f"arn:aws:s3:::{known.tail}/{STRANGER}"]
    return [f"arn:aws:{prefix}:us-east-1:{foreign_accounts(document)[0]}:{known.tail}"]


def _foreign_resources(document: Document, prefix: str) -> tuple[str, ...]:
    """Resources of a stranger's account: by no name, and by names that the document's patterns leave to anyone."""
    account, found = foreign_accounts(document)[0], _any_of(document, prefix)
    for statement in document.statements:
        for text in statement.resources or ():
            parts = _settled(text).split(":", 5)
            if len(parts) < 6:
                continue
            if parts[2] == "s3":
                bucket, _, rest = parts[5].partition("/")
                if is_wild(bucket):
                    found.append(f"arn:aws:s3:::{_filled(bucket)}{'/' if rest else ''}{_filled(rest)}")
            elif is_wild(parts[4]) or "*" in parts[4]:
                found.append(
                    ":".join((*map(_filled, parts[:3]), _filled(parts[3], "us-east-1"), account, _filled(parts[5])))
                )
    return tuple(dict.fromkeys(found))


_VARIABLE = re.compile(r"\$\{[^}]*\}")


def _settled(text: str) -> str:
    return _VARIABLE.sub(STRANGER, text) if "${" in text else text


def _filled(pattern: str, name: str = STRANGER) -> str:
    return pattern.replace("*", name).replace("?", "0")
