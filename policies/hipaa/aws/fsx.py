"""Amazon FSx: file systems that are backed up, under a key of one's own, and record who opened what."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, OWN_KEY_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.backup_plans import KEPT, SELECTION, is_backed_up
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource, show
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, not_applicable, violation

LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
ONTAP = "aws:fsx/ontapFileSystem:OntapFileSystem"
OPENZFS = "aws:fsx/openZfsFileSystem:OpenZfsFileSystem"
WINDOWS = "aws:fsx/windowsFileSystem:WindowsFileSystem"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _days(type_: str, days: int | None = None, **more: Any) -> list[Resource]:
    told: dict[str, Any] = {} if days is None else {"automaticBackupRetentionDays": days}
    return [Resource(type_, told | more, name="records")]


@stack_rule(
    "fsx-file-system-keeps-backups",
    on=(ONTAP, OPENZFS, WINDOWS),
    severity=HIGH,
    fix="Set automatic_backup_retention_days to {days} or more, or take the file system into a plan of AWS Backup.",
    sound=[
        _days(WINDOWS),
        _days(ONTAP, 7),
        _days(OPENZFS, 30),
        [*_days(OPENZFS), Resource(SELECTION, {"resources": ["*"]})],
    ],
    unsound=[_days(ONTAP), _days(OPENZFS, 0), _days(WINDOWS, 0), _days(WINDOWS, 1)],
    parameters=[KEPT],
)
def file_system_keeps_backups(system: Resource, stack: Stack, days: int) -> Verdict:
    """A file system is backed up every day, and for seven days or more, or as configured.

    FSx for Windows does so unless told otherwise, the others do not. One for Lustre is left out: what it works on is
    kept in S3, and a scratch one has no backups.
    """
    kept = system.at("automaticBackupRetentionDays", 7 if system.type == WINDOWS else 0)
    if isinstance(kept, int | float) and kept >= days:
        return Verdict()
    if is_backed_up(system, stack, "fsx"):
        return Verdict()
    return violation(
        f"`automatic_backup_retention_days` is {show(kept)}, less than {days}, and no selection of AWS Backup has it"
    )


@rule(
    "fsx-file-system-encrypts-with-cmk",
    on=(LUSTRE, ONTAP, OPENZFS, WINDOWS),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[Resource(WINDOWS, {"kmsKeyId": _KEY}), Resource(LUSTRE, {"deploymentType": "SCRATCH_2"})],
    unsound=[Resource(ONTAP, {}), Resource(LUSTRE, {"deploymentType": "PERSISTENT_2"})],
)
def file_system_encrypts_with_cmk(system: Resource) -> Verdict:
    """A file system is under a customer managed key; a scratch one of Lustre takes none."""
    if system.type == LUSTRE and str(system.at("deploymentType", "SCRATCH_1")).startswith("SCRATCH"):
        return not_applicable("a scratch file system is encrypted with FSx's own key")
    return system.require("kmsKeyId", OWN_KEY)


_AUDITED = {"auditLogConfiguration": {"fileAccessAuditLogLevel": "SUCCESS_AND_FAILURE"}}


@rule(
    "fsx-windows-records-access",
    on=WINDOWS,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set audit_log_configuration with file_access_audit_log_level=SUCCESS_AND_FAILURE and a log destination.",
    sound=[_AUDITED],
    unsound=[{}, {"auditLogConfiguration": {"fileAccessAuditLogLevel": "DISABLED"}}],
)
def windows_records_access(system: Properties) -> Verdict:
    """A Windows file server records who opened which file."""
    on = Requirement("another level than 'DISABLED'", lambda level: level not in (None, "DISABLED"))
    return system.require("auditLogConfiguration.fileAccessAuditLogLevel", on, default="DISABLED")
