"""Amazon ElastiCache: caches that encrypt at rest and on the way, ask for a password, and can be restored."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import (
    MORE_THAN_ONE_IS_MORE,
    OWN_KEY_IS_MORE,
    PROPOSED_BACKUPS,
    PROPOSED_PATCHES,
    UPGRADES_MAY_BE_BY_HAND,
)
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, at_least, is_, is_set, not_applicable, violation

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
CLUSTER = "aws:elasticache/cluster:Cluster"
SERVERLESS = "aws:elasticache/serverlessCache:ServerlessCache"
USER = "aws:elasticache/user:User"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_SECONDARY = {"globalReplicationGroupId": "records"}


@rule(
    "elasticache-group-encrypts-storage",
    on=GROUP,
    severity=HIGH,
    fix="Set at_rest_encryption_enabled=True, and kms_key_id to the ARN of a customer managed key.",
    sound=[{"atRestEncryptionEnabled": True}, {"engine": "valkey"}, _SECONDARY],
    unsound=[
        {},
        {"engine": "redis"},
        {"atRestEncryptionEnabled": False},
        {"engine": "valkey", "atRestEncryptionEnabled": False},
    ],
)
def group_encrypts_storage(group: Properties) -> Verdict:
    """A replication group encrypts its snapshots and what it swaps out: Redis does not unless told, Valkey does."""
    if "globalReplicationGroupId" in group and "atRestEncryptionEnabled" not in group:
        return not_applicable("it is encrypted as its global group is")
    return group.require("atRestEncryptionEnabled", is_(True), default=group.at("engine") == "valkey")


@rule(
    "elasticache-encrypts-with-cmk",
    on=(GROUP, SERVERLESS),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"atRestEncryptionEnabled": True, "kmsKeyId": _KEY}, Resource(SERVERLESS, {"kmsKeyId": _KEY})],
    unsound=[{"atRestEncryptionEnabled": True}, Resource(SERVERLESS, {"engine": "valkey"})],
)
def encrypts_with_cmk(cache: Properties) -> Verdict:
    """A cache is under a customer managed key."""
    return cache.require("kmsKeyId", OWN_KEY)


@rule(
    "elasticache-group-requires-tls",
    on=GROUP,
    severity=HIGH,
    fix="Set transit_encryption_enabled=True, and transit_encryption_mode to required or nothing.",
    sound=[
        {"transitEncryptionEnabled": True},
        {"transitEncryptionEnabled": True, "transitEncryptionMode": "required"},
        _SECONDARY,
    ],
    unsound=[
        {},
        {"transitEncryptionEnabled": False},
        {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"},
    ],
)
def group_requires_tls(group: Properties) -> Verdict:
    """A replication group takes clients by TLS alone; `preferred` still takes those without."""
    if "globalReplicationGroupId" in group and "transitEncryptionEnabled" not in group:
        return not_applicable("it speaks TLS as its global group does")
    alone = Requirement("'required'", lambda mode: mode == "required")
    return all_of(
        group.require("transitEncryptionEnabled", is_(True), default=False),
        group.require("transitEncryptionMode", alone, default="required"),
    )


@rule(
    "elasticache-authenticates-clients",
    on=(GROUP, SERVERLESS),
    severity=HIGH,
    fix="Set user_group_ids (a serverless cache's user_group_id), or auth_token_wo.",
    sound=[
        {"authToken": "correct horse"},
        {"userGroupIds": ["clinicians"]},
        {"authTokenWo": "correct horse", "authTokenWoVersion": 1},
        _SECONDARY,
        Resource(SERVERLESS, {"engine": "valkey", "userGroupId": "clinicians"}),
        Resource(SERVERLESS, {"engine": "memcached"}),
    ],
    unsound=[{}, {"transitEncryptionEnabled": True, "userGroupIds": []}, Resource(SERVERLESS, {"engine": "redis"})],
)
def authenticates_clients(cache: Resource) -> Verdict:
    """A cache asks each client for a password or a token of IAM.

    AWS asks for it where a cache holds ePHI ("HIPAA eligibility", Amazon ElastiCache User Guide).
    """
    if cache.at("engine") == "memcached":
        return not_applicable("Memcached knows no users")
    if "globalReplicationGroupId" in cache:
        return not_applicable("it has its global group's users")
    # Whether one is given is all that is asked: the token is never read.
    if "authToken" in cache or "authTokenWo" in cache:
        return Verdict()
    return cache.require("userGroupId" if cache.type == SERVERLESS else "userGroupIds", is_set())


@rule(
    "elasticache-user-has-a-password",
    on=USER,
    severity=HIGH,
    fix="Set authentication_mode with type iam or password, and leave no_password_required out.",
    sound=[
        {"userName": "reader", "authenticationMode": {"type": "iam"}},
        {"userName": "reader", "passwords": ["correct horse battery"]},
        {"userName": "default", "accessString": "off -@all", "noPasswordRequired": True},
    ],
    unsound=[
        {"userName": "reader", "noPasswordRequired": True, "accessString": "on ~* +@all"},
        {"userName": "default", "authenticationMode": {"type": "no-password-required"}, "accessString": "on ~* +@all"},
    ],
)
def user_has_a_password(user: Properties) -> Verdict:
    """A user signs in with a password or a token of IAM; one that is off signs in with nothing."""
    if str(user.at("accessString", "")).split()[:1] == ["off"]:
        return Verdict()
    if user.at("noPasswordRequired") is True or user.at("authenticationMode.type") == "no-password-required":
        return violation("the user needs no password; `authentication_mode.type` must be 'iam' or 'password'")
    return Verdict()


@rule(
    "elasticache-cluster-encrypts",
    on=CLUSTER,
    severity=HIGH,
    fix="Make a ReplicationGroup, which encrypts, of Redis; set transit_encryption_enabled=True for Memcached.",
    sound=[
        {"engine": "memcached", "transitEncryptionEnabled": True},
        {"replicationGroupId": "records"},
    ],
    unsound=[{"engine": "redis"}, {"engine": "memcached"}, {"engine": "memcached", "transitEncryptionEnabled": False}],
)
def cluster_encrypts(cluster: Properties) -> Verdict:
    """A cluster by itself speaks TLS, which Memcached's can and Redis's cannot."""
    if "replicationGroupId" in cluster:
        return not_applicable("its replication group says how it is encrypted")
    engine = cluster.at("engine", "redis")
    if engine != "memcached":
        return violation(f"`engine` is {engine!r}: a cluster of it by itself encrypts neither at rest nor on the way")
    return cluster.require("transitEncryptionEnabled", is_(True), default=False)


@rule(
    "elasticache-keeps-snapshots",
    on=(GROUP, CLUSTER, SERVERLESS),
    severity=LOW,
    advisory="a cache holds copies of what others keep; where it is the only holder, make this mandatory",
    proposed=PROPOSED_BACKUPS,
    fix="Set snapshot_retention_limit to 15 or more.",
    sound=[{"snapshotRetentionLimit": 15}, Resource(CLUSTER, {"engine": "memcached"}), _SECONDARY],
    unsound=[{}, {"snapshotRetentionLimit": 0}, Resource(CLUSTER, {"engine": "redis"})],
)
def keeps_snapshots(cache: Resource) -> Verdict:
    """A cache keeps its automatic snapshots for 15 days, as AWS Config's rule asks unless told otherwise."""
    if cache.at("engine") == "memcached":
        return not_applicable("Memcached has no snapshots")
    if "globalReplicationGroupId" in cache or "replicationGroupId" in cache:
        return not_applicable("its group keeps them")
    return cache.require("snapshotRetentionLimit", at_least(15, "days"), default=0)


@rule(
    "elasticache-group-fails-over",
    on=GROUP,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set automatic_failover_enabled=True and multi_az_enabled=True, with two nodes or more.",
    sound=[{"automaticFailoverEnabled": True, "multiAzEnabled": True}],
    unsound=[{}, {"automaticFailoverEnabled": True}],
)
def group_fails_over(group: Properties) -> Verdict:
    """A replication group has a replica in another zone take over where its primary fails."""
    return all_of(
        group.require("automaticFailoverEnabled", is_(True), default=False),
        group.require("multiAzEnabled", is_(True), default=False),
    )


@rule(
    "elasticache-takes-minor-upgrades",
    on=(GROUP, CLUSTER, "aws:memorydb/cluster:Cluster"),
    severity=LOW,
    advisory=UPGRADES_MAY_BE_BY_HAND,
    proposed=PROPOSED_PATCHES,
    fix="Leave auto_minor_version_upgrade out or set it to True.",
    sound=[{}, {"autoMinorVersionUpgrade": True}, Resource(CLUSTER, {"autoMinorVersionUpgrade": "true"})],
    unsound=[{"autoMinorVersionUpgrade": False}, Resource(CLUSTER, {"autoMinorVersionUpgrade": "false"})],
)
def takes_minor_upgrades(cache: Properties) -> Verdict:
    """A cache takes its engine's minor versions by itself."""
    said: Any = cache.at("autoMinorVersionUpgrade", True)
    if str(said).lower() == "false":
        return violation("`auto_minor_version_upgrade` is false; it must be true")
    return Verdict()
