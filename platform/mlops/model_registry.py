"""What decides on models: the key that signs them, and the rights of who promotes one and of who looks on.

What is done with them, and what each right is for: `delivery/registry/README.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.key_policy import administer
from foundation.keys import DELETION_WINDOW_DAYS
from foundation.policy_document import Conditions, allow, document
from foundation.stack import Stack
from mlops import written_once
from mlops.bucket import Bucket
from mlops.data_path import MODELS

LEDGERS: Final = "models"
"""The ledgers' part of the audit bucket (`delivery/registry/ledger.py`, PREFIX)."""
PROMOTERS, AUDITORS = "promoters", "auditors"


def signing_alias(name: str) -> str:
    """What the account calls the key by which the models of that stack are signed."""
    return f"alias/{name}-signing"


@dataclass(frozen=True, kw_only=True)
class ModelRegistryArgs:
    stack: Stack
    promoters: Sequence[str]
    """ARNs of the IAM roles, of this account, that sign; nobody does where it is empty."""
    key_administrators: Sequence[str]
    """As those of the other keys. None of them is a promoter."""
    models: Bucket
    """The one whose part `data_path.MODELS` has what serves."""
    audit: Bucket


class ModelRegistry(pulumi.ComponentResource):
    """A key that signs decisions and models, and leaves KMS for nobody.

    The roles named sign, and neither the key's administrators nor who has every right in the account: a policy of IAM
    does not help. What else a decision needs is a policy that the hospital attaches to those roles, and a smaller one
    for who verifies.
    """

    signing_key_arn: pulumi.Output[str]
    policy_arns: Mapping[str, pulumi.Output[str]]
    """By who is meant to have it: `promoters` and `auditors`."""

    def __init__(self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:ModelRegistry", name, {"promoters": args.promoters}, opts)
        own = pulumi.ResourceOptions(parent=self)
        # KMS rotates no asymmetric key: whoever trusts the signatures has the public half (AWS KMS Developer Guide,
        # "Rotate AWS KMS keys", which key types).
        key = aws.kms.Key(
            f"{name}-signing",
            description=f"Signs the models of {name}, and who decided on them.",
            customer_master_key_spec="ECC_NIST_P256",
            key_usage="SIGN_VERIFY",
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=_key_policy(args),
            tags=data_class.tags(DataClass.SECRETS),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect),
        )
        aws.kms.Alias(f"{name}-signing", name=signing_alias(name), target_key_id=key.key_id, opts=own)
        self.signing_key_arn = key.arn
        parts = {"ListLedgers": (args.audit, LEDGERS), "ListModels": (args.models, MODELS.prefix)}
        know = allow("KnowTheSignature", actions=["kms:DescribeKey", "kms:GetPublicKey"], resources=key.arn)
        reads, writes = [*written_once.reads(args.stack, parts), know], written_once.adds(args.stack, parts)
        self.policy_arns = {
            who: aws.iam.Policy(f"{name}-model-{who}", description=what, policy=document(*statements), opts=own).arn
            for who, what, statements in (
                (PROMOTERS, f"What a decision on a model of {name} needs, besides its signature.", [*reads, *writes]),
                (AUDITORS, f"Reads and verifies the ledgers of the models of {name}.", reads),
            )
        }
        self.register_outputs({"signingKeyArn": self.signing_key_arn, "policyArns": self.policy_arns})


def _key_policy(args: ModelRegistryArgs) -> pulumi.Output[str]:
    own_account: Conditions = {"StringEquals": {"kms:CallerAccount": args.stack.account.id}}
    # What the ledger and the bundles are signed with: a digest of somebody's own, or another algorithm, is neither.
    as_signed: Conditions = {"StringEquals": {"kms:MessageType": "RAW", "kms:SigningAlgorithm": "ECDSA_SHA_256"}}
    statements = [
        administer(args.stack.account, args.key_administrators),
        allow(
            "VerifyByTheAccount",
            principals={"AWS": args.stack.account.root},
            actions=["kms:DescribeKey", "kms:GetPublicKey", "kms:Verify"],
            resources="*",
            when=own_account,
        ),
    ]
    if args.promoters:
        promoters = {"AWS": list(args.promoters)}
        statements.append(
            allow("SignByPromoters", principals=promoters, actions="kms:Sign", resources="*", when=as_signed)
        )
    return document(*statements)
