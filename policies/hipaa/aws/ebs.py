"""Amazon EBS: volumes, snapshots and their sharing, and what an account does by default."""

from __future__ import annotations

from typing import Any

from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, is_, not_applicable, one_of, violation

ENCRYPTION_BY_DEFAULT = "aws:ebs/encryptionByDefault:EncryptionByDefault"
VOLUME = "aws:ebs/volume:Volume"
VOLUME_COPY = "aws:ebs/volumeCopy:VolumeCopy"
SNAPSHOT = "aws:ebs/snapshot:Snapshot"
SNAPSHOT_COPY = "aws:ebs/snapshotCopy:SnapshotCopy"
SNAPSHOT_IMPORT = "aws:ebs/snapshotImport:SnapshotImport"
SNAPSHOT_BLOCK = "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess"
SNAPSHOT_PERMISSION = "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

BY_DEFAULT = Resource(ENCRYPTION_BY_DEFAULT, {"enabled": True}, name="by-default")
"""What the examples of rules over volumes have beside them."""


def encrypts_by_default(stack: Stack) -> bool:
    """Whether the program has its account encrypt volumes of which nothing is said."""
    return stack.once(_encrypts_by_default)


def _encrypts_by_default(stack: Stack) -> bool:
    # The provider's resource turns it on unless told otherwise.
    return any(item.known("enabled") is not False for item in stack.of(ENCRYPTION_BY_DEFAULT))


@rule(
    "ebs-encrypts-by-default",
    on=ENCRYPTION_BY_DEFAULT,
    severity=HIGH,
    fix="Set enabled to True, or leave it out.",
    sound=[{}, {"enabled": True}],
    unsound=[{"enabled": False}],
)
def ebs_encrypts_by_default(setting: Properties) -> Verdict:
    """An account encrypts each new volume and each copy of a snapshot, whoever makes it."""
    return setting.require("enabled", is_(True), default=True)


_ENCRYPTED = Resource(SNAPSHOT, {"id": "snap-encrypted", "volumeId": "vol-1", "encrypted": True}, name="encrypted")


def _volume(**properties: Any) -> Resource:
    return Resource(VOLUME, {"availabilityZone": "us-east-1a", "id": "vol-1"} | properties, name="volume")


@stack_rule(
    "volume-is-encrypted",
    on=VOLUME,
    severity=HIGH,
    fix="Set encrypted to True, with kms_key_id the ARN of a customer managed key.",
    sound=[
        [_volume(encrypted=True, size=100)],
        [_volume(size=100), BY_DEFAULT],
        [_volume(snapshotId="snap-encrypted"), _ENCRYPTED],
    ],
    unsound=[
        [_volume(size=100)],
        [_volume(encrypted=False, size=100), BY_DEFAULT],
        [_volume(size=100), Resource(ENCRYPTION_BY_DEFAULT, {"enabled": False})],
        [_volume(snapshotId="snap-plain")],
        [_volume(kmsKeyId=_KEY)],
    ],
)
def volume_is_encrypted(volume: Resource, stack: Stack) -> Verdict:
    """A volume is encrypted, by its own word, its snapshot's, or the account's default."""
    if volume.at("encrypted") is None and _is_from_encrypted(volume, "snapshotId", stack):
        return Verdict()
    return volume.require("encrypted", is_(True), default=encrypts_by_default(stack))


def _is_from_encrypted(resource: Resource, by: str, stack: Stack) -> bool:
    """Whether it is made from an encrypted snapshot or volume of the program: what comes from it is encrypted too."""
    unknown: UnknownValue | None = None
    for source in stack.named_by(resource, by, (SNAPSHOT, SNAPSHOT_COPY, VOLUME)):
        if source.known("encrypted") is True:
            return True
        if source.type == SNAPSHOT and _is_from_encrypted(source, "volumeId", stack):
            return True
        if source.is_set_by_program("encrypted") and source.known("encrypted") is None:
            unknown = UnknownValue(f"encrypted of {source.name}")
    if unknown:
        raise unknown
    return False


@rule(
    "volume-encrypts-with-own-key",
    on=VOLUME,
    severity=MEDIUM,
    advisory="AWS's own key encrypts as 164.312(a)(2)(iv) asks; a key of one's own also bounds and records its use",
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"encrypted": True, "kmsKeyId": _KEY}],
    unsound=[{"encrypted": True}, {"encrypted": True, "kmsKeyId": "alias/aws/ebs"}],
)
def volume_encrypts_with_own_key(volume: Properties) -> Verdict:
    """A volume is encrypted with a customer managed key."""
    if volume.get("encrypted") is not True:
        return not_applicable("whether it is encrypted is another rule's to say")
    return volume.require("kmsKeyId", OWN_KEY)


@stack_rule(
    "snapshot-copy-is-encrypted",
    on=(SNAPSHOT_COPY, SNAPSHOT_IMPORT),
    severity=HIGH,
    fix="Set encrypted to True, with kms_key_id the ARN of a customer managed key.",
    sound=[
        [Resource(SNAPSHOT_COPY, {"sourceSnapshotId": "snap-1", "sourceRegion": "us-east-1", "encrypted": True})],
        [Resource(SNAPSHOT_COPY, {"sourceSnapshotId": "snap-1", "sourceRegion": "us-east-1"}), BY_DEFAULT],
        [Resource(SNAPSHOT_COPY, {"sourceSnapshotId": "snap-encrypted"}), _ENCRYPTED],
        [
            Resource(SNAPSHOT_COPY, {"sourceSnapshotId": UNKNOWN}, sources={"sourceSnapshotId": ["urn:snapshot"]}),
            Resource(SNAPSHOT, {"volumeId": "vol-1"}, urn="urn:snapshot"),
            _volume(encrypted=True),
        ],
        [Resource(SNAPSHOT_IMPORT, {"encrypted": True})],
    ],
    unsound=[
        [Resource(SNAPSHOT_COPY, {"sourceSnapshotId": "snap-1", "sourceRegion": "us-east-1"})],
        [Resource(SNAPSHOT_COPY, {"sourceSnapshotId": "snap-1", "encrypted": False})],
        [Resource(SNAPSHOT_IMPORT, {"description": "disk"})],
    ],
)
def snapshot_copy_is_encrypted(snapshot: Resource, stack: Stack) -> Verdict:
    """A copy of a snapshot, or one from a disk of one's own, is encrypted.

    A copy of a snapshot that is not of the program may be of a plain one, and is then plain itself.
    """
    if snapshot.at("encrypted") is None and _is_from_encrypted(snapshot, "sourceSnapshotId", stack):
        return Verdict()
    return snapshot.require("encrypted", is_(True), default=encrypts_by_default(stack))


@rule(
    "snapshot-is-shared-with-named-accounts",
    on=SNAPSHOT_PERMISSION,
    severity=CRITICAL,
    fix="Set account_id to the twelve digits of the account that may make volumes of the snapshot.",
    sound=[{"accountId": "111122223333", "snapshotId": "snap-1a2b3c4d"}],
    unsound=[{"accountId": "all", "snapshotId": "snap-1a2b3c4d"}, {"accountId": "*", "snapshotId": "snap-1a2b3c4d"}],
)
def snapshot_is_shared_with_named_accounts(permission: Properties) -> Verdict:
    """A snapshot is shared with accounts that are named, never with all of them: whoever has it can read the disk."""
    account = Requirement("an account of twelve digits", lambda id_: str(id_).isdigit() and len(str(id_)) == 12)
    return permission.require("accountId", account)


@rule(
    "snapshots-cannot-be-made-public",
    on=SNAPSHOT_BLOCK,
    severity=HIGH,
    fix="Set state to block-all-sharing.",
    sound=[{"state": "block-all-sharing"}, {"state": "block-new-sharing"}],
    unsound=[{"state": "unblocked"}, {"state": "Unblocked"}],
)
def snapshots_cannot_be_made_public(block: Properties) -> Verdict:
    """An account refuses to share snapshots with everyone, whoever asks."""
    return block.require("state", one_of("block-all-sharing", "block-new-sharing"))


@rule(
    "snapshots-that-are-public-are-blocked",
    on=SNAPSHOT_BLOCK,
    severity=MEDIUM,
    advisory="where no snapshot was public before, blocking new sharing keeps as much",
    fix="Set state to block-all-sharing.",
    sound=[{"state": "block-all-sharing"}],
    unsound=[{"state": "block-new-sharing"}],
)
def public_snapshots_are_blocked(block: Properties) -> Verdict:
    """An account also takes back what was shared with everyone before."""
    if block.get("state") not in ("block-all-sharing", "block-new-sharing"):
        return violation("`state` blocks nothing; it must be 'block-all-sharing'")
    return block.require("state", is_("block-all-sharing"))
