"""Amazon RDS beside its databases: snapshots, proxies, global clusters and the events that tell of them."""

from __future__ import annotations

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO, PROPOSED_AUDIT, PROPOSED_ENCRYPTION
from hipaa.aws.rds import CLUSTER, INSTANCE
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, is_, is_set, not_applicable, undecided, violation

SNAPSHOT = "aws:rds/snapshot:Snapshot"
CLUSTER_SNAPSHOT = "aws:rds/clusterSnapshot:ClusterSnapshot"
SNAPSHOT_COPY = "aws:rds/snapshotCopy:SnapshotCopy"
CLUSTER_SNAPSHOT_COPY = "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy"
PROXY = "aws:rds/proxy:Proxy"
GLOBAL_CLUSTERS = (
    "aws:rds/globalCluster:GlobalCluster",
    "aws:docdb/globalCluster:GlobalCluster",
    "aws:neptune/globalCluster:GlobalCluster",
)
SUBSCRIPTIONS = (
    "aws:rds/eventSubscription:EventSubscription",
    "aws:docdb/eventSubscription:EventSubscription",
    "aws:neptune/eventSubscription:EventSubscription",
    "aws:redshift/eventSubscription:EventSubscription",
    "aws:dms/eventSubscription:EventSubscription",
)


@rule(
    "rds-snapshot-is-not-public",
    on=(SNAPSHOT, CLUSTER_SNAPSHOT, SNAPSHOT_COPY, CLUSTER_SNAPSHOT_COPY),
    severity=CRITICAL,
    fix="Leave shared_accounts out, or list the accounts that may restore it; never `all`.",
    sound=[{}, {"sharedAccounts": ["111122223333"]}, {"sharedAccounts": []}, Resource(CLUSTER_SNAPSHOT, {})],
    unsound=[
        {"sharedAccounts": ["all"]},
        {"sharedAccounts": ["111122223333", "all"]},
        {"sharedAccounts": [UNKNOWN, "ALL"]},
        Resource(CLUSTER_SNAPSHOT_COPY, {"sharedAccounts": ["all"]}),
    ],
)
def snapshot_is_not_public(snapshot: Properties) -> Verdict:
    """A snapshot of a database is shared with accounts that are named, never with all of AWS.

    Whoever may restore it reads all that the database held.
    """
    return snapshot.each(
        "sharedAccounts",
        lambda account: (
            violation("`shared_accounts` has 'all', which lets every AWS account restore the snapshot")
            if str(account).lower() == "all"
            else Verdict()
        ),
    )


_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_COPY = Resource(SNAPSHOT_COPY, {"sourceDbSnapshotIdentifier": "before"})
_OF_RECORDS = Resource(SNAPSHOT, {"id": "before", "dbInstanceIdentifier": "records"})


@stack_rule(
    "rds-snapshot-copy-is-encrypted",
    on=(SNAPSHOT_COPY, CLUSTER_SNAPSHOT_COPY),
    severity=HIGH,
    advisory="a copy of an encrypted snapshot is encrypted, and what another program's snapshot is nobody knows here",
    proposed=PROPOSED_ENCRYPTION,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[
        [Resource(SNAPSHOT_COPY, {"sourceDbSnapshotIdentifier": "before", "kmsKeyId": _KEY})],
        [Resource(CLUSTER_SNAPSHOT_COPY, {"sourceDbClusterSnapshotIdentifier": "before", "kmsKeyId": _KEY})],
        [_COPY, _OF_RECORDS, Resource(INSTANCE, {"identifier": "records", "storageEncrypted": True})],
        [_COPY, Resource(SNAPSHOT, {"id": "before", "encrypted": True})],
    ],
    unsound=[
        [_COPY],
        [Resource(CLUSTER_SNAPSHOT_COPY, {"sourceDbClusterSnapshotIdentifier": "before"})],
        [_COPY, _OF_RECORDS, Resource(INSTANCE, {"identifier": "records", "storageEncrypted": False})],
    ],
)
def snapshot_copy_is_encrypted(copy: Resource, stack: Stack) -> Verdict:
    """A copy of a database's snapshot is encrypted: with a key of its own, or since what it is made from is.

    A snapshot itself is as its database is, which a rule of its own looks at.
    """
    if copy.get("kmsKeyId"):
        return Verdict()
    if copy.type == SNAPSHOT_COPY:
        by, kind, of, database = "sourceDbSnapshotIdentifier", SNAPSHOT, "dbInstanceIdentifier", INSTANCE
    else:
        by, kind, of, database = "sourceDbClusterSnapshotIdentifier", CLUSTER_SNAPSHOT, "dbClusterIdentifier", CLUSTER
    sources = stack.named_by(copy, by, kind)
    databases = [each for source in sources for each in stack.named_by(source, of, database)]
    if any(each.known("encrypted") is True or each.known("storageEncrypted") is True for each in sources + databases):
        return Verdict()
    for each in sources + databases:
        each.at("encrypted")  # these may be known only after the update
        each.at("storageEncrypted")
    # So may the names be by which one is found.
    if not databases and stack.has_unnamed((kind, database)):
        return undecided(copy.where("kmsKeyId"))
    return copy.require("kmsKeyId", is_set())


@rule(
    "rds-proxy-requires-tls",
    on=PROXY,
    severity=HIGH,
    fix="Set require_tls=True.",
    sound=[{"engineFamily": "POSTGRESQL", "requireTls": True}],
    unsound=[{"engineFamily": "POSTGRESQL"}, {"engineFamily": "MYSQL", "requireTls": False}],
)
def proxy_requires_tls(proxy: Properties) -> Verdict:
    """A proxy of RDS turns away clients that do not use TLS.

    The database behind it sees the proxy alone, and cannot turn them away itself.
    """
    return proxy.require("requireTls", is_(True), default=False)


@rule(
    "rds-global-cluster-encrypts-storage",
    on=GLOBAL_CLUSTERS,
    severity=HIGH,
    fix="Set storage_encrypted=True, or source_db_cluster_identifier to a cluster that is encrypted.",
    sound=[
        {"globalClusterIdentifier": "records", "storageEncrypted": True},
        {
            "globalClusterIdentifier": "records",
            "sourceDbClusterIdentifier": "arn:aws:rds:us-east-1:111122223333:cluster:a",
        },
    ],
    unsound=[
        {"globalClusterIdentifier": "records"},
        Resource(GLOBAL_CLUSTERS[1], {"globalClusterIdentifier": "records", "storageEncrypted": False}),
    ],
)
def global_cluster_encrypts_storage(cluster: Properties) -> Verdict:
    """A global cluster has its members encrypt their storage.

    One that is made of a cluster is encrypted as that one is.
    """
    if "sourceDbClusterIdentifier" in cluster and cluster.at("storageEncrypted") is not False:
        return not_applicable("it is encrypted as the cluster that it is made of")
    return cluster.require("storageEncrypted", is_(True), default=False)


@rule(
    "database-events-are-told",
    on=SUBSCRIPTIONS,
    severity=LOW,
    advisory=OTHER_RECORDS_MAY_DO,
    proposed=PROPOSED_AUDIT,
    fix="Leave enabled out or set it to True.",
    sound=[{"snsTopic": "arn:aws:sns:us-east-1:111122223333:databases"}],
    unsound=[{"snsTopic": "arn:aws:sns:us-east-1:111122223333:databases", "enabled": False}],
)
def events_are_told(subscription: Properties) -> Verdict:
    """A subscription to the events of databases is on, so that a failover or a failed backup reaches someone."""
    return subscription.require("enabled", is_(True), default=True)
