"""IAM policy documents."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import pulumi

Text: TypeAlias = pulumi.Input[str]
Texts: TypeAlias = Text | Sequence[Text]
Conditions: TypeAlias = Mapping[str, Mapping[str, Texts]]
Principals: TypeAlias = Literal["*"] | Mapping[str, Texts]
Statement: TypeAlias = dict[str, Any]

ANYONE: Final = "*"


def allow(
    sid: str,
    *,
    actions: Texts,
    resources: Texts | None = None,
    principals: Principals | None = None,
    when: Conditions | None = None,
) -> Statement:
    """A statement that allows. An identity policy has no `principals`, a role's trust policy no `resources`."""
    return _statement("Allow", sid, actions, resources, principals, when)


def deny(
    sid: str,
    *,
    actions: Texts,
    resources: Texts,
    when: Conditions | None = None,
    principals: Principals | None = ANYONE,
) -> Statement:
    """A statement that denies: of a resource policy everyone, the account root included. An identity policy has no
    `principals`."""
    return _statement("Deny", sid, actions, resources, principals, when)


def outside_of(vpc_id: Text) -> Conditions:
    """Of a call that does not come from the VPC.

    The key is there where the call came through a VPC endpoint, and an absent one differs (IAM User Guide, "AWS global
    condition context keys", aws:SourceVpc). It is absent too where an AWS service calls.
    """
    return {"StringNotEquals": {"aws:SourceVpc": vpc_id}}


def document(*statements: Statement) -> pulumi.Output[str]:
    """The policy as JSON. It is known during a preview if every part of it is."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _statement(
    effect: str,
    sid: str,
    actions: Texts,
    resources: Texts | None,
    principals: Principals | None,
    when: Conditions | None,
) -> Statement:
    optional = {"Principal": principals, "Resource": resources, "Condition": when}
    given = {element: value for element, value in optional.items() if value is not None}
    return {"Sid": sid, "Effect": effect, "Action": actions} | given
