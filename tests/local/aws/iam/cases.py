"""A question to an evaluator, in the form that ours and the judge both take."""

import json
from dataclasses import dataclass, field
from typing import Any

from local.aws import iam

ACCOUNT, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/pod"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
STRANGER = f"arn:aws:iam::{OTHER}:user/eve"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@dataclass(frozen=True)
class Case:
    """Policies are lists of statements; a missing one is None, which is not the same as an empty one."""

    principal: str = SESSION
    action: str = "s3:GetObject"
    resource: str = "arn:aws:s3:::bucket/key"
    account: str = ACCOUNT
    keys: dict[str, Any] = field(default_factory=dict)
    identity: list[dict[str, Any]] = field(default_factory=list)
    boundary: list[dict[str, Any]] | None = None
    session: list[dict[str, Any]] | None = None
    resource_policy: list[dict[str, Any]] | None = None
    resource_decides: bool = False
    version: str = "2012-10-17"

    def _policy(self, statements: list[dict[str, Any]] | None) -> dict[str, Any] | None:
        return None if statements is None else {"Version": self.version, "Statement": statements}

    @property
    def request(self) -> iam.Request:
        role = self.principal == SESSION
        principal = iam.Principal(arn=self.principal, role_arn=ROLE if role else "")
        return iam.Request(
            principal=principal, action=self.action, resource=self.resource, account=self.account, keys=self.keys
        )

    def ours(self) -> iam.Verdict:
        def read(name: str, statements: list[dict[str, Any]] | None) -> iam.Document | None:
            return None if statements is None else iam.parse(json.dumps(self._policy(statements)), name)

        identity = read("identity", self.identity)
        assert identity is not None
        policies = iam.Policies(
            identity=[identity],
            boundary=read("boundary", self.boundary),
            session=read("session", self.session),
            resource=read("resource", self.resource_policy),
            resource_decides=self.resource_decides,
        )
        return iam.evaluate(self.request, policies)

    def told(self) -> dict[str, Any]:
        """For the judge, who is told every key."""
        keys = {name: list(values) if len(values) > 1 else values[0] for name, values in self.request.context.items()}
        # It knows whose a resource is by the resource's policy alone.
        of_resource = self.resource_policy if self.principal != STRANGER else self.resource_policy or []
        named = {"boundary": self.boundary, "session": self.session, "resource": of_resource}
        policies = {name: self._policy(statements) for name, statements in named.items()}
        return {
            # It asks of a role, with any session.
            "principal": ROLE if self.principal == SESSION else self.principal,
            "action": self.action,
            "resource": self.resource,
            "account": self.account,
            "keys": keys | {name: values for name, values in self.keys.items() if isinstance(values, list)},
            "resourceDecides": self.resource_decides,
            "policies": {**policies, "identity": [self._policy(self.identity)]},
        }
