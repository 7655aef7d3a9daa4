"""Amazon RDS beside its databases: snapshots, proxies, global clusters and the events that tell of them."""

from __future__ import annotations

from hipaa.aws.advice import OTHER_RECORDS_MAY_DO
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, LOW, rule
from hipaa.verdict import Verdict, is_, not_applicable, violation

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
    fix="Leave enabled out or set it to True.",
    sound=[{"snsTopic": "arn:aws:sns:us-east-1:111122223333:databases"}],
    unsound=[{"snsTopic": "arn:aws:sns:us-east-1:111122223333:databases", "enabled": False}],
)
def events_are_told(subscription: Properties) -> Verdict:
    """A subscription to the events of databases is on, so that a failover or a failed backup reaches someone."""
    return subscription.require("enabled", is_(True), default=True)
