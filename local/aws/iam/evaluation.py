"""The verdict over all the policies that speak of a request."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from local.aws.iam.conditions import Context
from local.aws.iam.document import Document, Statement
from local.aws.iam.patterns import Lookup, matches, matches_resource
from local.aws.iam.principal import Named, Principal


class Layer(StrEnum):
    """The kinds of policies, as AWS's own messages name them."""

    ENDPOINT = "VPC endpoint policy"
    SESSION = "session policy"
    BOUNDARY = "permissions boundary"
    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked, by whom, with which context.

    A resource's ARN has no wildcard: where none exists yet, an id stands for it. Keys in any case; what a key has no
    value for is left out.
    """

    principal: Principal
    action: str
    resource: str
    account: str
    """The account that owns the resource."""
    keys: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    @cached_property
    def context(self) -> Context:
        given = {
            name.lower(): (value,) if isinstance(value, str) else tuple(value) for name, value in self.keys.items()
        }
        return self.principal.context() | given

    def variable(self, name: str) -> str | None:
        values = self.context.get(name.lower(), ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, kw_only=True)
class Policies:
    """All that speaks of a request. None where there is no such policy, which is not the same as one that is empty."""

    identity: Sequence[Document] = ()
    boundary: Document | None = None
    session: Document | None = None
    resource: Document | None = None
    endpoint: Document | None = None
    resource_decides: bool = False
    """Whether nothing is allowed which the resource's own policy does not allow, or leave to the account: so it is of
    KMS keys and of roles that are assumed."""


@dataclass(frozen=True)
class Verdict:
    """Whether a request is allowed, and by which policy; or which layer denies it, and what comes near."""

    allowed: bool
    layer: Layer
    explicit: bool = False
    statement: str = ""
    """The statement that decided, as `POLICY/SID`; of an implicit denial there is none."""
    near: tuple[str, ...] = ()
    """Statements that would allow, but for a condition."""

    def __str__(self) -> str:
        if self.allowed:
            return f"allowed by {self.statement} ({self.layer})"
        if self.explicit:
            return f"denied by {self.statement} ({self.layer})"
        return "; but ".join((f"no {self.layer} allows it", *self.near))


@dataclass(frozen=True)
class Weighed:
    """What one layer says: its first denial, its best allowance, and what comes near to one."""

    denies: str = ""
    allows: str = ""
    named: Named | None = None
    near: tuple[str, ...] = ()


def evaluate(request: Request, policies: Policies) -> Verdict:
    """An explicit denial anywhere wins; otherwise it must be allowed, by whom depends on whose the resource is."""
    weighed = {layer: _weigh(documents, request) for layer, documents in _layers(policies)}
    for layer, found in weighed.items():
        if found.denies:
            return Verdict(False, layer, True, found.denies)
    if Layer.ENDPOINT in weighed and not weighed[Layer.ENDPOINT].allows:
        return _refused(Layer.ENDPOINT, weighed)
    principal, granted = request.principal, weighed.get(Layer.RESOURCE, Weighed())
    by_resource = Verdict(True, Layer.RESOURCE, statement=granted.allows)
    if not principal.arn:
        return by_resource if granted.named is Named.ITSELF else _refused(Layer.RESOURCE, weighed)
    same = principal.account == request.account
    if same and granted.named and (granted.named is Named.ITSELF or principal.is_root):
        return by_resource
    if not granted.named and (policies.resource_decides or not same):
        return _refused(Layer.RESOURCE, weighed)
    limits = [layer for layer in (Layer.BOUNDARY, Layer.SESSION) if layer in weighed]
    for layer in limits:
        if not weighed[layer].allows:
            return _refused(layer, weighed)
    if same and granted.named is Named.BY_ROLE:
        return by_resource
    own = weighed[Layer.IDENTITY]
    if own.allows or principal.is_root:
        return Verdict(True, Layer.IDENTITY, statement=own.allows or "the root user")
    return _refused(Layer.IDENTITY, weighed)


def _layers(policies: Policies) -> Iterator[tuple[Layer, Sequence[Document]]]:
    single = {
        Layer.ENDPOINT: policies.endpoint,
        Layer.SESSION: policies.session,
        Layer.BOUNDARY: policies.boundary,
        Layer.RESOURCE: policies.resource,
    }
    yield Layer.IDENTITY, policies.identity
    yield from ((layer, [document]) for layer, document in single.items() if document is not None)


def _refused(layer: Layer, weighed: Mapping[Layer, Weighed]) -> Verdict:
    return Verdict(False, layer, near=weighed[layer].near if layer in weighed else ())


def _weigh(documents: Sequence[Document], request: Request) -> Weighed:
    allows, best = "", None
    near: list[str] = []
    for document in documents:
        lookup = request.variable if document.has_variables else None
        for statement in document.statements:
            named = Named.ITSELF if statement.principals is None else request.principal.named(statement)
            if named is None or not _speaks_of(statement, request, lookup):
                continue
            label = f"{document.name}/{statement.name}"
            failed = [each for each in statement.conditions if not each.holds(request.context, lookup)]
            if failed and statement.allows:
                near.append(f"{label} would, if {failed[0].told(request.context)}")
            elif not failed and not statement.allows:
                return Weighed(denies=label)
            elif not failed and (best is None or named > best):
                allows, best = label, named
    return Weighed("", allows, best, tuple(near))


def _speaks_of(statement: Statement, request: Request, lookup: Lookup | None) -> bool:
    action = any(matches(request.action, each, None, ignore_case=True) for each in statement.actions)
    if action is statement.not_actions:
        return False
    if statement.resources is None:
        return True
    resource = any(matches_resource(request.resource, each, lookup) for each in statement.resources)
    return resource is not statement.not_resources
