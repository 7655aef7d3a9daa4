"""AWS KMS: keys that rotate, cannot vanish overnight, and whose administrators cannot read what they protect."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hipaa.iam.document import Document, document
from hipaa.iam.evaluation import is_account
from hipaa.iam.judging import not_public
from hipaa.iam.strangers import named
from hipaa.iam.witness import Steps, TooIntricate, allowed
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, at_least, at_most, is_, not_applicable, undecided, violation

KEY = "aws:kms/key:Key"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
EXTERNAL_KEY = "aws:kms/externalKey:ExternalKey"

# Each service also has a key of AWS's own, behind an alias like alias/aws/rds; nobody can change that key's policy.
OWN_KEY = Requirement("a customer managed key", lambda key: bool(key) and "alias/aws/" not in str(key))

_ADMINISTRATION = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DisableKeyRotation")
_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:Sign", "kms:GenerateMac")

_THIS_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ACCOUNT = "arn:aws:iam::111122223333:root"
_ADMINISTRATOR = "arn:aws:iam::111122223333:role/key-administrator"
_READER = "arn:aws:iam::111122223333:role/reader"


def _policy(*allowed: dict[str, Any]) -> dict[str, str]:
    """The properties of an example whose policy has these Allow statements."""
    statement = [{"Effect": "Allow", "Resource": "*"} | item for item in allowed]
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": statement})}


@rule(
    "kms-key-rotates",
    on=KEY,
    severity=HIGH,
    fix="Set enable_key_rotation=True, and rotation_period_in_days to 365 or less.",
    remedy={"enableKeyRotation": True, "rotationPeriodInDays": 365},
    sound=[
        {"enableKeyRotation": True},
        {"enableKeyRotation": True, "rotationPeriodInDays": 90},
        {"customerMasterKeySpec": "ECC_NIST_P256", "keyUsage": "SIGN_VERIFY"},
    ],
    unsound=[{}, {"enableKeyRotation": False}, {"enableKeyRotation": True, "rotationPeriodInDays": 1000}],
)
def key_rotates(key: Properties) -> Verdict:
    """A symmetric customer managed key rotates every year or more often.

    Rotation bounds how much ePHI one set of key material protects.
    """
    if key.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return not_applicable("AWS rotates symmetric keys only")
    if "customKeyStoreId" in key or "xksKeyId" in key:
        return not_applicable("AWS does not rotate keys of a custom key store")
    return all_of(
        key.require("enableKeyRotation", is_(True)),
        key.require("rotationPeriodInDays", at_most(365, "days"), default=365),
    )


@rule(
    "kms-key-waits-thirty-days-before-deletion",
    on=(KEY, REPLICA_KEY, EXTERNAL_KEY),
    severity=MEDIUM,
    advisory="AWS waits for seven days at the least, in which a deletion can be noticed; thirty are more",
    fix="Leave deletion_window_in_days out, or set it to 30.",
    remedy={"deletionWindowInDays": 30},
    sound=[{}, {"deletionWindowInDays": 30}],
    unsound=[{"deletionWindowInDays": 7}, Resource(REPLICA_KEY, {"deletionWindowInDays": 10})],
)
def key_waits_before_deletion(key: Properties) -> Verdict:
    """A key scheduled for deletion waits thirty days, the longest period that KMS has.

    Whatever a deleted key encrypted is lost, backups included.
    """
    return key.require("deletionWindowInDays", at_least(30, "days"), default=30)


@rule(
    "kms-key-stays-in-reach-of-its-account",
    on=(KEY, KEY_POLICY, REPLICA_KEY, EXTERNAL_KEY),
    severity=MEDIUM,
    fix="Leave bypass_policy_lockout_safety_check out.",
    sound=[{}, {"bypassPolicyLockoutSafetyCheck": False}],
    unsound=[
        {"bypassPolicyLockoutSafetyCheck": True},
        Resource(KEY_POLICY, {"keyId": "1234abcd", "bypassPolicyLockoutSafetyCheck": True}),
    ],
)
def key_stays_in_reach(key: Properties) -> Verdict:
    """A key policy goes through KMS's check that someone can still change it.

    A key that no one can administer keeps what it encrypted from its owner too.
    """
    return key.require("bypassPolicyLockoutSafetyCheck", is_(False), default=False)


@rule(
    "kms-key-policy-names-its-principals",
    on=(KEY, KEY_POLICY, REPLICA_KEY, EXTERNAL_KEY),
    severity=CRITICAL,
    fix="Name the principals, or bound `*` with a condition on kms:CallerAccount or aws:SourceArn.",
    sound=[
        {},
        _policy({"Principal": {"AWS": _ACCOUNT}, "Action": "kms:*"}),
        _policy(
            {
                "Principal": {"AWS": "*"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Condition": {"StringEquals": {"kms:CallerAccount": "111122223333"}},
            }
        ),
    ],
    unsound=[
        _policy({"Principal": "*", "Action": "kms:Decrypt"}),
        Resource(KEY_POLICY, _policy({"Principal": {"AWS": ["*"]}, "Action": "kms:*"})),
        _policy(
            {
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Condition": {"StringLike": {"kms:CallerAccount": "*"}},
            }
        ),
        _policy(
            {
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/analyst"}},
            }
        ),
        _policy(
            {
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
            }
        ),
        {"policy": "{not json"},
    ],
)
def key_policy_names_its_principals(key: Properties) -> Verdict:
    """A key policy allows no one but principals that it names.

    A key open to any account opens all that it encrypts to whoever obtains the ciphertext.
    """
    return not_public(key, "kms", takes_unsigned=False)


@rule(
    "kms-key-policy-separates-administration-from-use",
    on=(KEY, KEY_POLICY, REPLICA_KEY, EXTERNAL_KEY),
    severity=HIGH,
    advisory="164.308(a)(4) asks that access be granted for a reason; that two people share it is a second safeguard",
    fix="Allow administration (kms:Put*, kms:ScheduleKeyDeletion, ...) and use (kms:Decrypt, ...) to different roles.",
    sound=[
        _policy(
            {"Principal": {"AWS": _ACCOUNT}, "Action": "kms:*"},
            {"Principal": {"AWS": _ADMINISTRATOR}, "Action": ["kms:Put*", "kms:ScheduleKeyDeletion", "kms:Describe*"]},
            {"Principal": {"AWS": _READER}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"]},
        ),
        {},
    ],
    unsound=[
        _policy({"Principal": {"AWS": _ADMINISTRATOR}, "Action": "kms:*"}),
        Resource(
            KEY_POLICY,
            _policy(
                {"Principal": {"AWS": _READER}, "Action": "kms:PutKeyPolicy"},
                {"Principal": {"AWS": [_ADMINISTRATOR, _READER]}, "Action": "kms:Decrypt"},
            ),
        ),
        _policy({"Principal": {"AWS": _READER}, "NotAction": "kms:CreateGrant"}),
        _policy(
            {
                "Principal": {"AWS": _ACCOUNT},
                "Action": "kms:*",
                "Condition": {"ArnEquals": {"aws:PrincipalArn": _ADMINISTRATOR}},
            }
        ),
    ],
)
def key_policy_separates_duties(key: Properties) -> Verdict:
    """No principal that a key policy names may both administer the key and use it.

    The account itself is no such principal: a statement for it hands the decision to IAM, and keeps the key reachable.
    """
    if not key.get("policy"):
        return not_applicable("no key policy is set here; the default one leaves the decision to IAM")
    found = document(key)
    try:
        both = _both(found)
    except TooIntricate:
        return undecided(key.where("policy"))
    return all_of(
        *(
            violation(f"`policy` lets {principal} both administer the key and use it; it must be one of the two")
            for principal in sorted(both)
        ),
        *map(undecided, found.unknown),
    )


def _both(found: Document) -> set[str]:
    """The principals that the policy itself, and not IAM by its leave, lets administer the key and use it."""
    own = replace(
        found,
        statements=tuple(
            each
            for each in found.statements
            if not each.allows
            or any(not is_account(name) for _, name in each.principals or ())
            or any(condition.key == "aws:principalarn" for condition in each.conditions)
        ),
    )
    steps = Steps()
    askers = {asker.caller.arn: asker for asker in named(own)}
    return {
        arn
        for arn, asker in askers.items()
        if all(
            any(allowed(own, asker, action, _THIS_KEY, steps) for action in kind) for kind in (_ADMINISTRATION, _USE)
        )
    }
