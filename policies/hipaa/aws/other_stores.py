"""Stores of AWS of which fewer hold ePHI: Timestream, Keyspaces, and Managed Workflows for Apache Airflow."""

from __future__ import annotations

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, OWN_KEY_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Verdict, is_, violation

TIMESTREAM = "aws:timestreamwrite/database:Database"
INFLUX = "aws:timestreaminfluxdb/dbInstance:DbInstance"
INFLUX_CLUSTER = "aws:timestreaminfluxdb/dbCluster:DbCluster"
KEYSPACES = "aws:keyspaces/table:Table"
AIRFLOW = "aws:mwaa/environment:Environment"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "timestream-influx-is-private",
    on=(INFLUX, INFLUX_CLUSTER),
    severity=CRITICAL,
    fix="Leave publicly_accessible out or set it to False.",
    sound=[{"name": "ward"}, {"publiclyAccessible": False}],
    unsound=[{"publiclyAccessible": True}, Resource(INFLUX_CLUSTER, {"publiclyAccessible": True})],
)
def influx_is_private(database: Properties) -> Verdict:
    """A database of InfluxDB has no address on the internet."""
    return database.require("publiclyAccessible", is_(False), default=False)


@rule(
    "timestream-encrypts-with-cmk",
    on=TIMESTREAM,
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"databaseName": "ward", "kmsKeyId": _KEY}],
    unsound=[{"databaseName": "ward"}],
)
def timestream_encrypts_with_cmk(database: Properties) -> Verdict:
    """A database of time series is under a customer managed key."""
    return database.require("kmsKeyId", OWN_KEY)


@rule(
    "keyspaces-table-keeps-backups",
    on=KEYSPACES,
    severity=HIGH,
    fix="Set point_in_time_recovery with status=ENABLED.",
    sound=[{"tableName": "ward", "pointInTimeRecovery": {"status": "ENABLED"}}],
    unsound=[{"tableName": "ward"}, {"pointInTimeRecovery": {"status": "DISABLED"}}],
)
def keyspaces_keeps_backups(table: Properties) -> Verdict:
    """A table can be restored to any moment of the last 35 days: Keyspaces has no other copies."""
    return table.require("pointInTimeRecovery.status", is_("ENABLED"), default="DISABLED")


@rule(
    "keyspaces-table-encrypts-with-cmk",
    on=KEYSPACES,
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_specification with type=CUSTOMER_MANAGED_KMS_KEY and kms_key_identifier.",
    sound=[{"encryptionSpecification": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyIdentifier": _KEY}}],
    unsound=[{"tableName": "ward"}, {"encryptionSpecification": {"type": "AWS_OWNED_KMS_KEY"}}],
)
def keyspaces_encrypts_with_cmk(table: Properties) -> Verdict:
    """A table is under a customer managed key."""
    return table.require("encryptionSpecification.kmsKeyIdentifier", OWN_KEY)


@rule(
    "airflow-page-is-private",
    on=AIRFLOW,
    severity=MEDIUM,
    advisory="its public page asks for a sign-in by IAM (164.312(d)); a private one is behind security groups too",
    fix="Leave webserver_access_mode out or set it to PRIVATE_ONLY.",
    sound=[{"name": "ward"}, {"webserverAccessMode": "PRIVATE_ONLY"}],
    unsound=[{"webserverAccessMode": "PUBLIC_ONLY"}],
)
def airflow_page_is_private(environment: Properties) -> Verdict:
    """Airflow's page is reached from within its VPC alone."""
    return environment.require("webserverAccessMode", is_("PRIVATE_ONLY"), default="PRIVATE_ONLY")


@rule(
    "airflow-encrypts-with-cmk",
    on=AIRFLOW,
    severity=LOW,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key to the ARN of a customer managed key.",
    sound=[{"name": "ward", "kmsKey": _KEY}],
    unsound=[{"name": "ward"}],
)
def airflow_encrypts_with_cmk(environment: Properties) -> Verdict:
    """An environment is under a customer managed key."""
    return environment.require("kmsKey", OWN_KEY)


_LOGS = ("dagProcessingLogs", "schedulerLogs", "taskLogs", "webserverLogs", "workerLogs")


@rule(
    "airflow-keeps-its-logs",
    on=AIRFLOW,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Set logging_configuration with task_logs, webserver_logs and the others enabled.",
    sound=[{"loggingConfiguration": {name: {"enabled": True, "logLevel": "INFO"} for name in _LOGS}}],
    unsound=[{"name": "ward"}, {"loggingConfiguration": {"taskLogs": {"enabled": True}}}],
)
def airflow_keeps_its_logs(environment: Properties) -> Verdict:
    """An environment sends each of Airflow's logs to CloudWatch Logs."""
    off = [name for name in _LOGS if environment.at(f"loggingConfiguration.{name}.enabled") is not True]
    if not off:
        return Verdict()
    return violation(
        f"`logging_configuration` enables {len(_LOGS) - len(off)} of {len(_LOGS)} logs; it must enable all"
    )
