"""The sessions of roles: who has one, what may be done with it, and how AWS's services take one for what they run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole, sts_backends

from local.aws import iam

PARTITION = "aws"
HOURS = 6  # of a session: Amazon EKS User Guide, "Understand how EKS Pod Identity works"
RENEWED_MINUTES = 15  # before it ends

_kept: dict[tuple[str, str], AssumedRole] = {}
_keeping = Lock()
_networks: dict[str, str] = {}
"""The VPC of what a session was taken for, by its access key."""


@dataclass(frozen=True)
class Session:
    """A role's session, as a request's access key names it; made anew for each request."""

    held: AssumedRole

    @property
    def account(self) -> str:
        return self.held.account_id

    @property
    def expired(self) -> bool:
        return self.held.expiration < utcnow()

    @cached_property
    def role(self) -> Role | None:
        """None where the role has gone since."""
        return role_of(self.held.role_arn)

    @cached_property
    def principal(self) -> iam.Principal:
        tags = {each["Key"]: each["Value"] for each in (self.role.tags if self.role else None) or []}
        return iam.Principal(arn=self.held.arn, role_arn=self.held.role_arn, tags=tags)

    @property
    def vpc(self) -> str | None:
        """The VPC in which what runs with it is; None where that is not known."""
        return _networks.get(self.held.access_key_id)

    def identity(self) -> list[iam.Document]:
        role = self.role
        if role is None:
            return []
        inline = [iam.parse(text, name) for name, text in role.policies.items()]
        return [*(_document(each) for each in role.managed_policies.values()), *inline]

    def boundary(self) -> iam.Document | None:
        arn = self.role.permissions_boundary_arn if self.role else None
        return _document(iam_backends[self.account][PARTITION].get_policy(arn)) if arn else None

    def limit(self) -> iam.Document | None:
        """The session's own policy."""
        return iam.parse(self.held.policy, "the session's policy") if self.held.policy else None


def _document(policy: Any) -> iam.Document:
    (text,) = (each.document for each in policy.versions if each.version_id == policy.default_version_id)
    return iam.parse(text, policy.name)


def of(access_key: str) -> Session | None:
    """Whose key it is, where it is a session's."""
    for held in _all():
        if held.access_key_id == access_key:
            return Session(held)
    return None


def _all() -> Iterator[AssumedRole]:
    for partitions in list(sts_backends.values()):
        for backend in list(partitions.values()):
            yield from reversed(backend.assumed_roles)  # the newest are the ones in use


def role_of(arn: str) -> Role | None:
    """The role of this ARN, if there is one."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if account not in iam_backends:
        return None
    name = arn.rpartition("/")[2]
    roles = iam_backends[account][PARTITION].roles.values()
    return next((role for role in roles if role.name == name and role.arn == arn), None)


def taken_by(
    service: str, role_arn: str, name: str, keys: Mapping[str, str], vpc: str | None = None
) -> AssumedRole | None:
    """A session that a service of AWS takes for what it runs, in a VPC or outside; the same one until it nears its end.

    None where there is no such role, or its trust policy does not let the service, with these keys, take it.
    """
    role = role_of(role_arn)
    if role is None or not trusts(role, iam.Principal(service=service), keys):
        return None
    with _keeping:
        held = _kept.get((role_arn, name))
        alive = held is not None and held in sts_backends[role.account_id][PARTITION].assumed_roles
        if held is None or not alive or (held.expiration - utcnow()).total_seconds() < RENEWED_MINUTES * 60:
            held = _kept[role_arn, name] = sts_backends[role.account_id][PARTITION].assume_role(
                region_name="us-east-1",
                role_session_name=name[:64],
                role_arn=role_arn,
                policy="",
                duration=HOURS * 3600,
                external_id="",
            )
        if vpc:
            _networks[held.access_key_id] = vpc
        return held


def trusts(role: Role, who: iam.Principal, keys: Mapping[str, str]) -> bool:
    """Whether the role's trust policy lets somebody take it."""
    request = iam.Request(
        principal=who, action="sts:AssumeRole", resource=role.arn, account=role.account_id, keys=dict(keys)
    )
    try:
        trust = iam.parse(role.assume_role_policy_document, "the trust policy")
    except iam.PolicyError:
        return False
    return iam.evaluate(request, iam.Policies(resource=trust, resource_decides=True)).allowed
