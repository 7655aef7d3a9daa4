"""Amazon EFS: file systems that encrypt and are backed up, and access points that keep clients to their own."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.backup_plans import SELECTION, is_backed_up
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, is_, is_set, violation

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"
BACKUP_POLICY = "aws:efs/backupPolicy:BackupPolicy"
ACCESS_POINT = "aws:efs/accessPoint:AccessPoint"
MOUNT_TARGET = "aws:efs/mountTarget:MountTarget"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "efs-file-system-encrypts-storage",
    on=FILE_SYSTEM,
    severity=HIGH,
    fix="Set encrypted=True, and kms_key_id to the ARN of a customer managed key.",
    sound=[{"encrypted": True}, {"encrypted": True, "kmsKeyId": _KEY}],
    unsound=[{}, {"encrypted": False}, {"performanceMode": "generalPurpose"}],
)
def file_system_encrypts_storage(system: Properties) -> Verdict:
    """A file system encrypts its files and their names: EFS does not unless told."""
    return system.require("encrypted", is_(True), default=False)


@rule(
    "efs-file-system-encrypts-with-cmk",
    on=FILE_SYSTEM,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"encrypted": True, "kmsKeyId": _KEY}],
    unsound=[{"encrypted": True}],
)
def file_system_encrypts_with_cmk(system: Properties) -> Verdict:
    """A file system is under a customer managed key."""
    return system.require("kmsKeyId", OWN_KEY)


_SYSTEM = Resource(FILE_SYSTEM, {"id": "fs-1a2b3c4d", "encrypted": True}, name="records")


def _policy(status: str, **more: Any) -> Resource:
    return Resource(BACKUP_POLICY, {"fileSystemId": "fs-1a2b3c4d", "backupPolicy": {"status": status}} | more)


@stack_rule(
    "efs-file-system-keeps-backups",
    on=FILE_SYSTEM,
    severity=HIGH,
    fix="Add a BackupPolicy with status ENABLED, or take the file system into a plan of AWS Backup.",
    sound=[
        [_SYSTEM, _policy("ENABLED")],
        [
            Resource(FILE_SYSTEM, {"id": UNKNOWN}, name="records"),
            Resource(
                BACKUP_POLICY,
                {"fileSystemId": UNKNOWN, "backupPolicy": {"status": "ENABLED"}},
                sources={"fileSystemId": [_SYSTEM.urn]},
            ),
        ],
        [_SYSTEM, Resource(SELECTION, {"resources": ["arn:aws:elasticfilesystem:*:*:file-system/*"]})],
    ],
    unsound=[
        [_SYSTEM],
        [_SYSTEM, _policy("DISABLED")],
        [_SYSTEM, _policy("ENABLED", fileSystemId="fs-another")],
        [_SYSTEM, Resource(SELECTION, {"resources": ["arn:aws:dynamodb:*:*:table/*"]})],
    ],
)
def file_system_keeps_backups(system: Resource, stack: Stack) -> Verdict:
    """A file system is backed up by AWS Backup, by EFS's own policy or by a plan of the program."""
    policies = stack.companions(system, BACKUP_POLICY, by="fileSystemId")
    if any(policy.at("backupPolicy.status") == "ENABLED" for policy in policies):
        return Verdict()
    if is_backed_up(system, stack, "elasticfilesystem"):
        return Verdict()
    return violation("no BackupPolicy of the program is ENABLED for it, and no selection of AWS Backup takes it up")


_POINT = {"fileSystemId": "fs-1a2b3c4d"}


@rule(
    "efs-access-point-has-its-own-folder",
    on=ACCESS_POINT,
    severity=LOW,
    advisory="the file system's policy and POSIX permissions control access too (164.312(a)(1))",
    fix="Set root_directory with a path below /.",
    sound=[_POINT | {"rootDirectory": {"path": "/ward-7"}}],
    unsound=[_POINT, _POINT | {"rootDirectory": {"path": "/"}}],
)
def access_point_has_its_own_folder(point: Properties) -> Verdict:
    """An access point shows a folder of its own, and not all of the file system."""
    below = Requirement("a folder below /", lambda path: bool(str(path or "").strip("/")))
    return point.require("rootDirectory.path", below, default="/")


@rule(
    "efs-access-point-has-its-own-user",
    on=ACCESS_POINT,
    severity=LOW,
    advisory="the file system's policy and POSIX permissions control access too (164.312(a)(1))",
    fix="Set posix_user with a uid and a gid that are not 0.",
    sound=[_POINT | {"posixUser": {"uid": 1000, "gid": 1000}}],
    unsound=[_POINT, _POINT | {"posixUser": {"uid": 0, "gid": 0}}],
)
def access_point_has_its_own_user(point: Properties) -> Verdict:
    """An access point has its clients act as one user that is not root, whoever they say that they are."""
    user = Requirement("a user that is not root", lambda uid: isinstance(uid, int | float) and uid > 0)
    return point.require("posixUser.uid", user)


@rule(
    "efs-mount-target-names-its-groups",
    on=MOUNT_TARGET,
    severity=LOW,
    advisory="the VPC's default group, which it gets else, is closed where default-security-group-is-closed holds",
    fix="Set security_groups.",
    sound=[{"fileSystemId": "fs-1a2b3c4d", "subnetId": "subnet-1a2b3c4d", "securityGroups": ["sg-1a2b3c4d"]}],
    unsound=[{"fileSystemId": "fs-1a2b3c4d", "subnetId": "subnet-1a2b3c4d"}],
)
def mount_target_names_its_groups(target: Properties) -> Verdict:
    """A mount target is behind security groups of its own."""
    return target.require("securityGroups", is_set())
