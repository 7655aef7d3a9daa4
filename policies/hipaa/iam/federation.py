"""Trust in tokens of others: which workload, of whom, may take a role with one?

An issuer that many share (GitHub, GitLab, an EKS cluster) says in the token's `sub` who asks; whoever uses the issuer
chooses the rest. Source: IAM User Guide, "Create a role for OpenID Connect federation" and "Identity-provider controls
for shared OIDC providers"; GitHub Docs, "OpenID Connect reference"; GitLab Docs, "OpenID Connect"; Amazon EKS User
Guide, "IAM roles for service accounts"; the issuers' own pages on their subjects; read on 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hipaa.iam.document import Document, Statement
from hipaa.iam.evaluation import Caller
from hipaa.iam.patterns import is_wild, like
from hipaa.iam.strangers import STRANGER, Asker, Choices
from hipaa.iam.witness import Steps, TooIntricate, Witness, allowed

_MOST_SUBJECTS = 200
_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class Issuer:
    """An issuer that many share: how a subject is written, and which parts of it are whose."""

    name: str
    host: re.Pattern[str]
    subject: re.Pattern[str]
    """With the groups `owner`, `workload` and `rest`."""
    another: str
    """A subject of a stranger, with the same three to be filled in."""
    words: str
    """What `owner` and `workload` are."""
    rests: tuple[str, ...]
    """What may follow in a stranger's subject."""
    others: tuple[str, ...] = ()
    """Subjects of other kinds, as `another`."""

    def subjects(self, owner: str, workload: str, rest: str) -> list[str]:
        """The subjects of each kind of one owner's workload."""
        return [each.format(owner=owner, workload=workload, rest=rest) for each in (self.another, *self.others)]


def _of_parts(name: str, host: str, start: str, owner: str, workload: str, words: str, rest: str) -> Issuer:
    """An issuer whose subjects are names and values in turn: `organization:OWNER:pipeline:WORKLOAD:...`."""
    kinds = _KINDS.get(name, ())
    named = "|".join([workload, *(other for _, other in kinds)])
    return Issuer(
        name,
        re.compile(re.escape(host)),
        re.compile(f"{start}{owner}:(?P<owner>[^:]*)(?::(?:{named}):(?P<workload>[^:]*))?(?P<rest>:.*)?"),
        f"{_FIRST.get(start, start)}{owner}:{{owner}}:{workload}:{{workload}}{{rest}}",
        words,
        (rest,),
        tuple(f"{begin}{owner}:{{owner}}:{other}:{{workload}}{{rest}}" for begin, other in kinds),
    )


# Pulumi's subjects begin with what runs: a deployment, an environment.
_FIRST = {"pulumi:[^:]*:": "pulumi:deploy:"}
_KINDS = {"Pulumi Cloud": (("pulumi:environments:", "env"),)}
"""How subjects of other kinds begin, and what they call a workload. "Configuring OIDC: AWS", Pulumi Docs."""


_ISSUERS = (
    Issuer(
        "GitHub",
        re.compile(r"token\.actions\.githubusercontent\.com(/.*)?"),
        re.compile(r"repo:(?P<owner>[^/:]*)(?:/(?P<workload>[^:]*))?(?P<rest>:.*)?"),
        "repo:{owner}/{workload}{rest}",
        "a repository",
        (":ref:refs/heads/stranger", ":pull_request", ":environment:stranger"),
    ),
    Issuer(
        "GitLab",
        re.compile(r"gitlab\.com"),
        re.compile(r"project_path:(?P<owner>[^/:]*)(?:/(?P<workload>[^:]*))?(?P<rest>:.*)?"),
        "project_path:{owner}/{workload}{rest}",
        "a project",
        (":ref_type:branch:ref:stranger",),
    ),
    Issuer(
        "EKS",
        re.compile(r"oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/id/.*"),
        re.compile(r"system:serviceaccount:(?P<owner>[^:]*)(?::(?P<workload>[^:]*))?(?P<rest>)"),
        "system:serviceaccount:{owner}:{workload}{rest}",
        "a service account",
        ("",),
    ),
    *(
        _of_parts(*parts)
        for parts in (
            (
                *("HCP Terraform", "app.terraform.io", "", "organization", "project", "a workspace"),
                ":workspace:stranger:run_phase:apply",
            ),
            (
                *("Buildkite", "agent.buildkite.com", "", "organization", "pipeline", "a pipeline"),
                ":ref:refs/heads/stranger:commit:stranger:step:stranger",
            ),
            (
                *("Pulumi Cloud", "api.pulumi.com/oidc", "pulumi:[^:]*:", "org", "project", "a project"),
                ":stack:stranger:operation:update:scope:write",
            ),
            ("Vercel", "oidc.vercel.com", "", "owner", "project", "a project", ":environment:production"),
            ("Codefresh", "oidc.codefresh.io", "", "account", "pipeline", "a pipeline", ":initiator:stranger"),
            ("Scalr", "scalr.io", "", "account", "environment", "a workspace", ":workspace:stranger:run-type:apply"),
        )
    ),
)


# Of what STS looks at in a token of GitHub's: what says whose it is, by a name or by a number that GitHub gives out.
# All else (a branch's name, a workflow's, an environment's) whoever has a repository chooses. "AWS STS supports
# validation of identity provider specific claims", What's New with AWS, January 2026, read on 2026-11-30.
_WHOSE = {
    "GitHub": ("repository", "repository_id", "job_workflow_ref", "actor", "actor_id", "enterprise", "enterprise_id"),
}
_WHICH = ("ref", "environment")
"""What says which part of a workload may: a branch that is protected, an environment with its approvals."""
_OF_OTHERS = ("cognito-identity.amazonaws.com",)  # which `guests` is about


def issuers(document: Document) -> Iterator[tuple[Issuer, str]]:
    """The issuers that the document trusts, with the provider that stands for each."""
    if document.is_intricate:
        raise TooIntricate
    providers = [provider for each in document.statements if each.allows for provider in _providers(each)]
    for provider in dict.fromkeys(providers):
        host = _host(provider)
        if "saml-provider/" not in provider and host not in _OF_OTHERS and "*" not in provider:
            yield next((issuer for issuer in _ISSUERS if issuer.host.fullmatch(host)), _unlisted(host)), provider


def _host(provider: str) -> str:
    return provider.partition("oidc-provider/")[2] or provider


def _unlisted(host: str) -> Issuer:
    """An issuer of which nothing is known but that it has several subjects."""
    anything = re.compile(r"(?P<owner>.*)(?P<workload>)(?P<rest>)")
    return Issuer(host[:60], anything, anything, "{owner}", "somebody", ("",))


@lru_cache(maxsize=1024)
def guests(document: Document, closed: tuple[str, ...] = ()) -> Witness | None:
    """A request for the role by somebody whom an identity pool of Cognito's knows nothing of.

    `closed` are the ids of pools that let no such guests in. Raises as `workload`.
    """
    if document.is_intricate:
        raise TooIntricate
    provider, steps = _OF_OTHERS[0], Steps()
    caller = Caller("a guest of the identity pool, who signs in nowhere", provider=provider)
    wanted = (text for text in _wanted(document, f"{provider}:aud") if text not in closed)
    pools: Choices = tuple((text,) for text in dict.fromkeys((_POOL, *wanted)))
    keys: dict[str, Choices] = {f"{provider}:amr": (("unauthenticated",),), f"{provider}:aud": pools}
    return allowed(document, Asker(caller, keys, {f"{provider}:": ((_POOL,),)}), _WEB_IDENTITY, "*", steps)


_POOL = "us-east-1:stranger"


@lru_cache(maxsize=1024)
def workload(document: Document) -> tuple[Issuer, Witness] | None:
    """A token of a workload that the document does not name, with which a role can be taken."""
    return _found(document, any_owner=True)


@lru_cache(maxsize=1024)
def branch(document: Document) -> tuple[Issuer, Witness] | None:
    """A token of a workload that it names, from a branch or a pull request that it does not."""
    return _found(document, any_owner=False)


def _found(document: Document, any_owner: bool) -> tuple[Issuer, Witness] | None:
    steps = Steps()
    for issuer, provider in issuers(document):
        host = _host(provider).lower()
        is_listed = issuer in _ISSUERS
        if not (is_listed or any_owner):
            continue
        subjects: Choices = tuple((text,) for text in dict.fromkeys(_subjects(document, issuer, host, any_owner)))
        if len(subjects) > _MOST_SUBJECTS:
            raise TooIntricate
        caller = Caller(f"{issuer.words} of {issuer.name}'s that it does not name", provider=provider)
        keys: dict[str, Choices] = {f"{host}:sub": subjects}
        for key in _keys(document, host):
            if key not in keys:
                keys[key] = _claims(document, issuer, key, host, any_owner=any_owner)
        asker = Asker(caller, keys, {f"{host}:": ((STRANGER,), None)})
        if subjects and (witness := allowed(document, asker, _WEB_IDENTITY, "*", steps)):
            return issuer, witness
    return None


def _keys(document: Document, host: str) -> Iterator[str]:
    for statement in document.statements:
        yield from (each.key for each in statement.conditions if each.key.startswith(f"{host}:"))


def _claims(document: Document, issuer: Issuer, key: str, host: str, *, any_owner: bool) -> Choices:
    """The values that a claim of a token can have which is not for whom the document names."""
    wanted, claim = _wanted(document, key), key.removeprefix(f"{host}:")
    whose = _WHOSE.get(issuer.name, ())
    if issuer in _ISSUERS and claim == "aud":  # is whatever the workload asks for
        return _audiences(document, host)
    if whose and claim in (whose if any_owner else _WHICH):
        # A wildcard before or in the owner's name leaves that open.
        wanted = [text for text in wanted if re.search(r"[*?]", text.partition("/")[0] if any_owner else text)]
    elif not whose:
        wanted = [text for text in wanted if _begins_open(text)]
    made = dict.fromkeys((STRANGER, f"{STRANGER}/{STRANGER}", *map(_filled, wanted)))
    return (None, *((text,) for text in made))


def _begins_open(text: str) -> bool:
    return text[:1] in ("*", "?")


def _audiences(document: Document, host: str) -> Choices:
    wanted = [text for text in _wanted(document, f"{host}:aud") if "*" not in text and "?" not in text]
    return tuple((text,) for text in dict.fromkeys(("sts.amazonaws.com", STRANGER, *wanted)))


def _subjects(document: Document, issuer: Issuer, host: str, any_owner: bool) -> Iterator[str]:
    """Strangers' subjects; or, with `any_owner` off, other branches of the workloads that are named."""
    rests = issuer.rests
    if any_owner:
        yield from issuer.subjects(STRANGER, STRANGER, rests[0])
    if issuer not in _ISSUERS:
        yield from (_filled(text) for text in _wanted(document, f"{host}:sub") if _begins_open(text))
        return
    for text in _wanted(document, f"{host}:sub"):
        if any_owner:
            yield from _past_a_wildcard(issuer, text)
        parts = issuer.subject.fullmatch(text)
        if parts is None:
            continue
        owner, name, rest = (parts[group] or "" for group in ("owner", "workload", "rest"))
        whole = f"{owner}{name}" if "*" in owner else name
        if any_owner:
            if is_wild(owner):
                yield _filled(text)
            yield from _others(issuer, owner, name, whole, rest or rests[0])
        elif issuer.name != "EKS" and "*" not in owner and not is_wild(name) and name:
            yield from (each for rest in rests for each in issuer.subjects(owner, _filled(name), rest))


def _past_a_wildcard(issuer: Issuer, text: str) -> Iterator[str]:
    """Subjects of a stranger's that a pattern has whose first wildcard stands before, or in, who the owner is."""
    head, wildcard, tail = text.partition("*")
    if not wildcard:
        return
    starts = [
        start
        for bare in issuer.subjects(STRANGER, STRANGER, "")
        for start in (
            *(bare[: part.end()] for part in re.finditer(r"[^:/]+|[:/]", bare)),
            *(bare + rest for rest in issuer.rests),
        )
    ]
    for start in starts:
        if len(start) < len(head) or not like(head, start[: len(head)]):
            continue
        for name in (STRANGER, ""):
            made = f"{start}{_filled(tail, name)}"
            parts = issuer.subject.fullmatch(made)
            if parts and STRANGER in parts["owner"] and parts["workload"]:
                yield made


def _others(issuer: Issuer, owner: str, name: str, whole: str, rest: str) -> Iterator[str]:
    """Subjects that a stranger can have by a pattern: whoever may choose a name chooses one that fits it."""
    rest = _filled(rest)
    if "*" in owner or "?" in owner:
        yield from issuer.subjects(_filled(owner), _filled(name) or STRANGER, rest)
        yield from issuer.subjects(_filled(owner, ""), _filled(name) or STRANGER, rest)
    elif issuer.name != "EKS" and (is_wild(name) or not name):
        yield from issuer.subjects(owner, STRANGER, rest)


def _wanted(document: Document, key: str) -> list[str]:
    conditions = [each for statement in document.statements for each in statement.conditions]
    return [text for each in conditions if each.key == key for text in each.wanted]


def _providers(statement: Statement) -> list[str]:
    return [name for kind, name in statement.principals or () if kind == "Federated"]


def _filled(pattern: str, name: str = STRANGER) -> str:
    return pattern.replace("*", name).replace("?", "0")
