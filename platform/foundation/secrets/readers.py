"""Who may read a secret's value."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from foundation import service_linked_roles
from foundation.account import Account
from foundation.policy_document import Conditions, allow, deny, document
from foundation.stack import Stack


def secret_policy(
    account: Account, reader_arns: Sequence[pulumi.Input[str]], people: Sequence[str] = ()
) -> pulumi.Output[str]:
    """A secret's policy: nobody but these roles and AWS's own services reads its value, whatever IAM allows them.

    The `people` among them need no other policy to read it. Nobody from another account does anything with it.
    Administration stays with whom IAM allows it: a policy that denied it could not be taken back.
    """
    # A person's or a pod's session has the ARN of its role here.
    others: Conditions = {"ArnNotEquals": {"aws:PrincipalArn": [*reader_arns, *people]}}
    no_service: Conditions = {"Bool": {"aws:PrincipalIsAWSService": "false"}}
    strangers: Conditions = {"StringNotEquals": {"aws:PrincipalAccount": account.id}}
    read = "secretsmanager:GetSecretValue"
    allowed = [allow("ReadByPeople", principals={"AWS": list(people)}, actions=read, resources="*")] if people else []
    return document(
        *allowed,
        deny("DenyOtherReaders", actions=read, resources="*", when={**others, **no_service}),
        deny("DenyOtherAccounts", actions="secretsmanager:*", resources="*", when={**strangers, **no_service}),
    )


@dataclass(frozen=True, kw_only=True)
class SecretReadersArgs:
    stack: Stack
    secret_arn: pulumi.Input[str]
    reader_arns: Sequence[pulumi.Input[str]]
    """The roles that read its value; for a generated secret, `Rotator.role_arn` among them."""
    people: Sequence[str] = ()
    """ARNs of roles that this stack does not make, and so gives no policy of their own: they read it too."""
    of_rds: bool = False
    """Whether RDS manages the secret, and so its service-linked role reads it too."""


class SecretReaders(pulumi.ComponentResource):
    """A secret's only readers. A secret has one such policy: the last of two would be the one that counts."""

    def __init__(self, name: str, args: SecretReadersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:SecretReaders", name, {"ofRds": args.of_rds}, opts)
        account = args.stack.account
        # The role through which RDS keeps the password of a database's master user.
        rds = [service_linked_roles.RDS.arn(account)] if args.of_rds else []
        aws.secretsmanager.SecretPolicy(
            name,
            secret_arn=args.secret_arn,
            policy=secret_policy(account, [*args.reader_arns, *rds], args.people),
            block_public_policy=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
