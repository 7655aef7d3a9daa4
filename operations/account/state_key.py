"""The key of the engine's state: it encrypts the bucket, and the secrets in a stack's settings and state."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.key_policy import ADMINISTER, USE
from foundation.policy_document import Statement, allow
from operations.account.access import Access, code
from operations.account.step import Action
from operations.refused import Refused

ALIAS: Final = "alias/parapet-state"
TAG: Final = {"TagKey": "Purpose", "TagValue": "parapet-state"}
"""By which a key is looked for whose alias a stopped run did not come to. Whoever may tag a key can set it, so that it
proves nothing: what is taken up is as such a run made it."""
KIND: Final = {
    "Origin": "AWS_KMS",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "MultiRegion": False,
}
"""Material that KMS made, that is nowhere else, and that somebody else cannot take away."""


def secrets_provider(region: str) -> str:
    """What Pulumi calls the key."""
    return f"awskms://{ALIAS}?region={region}"


def policy(access: Access) -> dict[str, Any]:
    """Administration apart from use, each for whom the account's IAM policies allow it, and for nobody elsewhere."""
    root = {"AWS": f"arn:{access.partition}:iam::{access.id}:root"}
    own = {"StringEquals": {"kms:CallerAccount": access.id}}
    statements: list[Statement] = [
        allow("Administer", principals=root, actions=ADMINISTER, resources="*"),
        allow("Use", principals=root, actions=USE, resources="*", when=own),
    ]
    # As the API gives it back: JSON has no tuples.
    document: dict[str, Any] = json.loads(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return document


@dataclass(frozen=True)
class StateKey:
    access: Access

    def arn(self) -> str | None:
        """The key's ARN where it is there and can be used; raises `Refused` where it is there and cannot."""
        try:
            key = self.access.client("kms").describe_key(KeyId=ALIAS)["KeyMetadata"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return None
            raise
        if key["KeyState"] != "Enabled":
            how = {
                "PendingDeletion": f"aws kms cancel-key-deletion --key-id {key['KeyId']}, then enable-key",
                "Disabled": f"aws kms enable-key --key-id {key['KeyId']}",
            }.get(key["KeyState"], "wait until it is enabled")
            raise Refused(f"The key {ALIAS} is {key['KeyState']}; what it encrypts cannot be read. Mend it: {how}.")
        if unlike := _unlike(key, self.access):
            raise Refused(
                f"{ALIAS} leads to the key {key['KeyId']}, which no bootstrap made: {unlike}. Point it to one that it "
                f"made (aws kms update-alias), or delete the alias, unless a state is encrypted with the key."
            )
        return str(key["Arn"])

    def missing(self) -> Iterator[Action]:
        kms = self.access.client("kms")
        if self.arn() is None:
            left = self._left_by_a_stopped_run()
            if left is None:
                yield Action(f"make the key {ALIAS} (customer managed, rotated every year)", self._make)
            else:
                yield Action(f"give the key {left} the alias {ALIAS}", lambda: self._name(left))
        arn = self.arn()
        if arn is None:  # only planned
            return
        if not kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]:
            yield Action(f"rotate the key {ALIAS} every year", lambda: kms.enable_key_rotation(KeyId=arn))
        wanted = policy(self.access)
        if json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]) != wanted:
            yield Action(
                f"put the policy of the key {ALIAS}: administration apart from use, for this account alone",
                lambda: kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(wanted)),
            )

    def _make(self) -> None:
        kms = self.access.client("kms")
        made = kms.create_key(
            Description="Encrypts the state of Pulumi and the secrets in it.",
            Policy=json.dumps(policy(self.access)),
            Tags=[TAG],
            **KIND,
        )["KeyMetadata"]
        kms.enable_key_rotation(KeyId=made["KeyId"])
        self._name(made["KeyId"])

    def _name(self, key_id: str) -> None:
        self.access.client("kms").create_alias(AliasName=ALIAS, TargetKeyId=key_id)

    def _left_by_a_stopped_run(self) -> str | None:
        kms = self.access.client("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for each in page["Keys"]:
                try:
                    tags = kms.list_resource_tags(KeyId=each["KeyId"])["Tags"]
                except ClientError:  # a key of somebody else's that does not show its tags is not ours
                    continue
                if TAG in tags and self._as_made(each["KeyId"]):
                    return str(each["KeyId"])
        return None

    def _as_made(self, key_id: str) -> bool:
        """Whether it is enabled and as `_make` left it, so that nobody but the account can use it."""
        kms = self.access.client("kms")
        key = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        if key["KeyState"] != "Enabled" or _unlike(key, self.access) or kms.list_grants(KeyId=key_id)["Grants"]:
            return False
        text = kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
        return bool(json.loads(text) == policy(self.access))


def _unlike(key: dict[str, Any], access: Access) -> str:
    """What a key has that the state's has not; empty for one that could be it."""
    wanted = {"AWSAccountId": access.id, "KeyManager": "CUSTOMER", **KIND}
    return ", ".join(f"{name} is {key.get(name)}" for name, value in wanted.items() if key.get(name) != value)
