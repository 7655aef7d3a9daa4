"""Amazon RDS, one database at a time: encryption, reach and password of instances, clusters and their members.

`rds_upkeep` has how they are kept, `rds_companions` their clients' TLS.

A read replica, and a cluster that follows one of another Region, is a copy: it has its source's password and storage
encryption, and is made anew where a source would be restored.
"""

from __future__ import annotations

from hipaa.aws.advice import OWN_KEY_IS_MORE, WHAT_IS_GIVEN_IS_ENCRYPTED
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, not_applicable, violation

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_AWS_KEY = "arn:aws:kms:us-east-1:111122223333:alias/aws/rds"
REPLICA = {"replicateSourceDb": "records"}
_FOLLOWER = {"globalClusterIdentifier": "records", "engine": "aurora-postgresql"}


def is_copy(database: Properties) -> bool:
    """Whether another database is its source.

    Of a global cluster's members, only the first has a master user, or a snapshot that it comes from.
    """
    begins = any(name in database for name in ("masterUsername", "snapshotIdentifier", "restoreToPointInTime"))
    follows = "globalClusterIdentifier" in database and not begins
    return follows or "replicateSourceDb" in database or "replicationSourceIdentifier" in database


def is_custom(database: Properties) -> bool:
    """Whether it is RDS Custom, whose host and engine are its owner's to run.

    Raises:
        UnknownValue: when the engine is not known before the update.
    """
    return str(database.at("engine", "")).startswith(tuple(fact("rds-custom")))


@rule(
    "rds-instance-encrypts-storage",
    on=(INSTANCE, CLUSTER),
    severity=HIGH,
    fix="Set storage_encrypted=True.",
    sound=[
        {"storageEncrypted": True},
        Resource(CLUSTER, {"storageEncrypted": True}),
        REPLICA,
        Resource(CLUSTER, _FOLLOWER),
    ],
    unsound=[
        {},
        {"storageEncrypted": False, "kmsKeyId": _KEY},
        {"snapshotIdentifier": "rds:records-2026-01-01"},
        Resource(CLUSTER, {"engine": "aurora-postgresql"}),
    ],
)
def instance_encrypts_storage(database: Properties) -> Verdict:
    """A database encrypts its storage, and with it its backups and snapshots: RDS does not unless told.

    RDS makes no encrypted copy of what is not encrypted, nor the other way round. What is restored is encrypted as its
    snapshot was: saying so here has the provider refuse to call it the same database where it is not.
    """
    if is_copy(database):
        return not_applicable("a copy is encrypted as its source is")
    return database.require("storageEncrypted", is_(True), default=False)


@rule(
    "rds-instance-encrypts-with-cmk",
    on=(INSTANCE, CLUSTER),
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set storage_encrypted=True and kms_key_id to the ARN of a customer managed key.",
    sound=[
        {"storageEncrypted": True, "kmsKeyId": _KEY},
        Resource(CLUSTER, {"storageEncrypted": True, "kmsKeyId": _KEY}),
        REPLICA,
        {"replicateSourceDb": "arn:aws:rds:us-west-2:111122223333:db:records", "kmsKeyId": _KEY},
        Resource(CLUSTER, _FOLLOWER),
    ],
    unsound=[
        {},
        {"storageEncrypted": False, "kmsKeyId": _KEY},
        {"storageEncrypted": True},
        {"storageEncrypted": True, "kmsKeyId": _AWS_KEY},
        {"storageEncrypted": False, "kmsKeyId": UNKNOWN},
        {"snapshotIdentifier": "rds:records-2026-01-01"},
        REPLICA | {"kmsKeyId": _AWS_KEY},
        Resource(CLUSTER, {"storageEncrypted": True}),
    ],
)
def instance_encrypts_with_cmk(database: Properties) -> Verdict:
    """A database encrypts its storage, backups and snapshots with a customer managed key."""
    if is_copy(database):
        if "kmsKeyId" not in database:
            return not_applicable("a copy is encrypted as its source is")
        return database.require("kmsKeyId", OWN_KEY)
    return all_of(database.require("storageEncrypted", is_(True), default=False), database.require("kmsKeyId", OWN_KEY))


@rule(
    "rds-instance-is-private",
    on=(INSTANCE, MEMBER, CLUSTER),
    severity=CRITICAL,
    fix="Leave publicly_accessible out or set it to False, and reach the database from within its VPC.",
    sound=[{}, {"publiclyAccessible": False}, Resource(MEMBER, {}), REPLICA],
    unsound=[
        {"publiclyAccessible": True},
        REPLICA | {"publiclyAccessible": True},
        Resource(MEMBER, {"publiclyAccessible": True}),
        Resource(CLUSTER, {"publiclyAccessible": True}),
    ],
)
def instance_is_private(database: Properties) -> Verdict:
    """A database has no address on the internet, whatever its security groups say."""
    return database.require("publiclyAccessible", is_(False), default=False)


_GIVEN = ("password", "passwordWo", "masterPassword", "masterPasswordWo")
_MANAGED = {"manageMasterUserPassword": True, "masterUserSecretKmsKeyId": _KEY}


@rule(
    "rds-instance-leaves-its-password-to-secrets-manager",
    on=(INSTANCE, CLUSTER),
    severity=HIGH,
    advisory=WHAT_IS_GIVEN_IS_ENCRYPTED,
    fix="Set manage_master_user_password=True and master_user_secret_kms_key_id; leave the password out.",
    sound=[
        _MANAGED,
        Resource(CLUSTER, _MANAGED),
        _MANAGED | {"snapshotIdentifier": "rds:records-2026-01-01"},
        REPLICA,
        Resource(CLUSTER, _FOLLOWER),
        {"engine": "custom-oracle-ee", "password": "correct horse"},
    ],
    unsound=[
        {},
        {"password": "correct horse"},
        {"password": UNKNOWN, "manageMasterUserPassword": UNKNOWN},
        {"passwordWo": "correct horse", "passwordWoVersion": 1},
        _MANAGED | {"password": "correct horse"},
        {"manageMasterUserPassword": True},
        _MANAGED | {"masterUserSecretKmsKeyId": "alias/aws/secretsmanager"},
        {"snapshotIdentifier": "rds:records-2026-01-01"},
        Resource(CLUSTER, {"masterUsername": "administrator", "masterPassword": "correct horse"}),
        Resource(CLUSTER, {"globalClusterIdentifier": "records", "masterUsername": "administrator"}),
        Resource(CLUSTER, _FOLLOWER | {"snapshotIdentifier": "records-2026-01-01"}),
    ],
)
def instance_leaves_its_password_to_secrets_manager(database: Properties) -> Verdict:
    """RDS itself makes the master password, keeps it in Secrets Manager under a customer managed key, and rotates it.

    A password that a program gives is known to whoever runs it, and stays the same until somebody thinks of it.
    RDS Custom cannot do it ("Password management with Amazon RDS and AWS Secrets Manager", Amazon RDS User Guide).
    """
    if is_copy(database):
        return not_applicable("a copy has its source's master user")
    if is_custom(database):
        return not_applicable("RDS Custom manages no password")
    return all_of(
        # Whether a password is given is all that is asked: it is never read.
        *(
            violation(f"`{database.where(name)}` is set; RDS must make the password")
            for name in _GIVEN
            if name in database
        ),
        database.require("manageMasterUserPassword", is_(True), default=False),
        database.require("masterUserSecretKmsKeyId", OWN_KEY),
    )


@rule(
    "rds-insights-encrypt-with-cmk",
    on=(INSTANCE, MEMBER, CLUSTER),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set performance_insights_kms_key_id to the ARN of a customer managed key, or turn Performance Insights off.",
    sound=[
        {},
        {"performanceInsightsEnabled": True, "performanceInsightsKmsKeyId": _KEY},
        Resource(MEMBER, {"performanceInsightsEnabled": True, "performanceInsightsKmsKeyId": _KEY}),
    ],
    unsound=[
        {"performanceInsightsEnabled": True},
        {"performanceInsightsEnabled": True, "performanceInsightsKmsKeyId": _AWS_KEY},
        REPLICA | {"performanceInsightsEnabled": True},
        Resource(MEMBER, {"performanceInsightsEnabled": True}),
        Resource(CLUSTER, {"performanceInsightsEnabled": True}),
    ],
)
def insights_encrypt_with_cmk(database: Properties) -> Verdict:
    """Performance Insights, where it is on, keeps what it saw under a customer managed key.

    It keeps the text of statements, and with it what a program wrote into them.
    """
    if database.at("performanceInsightsEnabled") is not True:
        return not_applicable("Performance Insights is off")
    return database.require("performanceInsightsKmsKeyId", OWN_KEY)
