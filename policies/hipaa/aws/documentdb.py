"""Amazon DocumentDB: clusters that encrypt, speak TLS alone, and keep records and backups."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, OWN_KEY_IS_MORE
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, at_least, has, is_, not_applicable, violation

CLUSTER = "aws:docdb/cluster:Cluster"
PARAMETER_GROUP = "aws:docdb/clusterParameterGroup:ClusterParameterGroup"
ELASTIC = "aws:docdb/elasticCluster:ElasticCluster"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "documentdb-cluster-encrypts-storage",
    on=CLUSTER,
    severity=HIGH,
    fix="Set storage_encrypted=True, and kms_key_id to the ARN of a customer managed key.",
    sound=[{"storageEncrypted": True}, {"storageEncrypted": True, "kmsKeyId": _KEY}],
    unsound=[{}, {"storageEncrypted": False}, {"engine": "docdb", "masterUsername": "records"}],
)
def cluster_encrypts_storage(cluster: Properties) -> Verdict:
    """A cluster encrypts its storage, and with it its backups and snapshots: DocumentDB does not unless told."""
    return cluster.require("storageEncrypted", is_(True), default=False)


@rule(
    "documentdb-cluster-encrypts-with-cmk",
    on=(CLUSTER, ELASTIC),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"storageEncrypted": True, "kmsKeyId": _KEY}, Resource(ELASTIC, {"kmsKeyId": _KEY})],
    unsound=[{"storageEncrypted": True}, Resource(ELASTIC, {})],
)
def cluster_encrypts_with_cmk(cluster: Properties) -> Verdict:
    """A cluster's storage is under a customer managed key."""
    return cluster.require("kmsKeyId", OWN_KEY)


def _group(value: str | None = None) -> Resource:
    parameters: list[Any] = [] if value is None else [{"name": "tls", "value": value}]
    return Resource(PARAMETER_GROUP, {"id": "own", "name": "own", "family": "docdb5.0", "parameters": parameters})


_CLUSTER = Resource(CLUSTER, {"storageEncrypted": True, "dbClusterParameterGroupName": "own"})


@stack_rule(
    "documentdb-cluster-requires-tls",
    on=CLUSTER,
    severity=HIGH,
    fix="Leave the parameter tls out of the ClusterParameterGroup, or set it to enabled or tls1.2+.",
    sound=[
        [Resource(CLUSTER, {"storageEncrypted": True})],
        [_CLUSTER, _group()],
        [_CLUSTER, _group("enabled")],
        [_CLUSTER, _group("tls1.2+")],
    ],
    unsound=[[_CLUSTER, _group("disabled")]],
)
def cluster_requires_tls(cluster: Resource, stack: Stack) -> Verdict:
    """A cluster turns away clients that do not use TLS, as DocumentDB does unless a parameter group tells otherwise."""
    setting = fact("documentdb-tls")
    for group in stack.named_by(cluster, "dbClusterParameterGroupName", PARAMETER_GROUP):
        for item in group.objects("parameters"):
            if item.at("name") == setting["parameter"] and item.at("value") in setting["without"]:
                return violation(f"the ClusterParameterGroup {group.name} sets tls to {item.at('value')!r}")
    return Verdict()


def _exporting(*logs: str) -> dict[str, Any]:
    return {"enabledCloudwatchLogsExports": list(logs)}


@rule(
    "documentdb-cluster-exports-its-audit",
    on=CLUSTER,
    severity=MEDIUM,
    fix="Set enabled_cloudwatch_logs_exports=['audit'], and audit_logs=enabled in the ClusterParameterGroup.",
    sound=[_exporting("audit"), _exporting("audit", "profiler")],
    unsound=[{}, _exporting("profiler"), _exporting()],
)
def cluster_exports_its_audit(cluster: Properties) -> Verdict:
    """A cluster sends its audit log to CloudWatch Logs: DocumentDB keeps no record of who signed in elsewhere."""
    return cluster.require("enabledCloudwatchLogsExports", has("audit"))


@rule(
    "documentdb-cluster-keeps-backups",
    on=(CLUSTER, ELASTIC),
    severity=HIGH,
    fix="Set backup_retention_period to {days} or more (35 at most).",
    sound=[{"backupRetentionPeriod": 7}, {"globalClusterIdentifier": "records"}],
    unsound=[{}, {"backupRetentionPeriod": 1}],
    parameters=[KEPT],
)
def cluster_keeps_backups(cluster: Properties, days: int) -> Verdict:
    """A cluster can be restored to any moment of the last seven days or more, or as configured.

    DocumentDB keeps one day unless told.
    """
    if "globalClusterIdentifier" in cluster and "masterUsername" not in cluster:
        return not_applicable("it can be made anew from the first cluster of its global one")
    return cluster.require("backupRetentionPeriod", at_least(days, "days"), default=1)


@rule(
    "documentdb-cluster-is-kept-from-deletion",
    on=CLUSTER,
    severity=MEDIUM,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Set deletion_protection=True.",
    sound=[{"deletionProtection": True}],
    unsound=[{}, {"deletionProtection": False}],
)
def cluster_is_kept_from_deletion(cluster: Properties) -> Verdict:
    """A cluster refuses to be deleted."""
    return cluster.require("deletionProtection", is_(True), default=False)
