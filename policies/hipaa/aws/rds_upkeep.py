"""Amazon RDS, one database at a time: backups, deletion, logs and upgrades."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, PROPOSED_PATCHES, UPGRADES_MAY_BE_BY_HAND
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.rds import CLUSTER, INSTANCE, MEMBER, REPLICA, is_copy, is_custom
from hipaa.facts import fact
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, at_least, is_, not_applicable, violation


@rule(
    "rds-instance-keeps-backups",
    on=(INSTANCE, CLUSTER),
    severity=HIGH,
    fix="Set backup_retention_period to {days} or more (35 at most).",
    sound=[
        {"backupRetentionPeriod": 7},
        Resource(CLUSTER, {"backupRetentionPeriod": 35}),
        REPLICA,
        REPLICA | {"backupRetentionPeriod": 0},
    ],
    unsound=[
        {},
        {"backupRetentionPeriod": 0},
        {"backupRetentionPeriod": 6},
        {"snapshotIdentifier": "rds:records-2026-01-01"},
        Resource(CLUSTER, {}),
    ],
    parameters=[KEPT],
)
def instance_keeps_backups(database: Resource, days: int) -> Verdict:
    """A database can be restored to any moment of the last seven days or more, or as the configuration says.

    RDS keeps none of an instance unless told, and one day of a cluster. The source's backups are a copy's too.
    """
    if is_copy(database):
        return not_applicable("it can be made anew from its source")
    kept = 1 if database.type == CLUSTER else 0
    return database.require("backupRetentionPeriod", at_least(days, "days"), default=kept)


@rule(
    "rds-instance-is-kept-from-deletion",
    on=(INSTANCE, CLUSTER),
    severity=MEDIUM,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Set deletion_protection=True, leave skip_final_snapshot out, and set final_snapshot_identifier.",
    sound=[
        {"deletionProtection": True, "finalSnapshotIdentifier": "records-last"},
        Resource(CLUSTER, {"deletionProtection": True, "skipFinalSnapshot": False}),
        REPLICA | {"skipFinalSnapshot": True},
    ],
    unsound=[
        {},
        {"deletionProtection": True, "skipFinalSnapshot": True},
        {"deletionProtection": UNKNOWN, "skipFinalSnapshot": True},
        {"finalSnapshotIdentifier": "records-last"},
        Resource(CLUSTER, {"deletionProtection": False}),
    ],
)
def instance_is_kept_from_deletion(database: Properties) -> Verdict:
    """A database refuses to be deleted, and where it is made to, leaves a last snapshot.

    Its automated backups go with it. RDS takes no last snapshot of a replica. Without an identifier for the snapshot
    the provider refuses to delete the database, so that nothing is lost either.
    """
    if is_copy(database):
        return not_applicable("it can be made anew from its source")
    return all_of(
        database.require("deletionProtection", is_(True), default=False),
        database.require("skipFinalSnapshot", is_(False), default=False),
    )


def _exporting(engine: str | None, *logs: str) -> dict[str, Any]:
    named: dict[str, Any] = {} if engine is None else {"engine": engine}
    return named | {"enabledCloudwatchLogsExports": list(logs)}


@rule(
    "rds-instance-exports-its-log",
    on=(INSTANCE, CLUSTER),
    severity=MEDIUM,
    fix="Set enabled_cloudwatch_logs_exports: [postgresql] for PostgreSQL, [audit, error] for MySQL and MariaDB.",
    sound=[
        _exporting("postgres", "postgresql", "upgrade"),
        _exporting("mysql", "audit"),
        _exporting("mariadb", "error", "general", "slowquery"),
        _exporting("oracle-ee", "alert", "audit"),
        _exporting("oracle-se2", "listener"),
        _exporting("sqlserver-se", "error", "agent"),
        Resource(CLUSTER, _exporting("aurora-postgresql", "postgresql")),
        REPLICA | _exporting(None, "postgresql"),
        {"engine": "custom-sqlserver-ee"},
    ],
    unsound=[
        {},
        {"engine": "mariadb"},
        _exporting("postgres"),
        _exporting("postgres", "upgrade"),
        _exporting("mysql", "slowquery"),
        _exporting("mysql", "error", "slowquery"),
        _exporting("oracle-se2", "trace"),
        Resource(CLUSTER, _exporting("aurora-mysql", "slowquery")),
        REPLICA,
        Resource(CLUSTER, _exporting("aurora-postgresql", "iam-db-auth-error")),
    ],
)
def instance_exports_its_log(database: Properties) -> Verdict:
    """A database sends its engine's log to CloudWatch Logs, where who connected stays on record.

    On the database itself a log is gone after days (three, where PostgreSQL's are not told otherwise), and whoever
    deletes the database deletes it too. Slow queries and upgrades tell of nobody. RDS Custom exports none.
    """
    engine = str(database.at("engine", ""))
    if is_custom(database):
        return not_applicable("RDS Custom exports no log")
    exported = set(database.texts("enabledCloudwatchLogsExports"))
    if not exported:
        return violation("`enabled_cloudwatch_logs_exports` is empty; it must name the engine's log")
    telling = next(
        (logs for name, logs in fact("rds-logs").items() if engine == name or engine.startswith(f"{name}-")), ()
    )
    if telling and exported.isdisjoint(telling):
        lacking = " or ".join(telling)
        return violation(f"`enabled_cloudwatch_logs_exports` lacks {lacking}, which records who connected to {engine}")
    return Verdict()


@rule(
    "rds-instance-takes-minor-upgrades",
    on=(INSTANCE, MEMBER, CLUSTER),
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Leave auto_minor_version_upgrade out or set it to True, with a maintenance window that suits.",
    sound=[
        {},
        {"autoMinorVersionUpgrade": True},
        Resource(MEMBER, {}),
        {"engine": "custom-oracle-ee", "autoMinorVersionUpgrade": False},
    ],
    unsound=[
        {"autoMinorVersionUpgrade": False},
        REPLICA | {"autoMinorVersionUpgrade": False},
        Resource(MEMBER, {"autoMinorVersionUpgrade": False}),
    ],
)
def instance_takes_minor_upgrades(database: Properties) -> Verdict:
    """A database takes its engine's minor versions by itself, which mend flaws that are known.

    RDS Custom cannot do it (CreateDBInstance, Amazon RDS API Reference).
    """
    if is_custom(database):
        return not_applicable("RDS Custom takes no upgrade by itself")
    return database.require("autoMinorVersionUpgrade", is_(True), default=True)
