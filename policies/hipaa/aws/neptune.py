"""Amazon Neptune: clusters and graphs that encrypt, ask who is there, and keep records and backups."""

from __future__ import annotations

from hipaa.aws.advice import KEPT_FROM_DELETION_IS_MORE, OWN_KEY_IS_MORE
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact, version
from hipaa.resource import Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, at_least, has, is_, not_applicable, violation

CLUSTER = "aws:neptune/cluster:Cluster"
MEMBER = "aws:neptune/clusterInstance:ClusterInstance"
PARAMETER_GROUP = "aws:neptune/clusterParameterGroup:ClusterParameterGroup"
GRAPH = "aws:neptunegraph/graph:Graph"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "neptune-cluster-encrypts-storage",
    on=CLUSTER,
    severity=HIGH,
    fix="Set storage_encrypted=True, and kms_key_arn to the ARN of a customer managed key.",
    sound=[
        {"storageEncrypted": True},
        {"storageEncrypted": True, "kmsKeyArn": _KEY},
        {"replicationSourceIdentifier": "a"},
    ],
    unsound=[{}, {"storageEncrypted": False}],
)
def cluster_encrypts_storage(cluster: Properties) -> Verdict:
    """A cluster encrypts its storage, and with it its backups: Neptune does not unless told."""
    if "replicationSourceIdentifier" in cluster and "storageEncrypted" not in cluster:
        return not_applicable("a copy is encrypted as its source is")
    return cluster.require("storageEncrypted", is_(True), default=False)


@rule(
    "neptune-cluster-encrypts-with-cmk",
    on=(CLUSTER, GRAPH),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn (a graph's kms_key_identifier) to the ARN of a customer managed key.",
    sound=[{"storageEncrypted": True, "kmsKeyArn": _KEY}, Resource(GRAPH, {"kmsKeyIdentifier": _KEY})],
    unsound=[{"storageEncrypted": True}, Resource(GRAPH, {"provisionedMemory": 16})],
)
def cluster_encrypts_with_cmk(cluster: Resource) -> Verdict:
    """A cluster's or a graph's storage is under a customer managed key."""
    return cluster.require("kmsKeyIdentifier" if cluster.type == GRAPH else "kmsKeyArn", OWN_KEY)


@rule(
    "neptune-database-is-private",
    on=(MEMBER, GRAPH),
    severity=CRITICAL,
    fix="Leave publicly_accessible (a graph's public_connectivity) out or set it to False.",
    sound=[{}, {"publiclyAccessible": False}, Resource(GRAPH, {"provisionedMemory": 16})],
    unsound=[{"publiclyAccessible": True}, Resource(GRAPH, {"publicConnectivity": True})],
)
def database_is_private(database: Resource) -> Verdict:
    """A database or a graph is reached from within its VPC alone."""
    name = "publicConnectivity" if database.type == GRAPH else "publiclyAccessible"
    return database.require(name, is_(False), default=False)


@rule(
    "neptune-cluster-authenticates",
    on=CLUSTER,
    severity=HIGH,
    fix="Set iam_database_authentication_enabled=True.",
    sound=[{"iamDatabaseAuthenticationEnabled": True}],
    unsound=[{}, {"iamDatabaseAuthenticationEnabled": False}],
)
def cluster_authenticates(cluster: Properties) -> Verdict:
    """A cluster asks each client who it is, by IAM: it has no users of its own, and lets in whoever reaches it else."""
    return cluster.require("iamDatabaseAuthenticationEnabled", is_(True), default=False)


_CLUSTER = Resource(CLUSTER, {"engineVersion": "1.0.3.0", "neptuneClusterParameterGroupName": "own"})


def _group(value: str) -> Resource:
    parameters = [{"name": "neptune_enforce_ssl", "value": value}]
    return Resource(PARAMETER_GROUP, {"id": "own", "name": "own", "family": "neptune1", "parameters": parameters})


@stack_rule(
    "neptune-cluster-requires-tls",
    on=CLUSTER,
    severity=HIGH,
    fix="Set neptune_enforce_ssl to 1, or take an engine of version 1.0.4.0 or newer, which takes nothing else.",
    sound=[
        [Resource(CLUSTER, {"storageEncrypted": True})],
        [_CLUSTER, _group("1")],
        [Resource(CLUSTER, {"engineVersion": "1.4.1.0", "neptuneClusterParameterGroupName": "own"}), _group("0")],
    ],
    unsound=[[_CLUSTER, _group("0")]],
)
def cluster_requires_tls(cluster: Resource, stack: Stack) -> Verdict:
    """A cluster takes connections by TLS alone."""
    setting = fact("neptune-tls")
    for group in stack.named_by(cluster, "neptuneClusterParameterGroupName", PARAMETER_GROUP):
        for item in group.objects("parameters"):
            if item.at("name") != setting["parameter"] or str(item.at("value")) != "0":
                continue
            release = cluster.at("engineVersion")
            if release is not None and version(release) < version(setting["since"]):
                return violation(f"the ClusterParameterGroup {group.name} sets {setting['parameter']} to 0")
    return Verdict()


@rule(
    "neptune-cluster-exports-its-audit",
    on=CLUSTER,
    severity=MEDIUM,
    fix="Set enable_cloudwatch_logs_exports=['audit'], and neptune_enable_audit_log=1 in the ClusterParameterGroup.",
    sound=[{"enableCloudwatchLogsExports": ["audit"]}],
    unsound=[{}, {"enableCloudwatchLogsExports": ["slowquery"]}],
)
def cluster_exports_its_audit(cluster: Properties) -> Verdict:
    """A cluster sends its audit log to CloudWatch Logs, where who asked what stays on record."""
    return cluster.require("enableCloudwatchLogsExports", has("audit"))


@rule(
    "neptune-cluster-keeps-backups",
    on=CLUSTER,
    severity=HIGH,
    fix="Set backup_retention_period to {days} or more (35 at most).",
    sound=[{"backupRetentionPeriod": 7}, {"replicationSourceIdentifier": "records"}],
    unsound=[{}, {"backupRetentionPeriod": 1}],
    parameters=[KEPT],
)
def cluster_keeps_backups(cluster: Properties, days: int) -> Verdict:
    """A cluster can be restored to any moment of the last seven days or more, or as configured.

    Neptune keeps one day unless told.
    """
    if "replicationSourceIdentifier" in cluster:
        return not_applicable("it can be made anew from its source")
    return cluster.require("backupRetentionPeriod", at_least(days, "days"), default=1)


@rule(
    "neptune-cluster-is-kept-from-deletion",
    on=(CLUSTER, GRAPH),
    severity=MEDIUM,
    advisory=KEPT_FROM_DELETION_IS_MORE,
    fix="Set deletion_protection=True.",
    sound=[{"deletionProtection": True}, Resource(GRAPH, {"provisionedMemory": 16})],
    unsound=[{}, {"deletionProtection": False}],
)
def cluster_is_kept_from_deletion(cluster: Resource) -> Verdict:
    """A cluster or a graph refuses to be deleted, as a graph does unless told otherwise."""
    return cluster.require("deletionProtection", is_(True), default=cluster.type == GRAPH)
