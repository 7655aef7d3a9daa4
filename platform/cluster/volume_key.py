"""What a role needs to make volumes under a key."""

from typing import Final

import pulumi

from foundation.account import Account
from foundation.policy_document import Conditions, Statement, allow

USE: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def volume_key(account: Account, key_arn: pulumi.Input[str]) -> list[Statement]:
    """The rights to let EC2, and nothing else, encrypt volumes under this key.

    Source: Amazon EBS User Guide, "Requirements for Amazon EBS encryption", permissions for users.
    """
    through: Conditions = {"StringEquals": {"kms:ViaService": f"ec2.{account.region}.amazonaws.com"}}
    return [
        allow("UseVolumeKey", actions=USE, resources=key_arn, when=through),
        allow(
            "GrantVolumeKey",
            actions="kms:CreateGrant",
            resources=key_arn,
            when={**through, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
