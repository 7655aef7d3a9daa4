"""Amazon MemoryDB: clusters that speak TLS, ask who is there, and can be restored."""

from __future__ import annotations

from hipaa.aws.advice import OWN_KEY_IS_MORE
from hipaa.aws.backup_plans import KEPT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, at_least, is_

CLUSTER = "aws:memorydb/cluster:Cluster"
MULTI_REGION = "aws:memorydb/multiRegionCluster:MultiRegionCluster"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_CLUSTER = {"nodeType": "db.r7g.large", "aclName": "clinicians"}


@rule(
    "memorydb-cluster-requires-tls",
    on=(CLUSTER, MULTI_REGION),
    severity=HIGH,
    fix="Leave tls_enabled out or set it to True.",
    sound=[_CLUSTER, _CLUSTER | {"tlsEnabled": True}, Resource(MULTI_REGION, {"nodeType": "db.r7g.xlarge"})],
    unsound=[_CLUSTER | {"tlsEnabled": False}, Resource(MULTI_REGION, {"tlsEnabled": False})],
)
def cluster_requires_tls(cluster: Properties) -> Verdict:
    """A cluster takes clients by TLS alone, as it does unless told otherwise."""
    return cluster.require("tlsEnabled", is_(True), default=True)


@rule(
    "memorydb-cluster-authenticates-clients",
    on=CLUSTER,
    severity=HIGH,
    fix="Set acl_name to an Acl of your own users; open-access lets in whoever reaches the cluster.",
    sound=[_CLUSTER],
    unsound=[_CLUSTER | {"aclName": "open-access"}, {"nodeType": "db.r7g.large"}],
)
def cluster_authenticates_clients(cluster: Properties) -> Verdict:
    """A cluster asks each client who it is, by an access control list of one's own."""
    own = Requirement("an access control list of your own", lambda name: name is not None and name != "open-access")
    return cluster.require("aclName", own, default="open-access")


@rule(
    "memorydb-cluster-encrypts-with-cmk",
    on=CLUSTER,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn to the ARN of a customer managed key.",
    sound=[_CLUSTER | {"kmsKeyArn": _KEY}],
    unsound=[_CLUSTER],
)
def cluster_encrypts_with_cmk(cluster: Properties) -> Verdict:
    """A cluster's log and snapshots are under a customer managed key."""
    return cluster.require("kmsKeyArn", OWN_KEY)


@rule(
    "memorydb-cluster-keeps-snapshots",
    on=CLUSTER,
    severity=HIGH,
    fix="Set snapshot_retention_limit to {days} or more (35 at most).",
    sound=[_CLUSTER | {"snapshotRetentionLimit": 7}],
    unsound=[_CLUSTER, _CLUSTER | {"snapshotRetentionLimit": 0}],
    parameters=[KEPT],
)
def cluster_keeps_snapshots(cluster: Properties, days: int) -> Verdict:
    """A cluster keeps a snapshot of each of the last seven days or more, or as configured.

    It is a database and no cache: its log outlives its nodes, and not a wrong command.
    """
    return cluster.require("snapshotRetentionLimit", at_least(days, "days"), default=0)
